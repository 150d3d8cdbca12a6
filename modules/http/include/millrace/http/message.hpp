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

/// The methods of HTTP that are routed; any other is `other`.
enum class Method : unsigned char { get, head, post, put, del, patch, options, other };

/// `GET`, `HEAD`, `POST`, `PUT`, `DELETE`, `PATCH`, `OPTIONS`; `OTHER` for the rest.
[[nodiscard]] std::string_view method_name(Method method);

/// A request as a handler gets it: whole, within the limits, its text decoded. A value; move it
/// where it is needed.
class Request {
 public:
  Method method = Method::get;
  std::string target;  ///< As sent: path and query, encoded.
  std::string path;    ///< The path alone, decoded.
  Headers headers;
  std::string body;
  std::string id;  ///< The sender's `X-Request-Id` if it sent a sane one, else made here; every
                   ///< answer carries it.
  std::vector<std::pair<std::string, std::string>>
      params;  ///< What the pattern captured, decoded, in order.
  std::vector<std::pair<std::string, std::string>>
      query;  ///< Query parameters, decoded, in order; repeats are kept.

  /// What the route's pattern captured under `{name}`; empty when it has no such capture.
  [[nodiscard]] std::string_view param(std::string_view name) const;
  /// The first query parameter of that name. The view lives as long as the request.
  [[nodiscard]] std::optional<std::string_view> query_param(std::string_view name) const;
  /// The first header of that name. The view lives as long as the request.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    return headers.find(name);
  }
};

/// An answer. A value. `Content-Length`, `Connection` and `X-Request-Id` are the server's business.
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
