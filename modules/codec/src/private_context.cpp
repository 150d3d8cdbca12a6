// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <charconv>

#include "header_bytes.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/codec.hpp"

namespace millrace::codec {
namespace {

constexpr auto context_key = header_key("cx");
constexpr std::size_t trace_bytes = 25;
constexpr auto version_header = header("pv", "2");
constexpr auto type_key = header_key("vt");
// Of values and of this context. A record of version 2 has the header vt.
constexpr std::uint64_t format_version = 2;

// An event of no request ends after the two texts. What follows the third was added by a later
// build within this version.
bool read_context(std::string_view bytes, EventContext& out) {
  ByteReader in(bytes);
  out.trace.trace_high = in.big<std::uint64_t>();
  out.trace.trace_low = in.big<std::uint64_t>();
  out.trace.span = in.big<std::uint64_t>();
  out.trace.flags = in.byte();
  out.correlation = in.varint_text<std::uint64_t>();
  out.id = in.varint_text<std::uint64_t>();
  if (in.ok() && !in.at_end()) out.request = in.varint_text<std::uint64_t>();
  return in.ok();
}

// The first header of a record of a later version says so.
Status check_private_version(std::string_view encoded, std::int32_t count) {
  if (count == 0) {
    return {};
  }
  ByteReader in(encoded);
  const RawHeader first = next_header(in);
  if (!in.ok()) {
    return fail(errc::bad_envelope, "the bytes of the record's headers are malformed");
  }
  if (first.key != "pv" || !first.has_value) {
    return {};
  }
  if (const auto found = newer_version(first.value, format_version)) {
    return fail(errc::incompatible, newer_format("", "the private record", *found, format_version));
  }
  return {};
}

}  // namespace

void append_private_context(EncodedHeaders& out, const EventContext& context) {
  const auto text_bytes = [](std::string_view text) {
    return varint_bytes(text.size()) + text.size();
  };
  const std::size_t size = trace_bytes + text_bytes(context.correlation) + text_bytes(context.id) +
                           (context.request.empty() ? 0 : text_bytes(context.request));
  ByteWriter writer(out.bytes, context_key.size() + varint_bytes_max + size);
  writer.bytes({context_key.data(), context_key.size()}).varint(static_cast<std::int64_t>(size));
  writer.big(context.trace.trace_high).big(context.trace.trace_low).big(context.trace.span);
  writer.byte(static_cast<char>(context.trace.flags));
  writer.varint_text<std::uint64_t>(context.correlation).varint_text<std::uint64_t>(context.id);
  if (!context.request.empty()) writer.varint_text<std::uint64_t>(context.request);
  ++out.count;
}

void append_value_type(EncodedHeaders& out, std::uint32_t number) {
  const std::string text = std::to_string(number);
  ByteWriter writer(out.bytes,
                    version_header.size() + type_key.size() + varint_bytes_max + text.size());
  writer.bytes({version_header.data(), version_header.size()});
  write_header(writer, type_key, text);
  out.count += 2;
}

Result<std::uint32_t> read_value_type(std::string_view encoded, std::int32_t count) {
  MILLRACE_TRY(check_private_version(encoded, count));
  ByteReader in(encoded);
  for (std::int32_t i = 0; i < count; ++i) {
    const RawHeader header = next_header(in);
    if (!in.ok())
      return fail(errc::bad_envelope, "the bytes of the record's headers are malformed");
    if (header.key != "vt") continue;
    std::uint32_t number = 0;
    const char* const end = header.value.data() + header.value.size();
    const auto read = std::from_chars(header.value.data(), end, number);
    if (read.ec != std::errc{} || read.ptr != end || number == 0)
      return fail(errc::bad_envelope, "the header vt of a private record is no number");
    return number;
  }
  return 1;
}

Result<EventContext> read_private_context(std::string_view encoded, std::int32_t count) {
  MILLRACE_TRY(check_private_version(encoded, count));
  ByteReader in(encoded);
  EventContext context;
  for (std::int32_t i = 0; i < count; ++i) {
    const RawHeader header = next_header(in);
    if (!in.ok()) {
      return fail(errc::bad_envelope, "the bytes of the record's headers are malformed");
    }
    if (header.key == "cx" && header.has_value) {
      if (!read_context(header.value, context)) {
        return fail(errc::bad_envelope, "the header cx of a private record is malformed");
      }
      return context;
    }
  }
  return context;
}

}  // namespace millrace::codec
