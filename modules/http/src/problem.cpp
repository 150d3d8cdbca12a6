// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/problem.hpp"

#include <algorithm>

namespace millrace::http {

Response problem(int status, std::string_view type, std::string_view title, std::string_view detail,
                 std::initializer_list<telemetry::Field> extra) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  std::string& out = response.body;
  out += '{';
  telemetry::append_json_field(out, {"type", type.empty() ? "about:blank" : type});
  out += ',';
  telemetry::append_json_field(out, {"title", title.empty() ? reason_phrase(status) : title});
  out += ',';
  telemetry::append_json_field(out, {"status", status});
  if (!detail.empty()) {
    out += ',';
    telemetry::append_json_field(out, {"detail", detail});
  }
  for (const telemetry::Field& field : extra) {
    out += ',';
    telemetry::append_json_field(out, field);
  }
  out += '}';
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
