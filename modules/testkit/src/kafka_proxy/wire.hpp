// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"

namespace millrace::testkit::kafka_proxy {

/// Reads the fields of Kafka's protocol. Past the end everything reads as zero or empty and ok() is
/// false. In the flexible form, lengths are varints and structures end in tagged fields.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes, bool flexible = false)
      : bytes_(bytes), in_(bytes), flexible_(flexible) {}

  [[nodiscard]] bool ok() const { return in_.ok(); }
  [[nodiscard]] std::size_t position() const { return bytes_.size() - in_.left(); }
  [[nodiscard]] std::string_view rest() const { return in_.rest(); }
  void set_flexible(bool flexible) { flexible_ = flexible; }

  std::int8_t i8() { return in_.big<std::int8_t>(); }
  std::int16_t i16() { return in_.big<std::int16_t>(); }
  std::int32_t i32() { return in_.big<std::int32_t>(); }
  std::int64_t i64() { return in_.big<std::int64_t>(); }
  std::uint32_t uvarint() { return in_.varint<std::uint32_t>(); }
  std::string_view raw(std::size_t size) { return in_.bytes(size); }
  /// Null reads as empty.
  std::string_view string();
  std::string_view fixed_string();  ///< never compact: the client id of a header
  std::string_view bytes();
  /// Null reads as 0. Never more than there are bytes left, so that it bounds a loop.
  std::int32_t array();
  /// The tagged fields as they are; nothing when not flexible.
  std::string_view tags();

 private:
  std::string_view bytes_;
  ByteReader in_;
  bool flexible_;
};

/// Writes one frame: a size, then fields.
class WireWriter {
 public:
  explicit WireWriter(bool flexible = false) : flexible_(flexible) { i32(0); }

  void set_flexible(bool flexible) { flexible_ = flexible; }

  WireWriter& i8(std::int8_t value) { return wrote(out_.big(value)); }
  WireWriter& i16(std::int16_t value) { return wrote(out_.big(value)); }
  WireWriter& i32(std::int32_t value) { return wrote(out_.big(value)); }
  WireWriter& i64(std::int64_t value) { return wrote(out_.big(value)); }
  WireWriter& uvarint(std::uint32_t value) { return wrote(out_.varint(value)); }
  WireWriter& raw(std::string_view bytes) { return wrote(out_.bytes(bytes)); }
  WireWriter& string(std::string_view text);
  WireWriter& null_string();
  WireWriter& bytes(std::string_view bytes);
  WireWriter& array(std::int32_t size);
  /// No tagged fields; nothing when not flexible.
  WireWriter& tags();

  /// The frame with its size; the writer is used up.
  std::string finish();

 private:
  WireWriter& wrote(const ByteWriter&) { return *this; }

  std::string frame_;
  ByteWriter out_{frame_};
  bool flexible_;
};

}  // namespace millrace::testkit::kafka_proxy
