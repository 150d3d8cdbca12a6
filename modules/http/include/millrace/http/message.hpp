// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/http/headers.hpp"

namespace millrace::http {

/// The HTTP methods that a router knows; any other method is `other`.
enum class Method : unsigned char { get, head, post, put, del, patch, options, other };

/// `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `PATCH`, `OPTIONS`; `OTHER` for the rest.
[[nodiscard]] std::string_view method_name(Method method);

/// A request as a handler gets it: complete and within the limits. A value type; move it where it
/// is needed.
class Request {
 public:
  Method method = Method::get;
  std::string target;  ///< As sent: path and query, encoded.
  std::string path;    ///< The path alone, decoded.
  Headers headers;
  std::string body;
  /// The `X-Request-Id` of the sender if it is valid, otherwise a new id; each response contains
  /// it.
  std::string id;
  /// The captures of the pattern, decoded, in order.
  std::vector<std::pair<std::string, std::string>> params;
  /// Query parameters, decoded, in order; repeats are kept.
  std::vector<std::pair<std::string, std::string>> query;

  /// The value of the capture `{name}` in the pattern of the route; empty when there is no such
  /// capture.
  [[nodiscard]] std::string_view param(std::string_view name) const;
  /// The first query parameter of that name. The view lives as long as the request.
  [[nodiscard]] std::optional<std::string_view> query_param(std::string_view name) const;
  /// The first header of that name. The view lives as long as the request.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    return headers.find(name);
  }
};

/// A response. A value type. The server writes `Content-Length`, `Connection` and `X-Request-Id`
/// itself.
struct Response {
  int status = 200;
  std::string body{};
  std::string content_type = "application/json";  ///< Left out when the body is empty.
  Headers headers{};
};

/// The reason phrase of a status, `Not Found` for 404.
[[nodiscard]] std::string_view reason_phrase(int status);

/// The seconds of a `Prefer: wait=SECONDS` header (RFC 7240); no value when there is none or it is
/// not a number up to a day.
[[nodiscard]] std::optional<std::chrono::seconds> prefer_wait(const Headers& headers);

}  // namespace millrace::http
