// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::testkit::kafka_proxy {

/// Reads the fields of Kafka's protocol. Past the end everything reads as zero or empty and ok() is
/// false. In the flexible form, lengths are varints and structures end in tagged fields.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes, bool flexible = false)
      : bytes_(bytes), flexible_(flexible) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::string_view rest() const { return bytes_.substr(position_); }
  void set_flexible(bool flexible) { flexible_ = flexible; }

  std::int8_t i8() { return static_cast<std::int8_t>(integer(1)); }
  std::int16_t i16() { return static_cast<std::int16_t>(integer(2)); }
  std::int32_t i32() { return static_cast<std::int32_t>(integer(4)); }
  std::int64_t i64() { return static_cast<std::int64_t>(integer(8)); }
  std::uint32_t uvarint();
  std::string_view raw(std::size_t size);
  /// Null reads as empty.
  std::string_view string();
  std::string_view fixed_string();  ///< never compact: the client id of a header
  std::string_view bytes();
  /// Null reads as 0. Never more than there are bytes left, so that it bounds a loop.
  std::int32_t array();
  /// The tagged fields as they are; nothing when not flexible.
  std::string_view tags();

 private:
  std::uint64_t integer(std::size_t size);

  std::string_view bytes_;
  std::size_t position_ = 0;
  bool flexible_;
  bool ok_ = true;
};

/// Writes one frame: a size, then fields.
class WireWriter {
 public:
  explicit WireWriter(bool flexible = false) : frame_(4, '\0'), flexible_(flexible) {}

  WireWriter& i8(std::int8_t value) { return integer(static_cast<std::uint8_t>(value), 1); }
  WireWriter& i16(std::int16_t value) { return integer(static_cast<std::uint16_t>(value), 2); }
  WireWriter& i32(std::int32_t value) { return integer(static_cast<std::uint32_t>(value), 4); }
  WireWriter& i64(std::int64_t value) { return integer(static_cast<std::uint64_t>(value), 8); }
  WireWriter& uvarint(std::uint32_t value);
  WireWriter& raw(std::string_view bytes);
  WireWriter& string(std::string_view text);
  WireWriter& null_string();
  WireWriter& bytes(std::string_view bytes);
  WireWriter& array(std::int32_t size);
  /// No tagged fields; nothing when not flexible.
  WireWriter& tags();

  /// The frame with its size; the writer is used up.
  std::string finish();

 private:
  WireWriter& integer(std::uint64_t value, std::size_t size);

  std::string frame_;
  bool flexible_;
};

}  // namespace millrace::testkit::kafka_proxy
