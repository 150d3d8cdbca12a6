// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "millrace/http/message.hpp"

namespace millrace::http {

/// What the server adds to a handler's answer.
struct ResponseFraming {
  std::string_view date;
  std::string_view request_id;  ///< Left out when empty.
  bool keep_alive;
};

/// Makes `out` the status line and the header fields of `response`, with the empty line behind
/// them.
void write_head(std::string& out, const Response& response, const ResponseFraming& framing);

}  // namespace millrace::http
