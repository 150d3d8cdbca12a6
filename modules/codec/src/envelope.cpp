// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/envelope.hpp"

#include "millrace/base/text.hpp"
#include "traceparent.hpp"

namespace millrace::codec {
namespace {

// Upper case is not allowed.
bool read_hex(std::string_view text, std::uint64_t& out) {
  out = 0;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0 || (c >= 'A' && c <= 'F')) {
      return false;
    }
    out = (out << 4U) | static_cast<unsigned>(digit);
  }
  return true;
}

}  // namespace

void write_traceparent(char* out, const TraceContext& trace) {
  *out++ = '0';
  *out++ = '0';
  *out++ = '-';
  out = write_hex(write_hex(out, trace.trace_high, 16), trace.trace_low, 16);
  *out++ = '-';
  out = write_hex(out, trace.span, 16);
  *out++ = '-';
  write_hex(out, trace.flags, 2);
}

void append_traceparent(std::string& out, const TraceContext& trace) {
  char text[traceparent_bytes];
  write_traceparent(text, trace);
  out.append(text, sizeof text);
}

std::string_view to_string(Envelope envelope) {
  switch (envelope) {
    case Envelope::cloud_events:
      return "cloud_events";
    case Envelope::context:
      return "context";
    case Envelope::none:
      break;
  }
  return "none";
}

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  // A later version may append more, after a dash.
  const bool framed = text.size() >= traceparent_bytes && text[2] == '-' && text[35] == '-' &&
                      text[52] == '-' &&
                      (text.size() == traceparent_bytes ||
                       (text[traceparent_bytes] == '-' && text.substr(0, 2) != "00"));
  TraceContext trace;
  std::uint64_t version = 0;
  std::uint64_t flags = 0;
  if (!framed || !read_hex(text.substr(0, 2), version) || version == 0xffU ||
      !read_hex(text.substr(3, 16), trace.trace_high) ||
      !read_hex(text.substr(19, 16), trace.trace_low) ||
      !read_hex(text.substr(36, 16), trace.span) || !read_hex(text.substr(53, 2), flags) ||
      !trace.valid()) {
    return std::nullopt;
  }
  trace.flags = static_cast<std::uint8_t>(flags);
  return trace;
}

}  // namespace millrace::codec
