// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_proxy/wire.hpp"

#include <utility>

namespace millrace::testkit::kafka_proxy {

std::uint64_t WireReader::integer(std::size_t size) {
  std::uint64_t value = 0;
  for (const char byte : raw(size))
    value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::uint32_t WireReader::uvarint() {
  std::uint32_t value = 0;
  for (int shift = 0; shift < 32; shift += 7) {
    const auto byte = static_cast<unsigned char>(i8());
    value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  ok_ = false;
  return 0;
}

std::string_view WireReader::raw(std::size_t size) {
  if (!ok_ || size > bytes_.size() - position_) {
    ok_ = false;
    return {};
  }
  const auto part = bytes_.substr(position_, size);
  position_ += size;
  return part;
}

std::string_view WireReader::string() {
  if (!flexible_) return fixed_string();
  const auto size = uvarint();
  return size == 0 ? std::string_view{} : raw(size - 1);
}

std::string_view WireReader::fixed_string() {
  const auto size = i16();
  return size < 0 ? std::string_view{} : raw(static_cast<std::size_t>(size));
}

std::string_view WireReader::bytes() {
  if (flexible_) return string();
  const auto size = i32();
  return size < 0 ? std::string_view{} : raw(static_cast<std::size_t>(size));
}

std::int32_t WireReader::array() {
  const auto size = flexible_ ? static_cast<std::int64_t>(uvarint()) - 1 : std::int64_t{i32()};
  if (size <= 0) return 0;
  if (!ok_ || static_cast<std::uint64_t>(size) > rest().size()) {
    ok_ = false;
    return 0;
  }
  return static_cast<std::int32_t>(size);
}

std::string_view WireReader::tags() {
  if (!flexible_) return {};
  const auto begin = position_;
  const auto count = uvarint();
  for (std::uint32_t i = 0; i < count && ok_; ++i) {
    uvarint();
    raw(uvarint());
  }
  return bytes_.substr(begin, position_ - begin);
}

WireWriter& WireWriter::integer(std::uint64_t value, std::size_t size) {
  for (std::size_t i = size; i-- > 0;)
    frame_.push_back(static_cast<char>(value >> (8 * i)));
  return *this;
}

WireWriter& WireWriter::uvarint(std::uint32_t value) {
  for (; value >= 0x80; value >>= 7)
    frame_.push_back(static_cast<char>(value | 0x80));
  frame_.push_back(static_cast<char>(value));
  return *this;
}

WireWriter& WireWriter::raw(std::string_view bytes) {
  frame_.append(bytes);
  return *this;
}

WireWriter& WireWriter::string(std::string_view text) {
  if (flexible_) {
    uvarint(static_cast<std::uint32_t>(text.size() + 1));
  } else {
    i16(static_cast<std::int16_t>(text.size()));
  }
  return raw(text);
}

WireWriter& WireWriter::null_string() { return flexible_ ? uvarint(0) : i16(-1); }

WireWriter& WireWriter::bytes(std::string_view bytes) {
  if (flexible_) return string(bytes);
  return i32(static_cast<std::int32_t>(bytes.size())).raw(bytes);
}

WireWriter& WireWriter::array(std::int32_t size) {
  return flexible_ ? uvarint(static_cast<std::uint32_t>(size + 1)) : i32(size);
}

WireWriter& WireWriter::tags() { return flexible_ ? uvarint(0) : *this; }

std::string WireWriter::finish() {
  const auto size = frame_.size() - 4;
  for (std::size_t i = 0; i < 4; ++i)
    frame_[i] = static_cast<char>(size >> (8 * (3 - i)));
  return std::move(frame_);
}

}  // namespace millrace::testkit::kafka_proxy
