// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/problem.hpp"

#include <algorithm>

#include "millrace/base/json_writer.hpp"

namespace millrace::http {

Response problem(int status, std::string_view type, std::string_view title, std::string_view detail,
                 std::initializer_list<telemetry::Field> extra) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  std::string body;
  JsonWriter out(body);
  out.begin_object()
      .field("type", type.empty() ? "about:blank" : type)
      .field("title", title.empty() ? reason_phrase(status) : title)
      .field("status", status);
  if (!detail.empty()) {
    out.field("detail", detail);
  }
  for (const telemetry::Field& field : extra) {
    telemetry::write_field(out, field);
  }
  response.body = out.end_object().take();
  return response;
}

Response problem_retry(int status, std::chrono::milliseconds retry_after, std::string_view type,
                       std::string_view detail, std::initializer_list<telemetry::Field> extra) {
  Response response = problem(status, type, {}, detail, extra);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(retry_after).count();
  response.headers.set("Retry-After", std::to_string(std::max<std::int64_t>(1, seconds)));
  return response;
}

}  // namespace millrace::http
