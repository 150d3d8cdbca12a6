// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/record.hpp"

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"

namespace millrace::log {

bool HeadersView::next(std::string_view& cursor, HeaderView& out) {
  ByteReader in(cursor);
  out.key = in.varint_text<std::int32_t>();
  out.value.reset();
  constexpr std::int32_t null = -1;
  if (const auto size = in.varint<std::int32_t>(); size != null) {
    out.value = in.bytes(size);
  }
  if (!in.ok()) {
    return false;
  }
  cursor = in.rest();
  return true;
}

std::optional<std::string_view> HeadersView::find(std::string_view key) const {
  std::string_view cursor = encoded_;
  HeaderView header;
  while (next(cursor, header)) {
    if (header.key == key) {
      return header.value;
    }
  }
  return std::nullopt;
}

HeadersBuilder& HeadersBuilder::add(std::string_view key, std::optional<std::string_view> value) {
  ByteWriter out(encoded_, 2 * varint_bytes_max + key.size() + (value ? value->size() : 0));
  out.varint_text<std::int64_t>(key);
  if (value) {
    out.varint_text<std::int64_t>(*value);
  } else {
    out.varint(-1);
  }
  ++count_;
  return *this;
}

void HeadersBuilder::clear() {
  encoded_.clear();
  count_ = 0;
}

}  // namespace millrace::log
