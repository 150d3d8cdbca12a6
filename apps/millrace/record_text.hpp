// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "millrace/base/json_writer.hpp"
#include "millrace/codec/envelope.hpp"
#include "millrace/log/record.hpp"
#include "millrace/log/types.hpp"

namespace millrace::cli {

/// A record and where it was found. Views: they live as long as what they were read from.
struct FoundRecord {
  const log::Topic& topic;
  log::PartitionId partition;
  log::LogPosition position;
  const log::RecordView& record;
};

/// What the headers of a record say about it, public or private; what they do not say is empty.
using Envelope = codec::EventContext;
[[nodiscard]] Envelope read_envelope(log::HeadersView headers);

/// Why a dead letter was given up, from its headers `dl-*`; what they do not say is empty.
struct DeadLetterHeaders {
  std::string_view reason;
  std::string_view code;
  std::string_view topic;
  std::string_view partition;
  std::string_view offset;
  std::string_view attempts;
  std::string_view build;
  std::string_view replay_of;  ///< for a record in the retry topic: the position of its dead letter
  /// `topic-partition:offset` of the record that failed.
  [[nodiscard]] std::string origin() const;
};
[[nodiscard]] DeadLetterHeaders read_dead_letter(log::HeadersView headers);

/// A key as a person reads it: text, escaped where it is none; `-` for null.
[[nodiscard]] std::string key_text(const log::Record& record);
/// A value as a person reads it, on one line: JSON, text, or escaped bytes with a note; at most
/// about `max` bytes.
[[nodiscard]] std::string value_text(const log::Topic& topic, const log::Record& record,
                                     std::size_t max);

/// Columns of records on a terminal: as wide as the widest so far, so that they stay in line.
struct RecordColumns {
  std::size_t room = 0;  ///< columns that a line is cut to
  std::size_t name = 0;
  std::size_t key = 0;
  std::size_t type = 0;
};

/// Before the name of a header of the record itself that begins with `dl-`, so that it is not taken
/// for one of the letter.
inline constexpr std::string_view foreign_header_prefix = "dl-record-";

/// One line: position, time, key, type, value. For a dead letter, a further line with the reason.
/// Then the headers, if requested. Without `columns` the line is not cut, with two spaces between
/// its parts.
void append_record_line(std::string& out, const FoundRecord& found, bool with_headers,
                        RecordColumns* columns = nullptr);
/// One line: a JSON object. A value that is JSON is member `value`, other text too, as a string;
/// bytes are `value_hex`.
void append_record_json(std::string& text, const FoundRecord& found, bool with_headers);
/// What is known of a record without its topic: offset, time, key, value and headers, as members of
/// the object that is open.
void write_record(JsonWriter& out, const log::RecordView& record);

}  // namespace millrace::cli
