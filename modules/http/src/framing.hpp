// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/http/headers.hpp"

namespace millrace::http {

/// Why a message was refused: the status of the response, and the reason in words.
struct ReadFailure {
  int status = 400;
  std::string detail;
};

/// What a request says before its fields.
struct RequestLine {
  bool is_connect = false;
  bool is_options = false;
  bool is_http_11 = true;
  std::string_view target;
};

/// Why a request's head leaves in doubt where the request ends or whom it is for (RFC 9112,
/// sections 3.2, 3.3 and 6); no value when it does not. Stricter than the RFC where it leaves a
/// choice: what two programs on the way may read differently is refused. So exactly one
/// `Content-Length` of digits, or exactly `Transfer-Encoding: chunked`, or neither.
[[nodiscard]] std::optional<ReadFailure> check_request_head(const RequestLine& line,
                                                            const Headers& headers);

/// The same for a response's head; the text says what is wrong.
[[nodiscard]] std::optional<std::string> check_response_head(int status, bool is_http_11,
                                                             const Headers& headers);

/// Whether `text` is a host and an optional port, as in a `Host` field: a name of letters, digits,
/// `-._~` and percent escapes, an IPv4 address, or an IPv6 address in brackets.
[[nodiscard]] bool is_host_and_port(std::string_view text);

}  // namespace millrace::http
