// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/compressed_batch.hpp"

#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log::kafka::wire {

void append_compressed_batch(const Compression& compression, std::string_view plain,
                             std::string& out) {
  const std::size_t start = out.size();
  out.append(plain.substr(0, record_batch_header_bytes));
  const std::string_view records = plain.substr(record_batch_header_bytes);
  if (!compress(compression, records, out)) {
    out.append(records);
    return;
  }
  char* const batch = out.data() + start;
  const std::size_t bytes = out.size() - start;
  store_big(batch + batch_layout::batch_length,
            static_cast<std::int32_t>(bytes - batch_layout::length_starts_at));
  const auto attributes = load_big<std::uint16_t>(batch + batch_layout::attributes);
  store_big(batch + batch_layout::attributes,
            static_cast<std::uint16_t>(attributes | static_cast<unsigned>(compression.codec)));
  store_big(batch + batch_layout::crc,
            crc32c({batch + batch_layout::attributes, bytes - batch_layout::attributes}));
}

}  // namespace millrace::log::kafka::wire
