// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/record_source.hpp"

#include "millrace/base/random.hpp"

namespace millrace::bench {

RecordSource::RecordSource(std::size_t value_bytes, std::uint64_t keys, std::uint64_t seed)
    : value_bytes_(value_bytes), keys_(keys), state_(seed) {
  SeededRandom random(seed);
  text_.reserve(text_window + value_bytes);
  while (text_.size() < text_window + value_bytes)
    text_ += static_cast<char>('a' + random.below(26));
}

}  // namespace millrace::bench
