// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kafka_proxy/protocol.hpp"
#include "kafka_proxy/wire.hpp"
#include "millrace/base/assert.hpp"

using namespace millrace::testkit;
using namespace millrace::testkit::kafka_proxy;

// Any bytes are read as a request and as a response to it, or refused; what is written is a frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto expect_frame = [](const std::optional<std::string>& frame) {
    if (!frame) return;
    WireReader reader(*frame);
    MILLRACE_ASSERT(reader.i32() == static_cast<std::int32_t>(frame->size()) - 4,
                    "a frame begins with its size");
  };
  const auto request = decode_request(bytes);
  if (!request) return 0;
  static_cast<void>(has_response(*request));
  if (can_fail(request->api)) expect_frame(fail_request(*request, 1));
  // The rest of the input is the response, with its size in front.
  WireWriter response;
  expect_frame(
      rewrite_response(request->api, request->version, response.raw(request->body).finish(),
                       [](std::int32_t, const Address&) { return Address{"127.0.0.1", 9092}; }));
  return 0;
}
