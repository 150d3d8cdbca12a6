// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/message.hpp"

#include <algorithm>
#include <charconv>

namespace millrace::http {

std::string_view method_name(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::del:
      return "DELETE";
    case Method::patch:
      return "PATCH";
    case Method::options:
      return "OPTIONS";
    case Method::other:
      break;
  }
  return "OTHER";
}

std::string_view Request::param(std::string_view name) const {
  for (const auto& [key, value] : params) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

std::optional<std::string_view> Request::query_param(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) {
      return value;
    }
  }
  return std::nullopt;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

std::optional<std::chrono::seconds> prefer_wait(const Headers& headers) {
  std::string_view rest = headers.find("Prefer").value_or("");
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(",;"), rest.size());
    std::string_view preference = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    preference.remove_prefix(std::min(preference.find_first_not_of(" \t"), preference.size()));
    constexpr std::string_view name = "wait=";
    if (!equal_ignoring_case(preference.substr(0, name.size()), name)) {
      continue;
    }
    preference.remove_prefix(name.size());
    preference = preference.substr(0, preference.find_last_not_of(" \t") + 1);
    unsigned seconds = 0;
    const char* const last = preference.data() + preference.size();
    const auto read = std::from_chars(preference.data(), last, seconds);
    constexpr unsigned day = 86'400;
    if (read.ec == std::errc() && read.ptr == last && seconds <= day) {
      return std::chrono::seconds(seconds);
    }
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace millrace::http
