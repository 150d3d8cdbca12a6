// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/codec/describe.hpp"
#include "millrace/codec/same_type.hpp"
#include "millrace/codec/typed_object.hpp"
#include "millrace/log/record.hpp"
#include "millrace/stream/any_value.hpp"
#include "millrace/stream/plan.hpp"

namespace millrace::stream::runtime {

/// The type of an event as people read it: at most 200 bytes, escaped.
[[nodiscard]] std::string shown_type(std::string_view event_type);

/// Decodes the records of a source.
class SourceReader {
 public:
  explicit SourceReader(const SourceSpec& spec)
      : spec_(&spec),
        takes_any_(codec::is_same_type(*spec.type.value, codec::type_info<AnyValue>())),
        needs_event_type_(spec.type.serde->needs_event_type(*spec.type.value)),
        key_(*spec.type.key),
        value_(*spec.type.value) {}

  enum class Outcome : std::uint8_t {
    message,       ///< `out` is a message for the source's node, valid until the next read
    unknown_type,  ///< the source does not read events of that type
    left_out       ///< the source takes any value, and cannot read the key
  };
  /// Failures as codec::decode_with(), and codec's errc::malformed for a record of a table without
  /// a key.
  [[nodiscard]] Result<Outcome> read(const log::Record& record, std::string_view event_type,
                                     Message& out) const;
  [[nodiscard]] const SourceSpec& spec() const { return *spec_; }
  /// What the headers of a record say, by the envelope of the source. codec's errc::bad_envelope.
  [[nodiscard]] Result<codec::EventContext> read_context(log::HeadersView headers) const;
  /// The source is one of AnyValue: it takes records whatever their envelope.
  [[nodiscard]] bool takes_any() const { return takes_any_; }

 private:
  [[nodiscard]] Status read_key(std::string_view bytes) const;
  Result<Outcome> read_any(const log::Record& record, Message& out) const;
  [[nodiscard]] bool knows(std::string_view event_type) const;

  const SourceSpec* spec_;
  bool takes_any_;
  bool needs_event_type_;
  codec::TypedObject key_;
  codec::TypedObject value_;
};

/// What a record of a topic that is a table's changelog makes of the table's store. The same while
/// the record is processed and when the store is restored.
class TableChange {
 public:
  /// False when the record is of a type that the table does not know, and so changes nothing.
  /// Failures as SourceReader::read() and read_context(); such a record changes nothing either.
  [[nodiscard]] Result<bool> read(const SourceReader& reader, const StoreSpec& store,
                                  const log::Record& record);
  // Of the record read last; valid until the next.
  [[nodiscard]] const std::string& key() const { return key_; }
  /// Nothing: the key is deleted.
  [[nodiscard]] std::optional<std::string_view> value() const {
    return deletes_ ? std::nullopt : std::optional<std::string_view>(value_);
  }

 private:
  std::string key_;
  std::string value_;
  bool deletes_ = false;
};

}  // namespace millrace::stream::runtime
