// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/assert.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "shop.hpp"

/// The first byte is the count of headers; the rest is read as both kinds of headers and as a key.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::codec;
  if (size == 0) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto context = read_event_headers(bytes, data[0])) {
    EncodedHeaders headers;
    append_event_headers(headers, {.id = context->id,
                                   .source = context->source,
                                   .type = context->type,
                                   .correlation = context->correlation,
                                   .causation = context->causation,
                                   .trace = context->trace,
                                   .request = context->request});
    MILLRACE_ASSERT(read_event_headers(headers.bytes, headers.count).has_value(),
                    "headers that are written can be read");
  }
  (void)read_private_context(bytes, data[0]);
  shop::Everything key;
  (void)decode_key(type_info<shop::Everything>(), bytes, &key);
  return 0;
}
