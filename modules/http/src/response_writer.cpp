// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "response_writer.hpp"

#include <charconv>

namespace millrace::http {
namespace {

void append_number(std::string& out, std::uint64_t number) {
  char text[24];
  out.append(text, std::to_chars(std::begin(text), std::end(text), number).ptr);
}

// Fields that the server writes itself: a handler's own would make the message ambiguous.
bool is_framing(std::string_view name) {
  for (const std::string_view reserved : {"Content-Length", "Connection", "Transfer-Encoding",
                                          "Content-Type", "Date", "X-Request-Id"}) {
    if (equal_ignoring_case(name, reserved)) {
      return true;
    }
  }
  return false;
}

// A value that the program set, not a peer; still no line may end early.
void append_clean(std::string& out, std::string_view value) {
  for (const char c : value) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  }
}

}  // namespace

void write_head(std::string& out, const Response& response, const ResponseFraming& framing) {
  out.assign("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(response.status));
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\nDate: ";
  out += framing.date;
  if (!framing.request_id.empty()) {
    out += "\r\nX-Request-Id: ";
    out += framing.request_id;
  }
  for (std::size_t i = 0; i < response.headers.size(); ++i) {
    const auto [name, value] = response.headers.at(i);
    if (!is_framing(name)) {
      out.append("\r\n").append(name).append(": ").append(value);
    }
  }
  if (!response.body.empty() && !response.content_type.empty()) {
    out += "\r\nContent-Type: ";
    append_clean(out, response.content_type);
  }
  if (response.status != 204 && response.status != 304) {
    out += "\r\nContent-Length: ";
    append_number(out, response.body.size());
  }
  out +=
      framing.keep_alive ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
}

}  // namespace millrace::http
