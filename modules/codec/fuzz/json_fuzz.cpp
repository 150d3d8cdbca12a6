// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "millrace/base/assert.hpp"
#include "shop.hpp"

/// Whatever is accepted must be a value that can be written and read again, but for integers beyond
/// 2^53: they are read and never written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::codec;
  const TypeInfo& type = type_info<shop::Everything>();
  shop::Everything value;
  if (decode_json(type, {}, {reinterpret_cast<const char*>(data), size}, &value)) {
    std::string again;
    try {
      encode_json(type, &value, again);
    } catch (const std::domain_error&) {
      return 0;
    }
    MILLRACE_ASSERT(decode_json(type, {}, again, &value).has_value(),
                    "what is written can be read");
  }
  return 0;
}
