// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/assert.hpp"
#include "shop.hpp"

/// Whatever is accepted must be a value that can be written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::codec;
  const TypeInfo& type = type_info<shop::Everything>();
  shop::Everything value;
  if (decode_binary(type, {reinterpret_cast<const char*>(data), size}, &value)) {
    std::string again;
    encode_binary(type, &value, again);
    MILLRACE_ASSERT(decode_binary(type, again, &value).has_value(), "what is written can be read");
  }
  return 0;
}
