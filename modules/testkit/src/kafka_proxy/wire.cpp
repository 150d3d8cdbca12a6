// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_proxy/wire.hpp"

namespace millrace::testkit::kafka_proxy {

std::string_view WireReader::string() {
  if (!flexible_) return fixed_string();
  const auto size = uvarint();
  return size == 0 ? std::string_view{} : raw(size - 1);
}

std::string_view WireReader::fixed_string() {
  const auto size = i16();
  return size < 0 ? std::string_view{} : in_.bytes(size);
}

std::string_view WireReader::bytes() {
  if (flexible_) return string();
  const auto size = i32();
  return size < 0 ? std::string_view{} : in_.bytes(size);
}

std::int32_t WireReader::array() {
  const auto size = flexible_ ? static_cast<std::int64_t>(uvarint()) - 1 : std::int64_t{i32()};
  return size <= 0 ? 0 : static_cast<std::int32_t>(in_.count(size));
}

std::string_view WireReader::tags() {
  if (!flexible_) return {};
  const auto begin = position();
  const auto count = uvarint();
  for (std::uint32_t i = 0; i < count && ok(); ++i) {
    uvarint();
    raw(uvarint());
  }
  return bytes_.substr(begin, position() - begin);
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
  store_big(out_.at(0), static_cast<std::int32_t>(out_.position() - 4));
  return out_.take();
}

}  // namespace millrace::testkit::kafka_proxy
