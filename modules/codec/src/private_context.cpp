// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstring>

#include "header_bytes.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/codec.hpp"
#include "writer.hpp"

namespace millrace::codec {
namespace {

constexpr auto context_key = header_key("cx");
constexpr std::size_t trace_bytes = 25;

char* write_big_endian(char* out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    *out++ = static_cast<char>(value >> shift);
  }
  return out;
}

std::uint64_t read_big_endian(const char* in) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) {
    value = (value << 8U) | static_cast<unsigned char>(in[i]);
  }
  return value;
}

std::size_t varint_bytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 0x80U; value >>= 7U) {
    ++bytes;
  }
  return bytes;
}

char* write_text(char* out, std::string_view text) {
  return copy_bytes(write_varint(out, text.size()), text);
}

bool read_text(std::string_view& in, std::string_view& out) {
  std::uint64_t size = 0;
  if (!read_varint(in, size) || size > in.size()) {
    return false;
  }
  out = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

// What follows the two texts was added by a later version.
bool read_context(std::string_view in, EventContext& out) {
  if (in.size() < trace_bytes) {
    return false;
  }
  out.trace.trace_high = read_big_endian(in.data());
  out.trace.trace_low = read_big_endian(in.data() + 8);
  out.trace.span = read_big_endian(in.data() + 16);
  out.trace.flags = static_cast<std::uint8_t>(in[24]);
  in.remove_prefix(trace_bytes);
  return read_text(in, out.correlation) && read_text(in, out.id);
}

}  // namespace

void append_private_context(EncodedHeaders& out, const EventContext& context) {
  const std::size_t size = trace_bytes + varint_bytes(context.correlation.size()) +
                           context.correlation.size() + varint_bytes(context.id.size()) +
                           context.id.size();
  Writer writer(out.bytes);
  char* at = writer.room(context_key.size() + varint_bytes_max + size);
  std::memcpy(at, context_key.data(), context_key.size());
  at = write_varint(at + context_key.size(), zigzag(static_cast<std::int64_t>(size)));
  at = write_big_endian(at, context.trace.trace_high);
  at = write_big_endian(at, context.trace.trace_low);
  at = write_big_endian(at, context.trace.span);
  *at++ = static_cast<char>(context.trace.flags);
  writer.advance(write_text(write_text(at, context.correlation), context.id));
  ++out.count;
}

Result<EventContext> read_private_context(std::string_view encoded, std::int32_t count) {
  EventContext context;
  for (std::int32_t i = 0; i < count; ++i) {
    RawHeader header;
    if (!next_header(encoded, header)) {
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
