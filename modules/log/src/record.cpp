// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/record.hpp"

#include <cstring>

#include "varint.hpp"

namespace millrace::log {

bool HeadersView::next(std::string_view& cursor, HeaderView& out) {
  const char* at = cursor.data();
  const char* const end = at + cursor.size();
  std::int32_t key_length = 0;
  at = read_varint(at, end, key_length);
  if (at == nullptr || key_length < 0 || end - at < key_length) {
    return false;
  }
  out.key = {at, static_cast<std::size_t>(key_length)};
  at += key_length;
  std::int32_t value_length = 0;
  at = read_varint(at, end, value_length);
  if (at == nullptr || value_length < -1 || end - at < value_length) {
    return false;
  }
  if (value_length < 0) {
    out.value.reset();
  } else {
    out.value.emplace(at, static_cast<std::size_t>(value_length));
    at += value_length;
  }
  cursor = {at, static_cast<std::size_t>(end - at)};
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
  const auto key_length = static_cast<std::int64_t>(key.size());
  const auto value_length = value ? static_cast<std::int64_t>(value->size()) : -1;
  const std::size_t old_size = encoded_.size();
  encoded_.resize(old_size + varint_bytes(key_length) + key.size() + varint_bytes(value_length) +
                  (value ? value->size() : 0));
  char* at = write_varint(encoded_.data() + old_size, key_length);
  if (!key.empty()) {
    std::memcpy(at, key.data(), key.size());
  }
  at = write_varint(at + key.size(), value_length);
  if (value && !value->empty()) {
    std::memcpy(at, value->data(), value->size());
  }
  ++count_;
  return *this;
}

HeadersBuilder& HeadersBuilder::add_all(HeadersView headers) {
  encoded_.append(headers.encoded());
  count_ += headers.size();
  return *this;
}

void HeadersBuilder::clear() {
  encoded_.clear();
  count_ = 0;
}

}  // namespace millrace::log
