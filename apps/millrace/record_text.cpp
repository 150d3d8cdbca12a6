// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "record_text.hpp"

#include <algorithm>

#include "json.hpp"
#include "millrace/base/time_text.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "names.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::size_t line_value_bytes = 4096;
constexpr std::size_t column_max = 40;

bool may_be_json(const log::Topic& topic, const log::Record& record) {
  // A private value is binary, and a short one may look like a number.
  if (is_private(topic) || !record.value || record.value->empty()) return false;
  const auto type = record.headers.find("content-type");
  return !type || type->find("json") != std::string_view::npos;
}

// Bytes that are no plain text as hex, under a name that says so.
void write_bytes(JsonWriter& out, std::string_view name, std::optional<std::string_view> bytes) {
  if (!bytes) {
    out.key(name).raw("null");
  } else if (is_plain_text(*bytes)) {
    out.field(name, *bytes);
  } else {
    out.field(std::string(name) + "_hex", hex(*bytes));
  }
}

void write_headers(JsonWriter& out, log::HeadersView headers) {
  out.begin_array();
  std::string_view cursor = headers.encoded();
  log::HeaderView header;
  while (log::HeadersView::next(cursor, header)) {
    out.begin_object().field("key", header.key);
    write_bytes(out, "value", header.value);
    out.end_object();
  }
  out.end_array();
}

void write_dead_letter(JsonWriter& out, const DeadLetterHeaders& why) {
  out.begin_object();
  write_text(out, "reason", why.reason);
  write_text(out, "code", why.code);
  write_text(out, "topic", why.topic);
  if (const auto partition = parse_integer(why.partition)) out.field("partition", *partition);
  if (const auto offset = parse_integer(why.offset)) out.field("offset", *offset);
  if (const auto attempts = parse_integer(why.attempts)) out.field("attempts", *attempts);
  write_text(out, "build", why.build);
  out.end_object();
}

// Padded to the width of the column, which grows with it up to a bound.
std::string in_column(const std::string& text, std::size_t& width) {
  width = std::max(width, std::min(display_width(text), column_max));
  std::string cell = cut_to_width(text, width);
  return cell.append(width - display_width(cell), ' ');
}

}  // namespace

Envelope read_envelope(log::HeadersView headers) {
  const bool is_compact = headers.find("cx").has_value();
  // Headers that make no sense say nothing: the record is shown all the same.
  const auto context = is_compact ? codec::read_private_context(headers.encoded(), headers.size())
                                  : codec::read_event_headers(headers.encoded(), headers.size());
  return context ? *context : Envelope{};
}

std::string DeadLetterHeaders::origin() const {
  std::string text = escaped(topic);
  text.append("-").append(escaped(partition)).append(":").append(escaped(offset));
  return text;
}

DeadLetterHeaders read_dead_letter(log::HeadersView headers) {
  const auto value = [&](std::string_view name) {
    return headers.find(name).value_or(std::string_view());
  };
  return {value("dl-reason"), value("dl-code"),     value("dl-topic"), value("dl-partition"),
          value("dl-offset"), value("dl-attempts"), value("dl-build"), value("dl-replay-of")};
}

std::string key_text(const log::Record& record) {
  return record.key ? escaped(*record.key) : std::string("-");
}

std::string value_text(const log::Topic& topic, const log::Record& record, std::size_t max) {
  if (!record.value) return record.key ? "(tombstone)" : "(null)";
  const std::string_view value = *record.value;
  std::string text;
  std::string note;
  if (may_be_json(topic, record)) {
    if (const auto json = compact_json(value)) text = printable_json(*json);
  }
  if (text.empty()) {
    const bool plain = !is_private(topic) && is_plain_text(value);
    if (!plain) note = " (binary, " + counted(value.size(), "byte") + ")";
    text = value;
  }
  if (text.size() > max) note = " (cut, of " + counted(value.size(), "byte") + ")";
  if (!is_plain_text(text) || !note.empty()) return escaped(text.substr(0, max)) + note;
  return text.find_first_of("\n\r\t") == std::string::npos ? text : escaped(text);
}

void append_record_line(std::string& out, const FoundRecord& found, bool with_headers,
                        RecordColumns* columns) {
  const log::RecordView& record = found.record;
  const Envelope envelope = read_envelope(record.headers);
  const std::string name =
      record_name(found.topic.spec.name, found.partition.value, record.offset.value);
  const std::string time = format_time(record.timestamp_ms);
  const std::string value = value_text(found.topic, record, line_value_bytes);
  std::string line;
  if (columns != nullptr) {
    line = in_column(name, columns->name) + "  " + time + "  " +
           in_column(key_text(record), columns->key) + "  ";
    const std::string type = in_column(escaped(envelope.type), columns->type);
    if (columns->type > 0) line += type + "  ";
    line = cut_to_width(line + value, columns->room);
  } else {
    line = name + "  " + time + "  " + key_text(record) + "  ";
    if (!envelope.type.empty()) line += escaped(envelope.type) + "  ";
    line += value;
  }
  out += line + "\n";
  if (stream::is_dead_letters(found.topic.spec.name)) {
    const DeadLetterHeaders why = read_dead_letter(record.headers);
    out += "    dead letter: " + escaped(why.reason) + " (" + escaped(why.code) + "), from " +
           why.origin() + "\n";
  }
  if (!with_headers) return;
  std::string_view cursor = record.headers.encoded();
  log::HeaderView header;
  while (log::HeadersView::next(cursor, header)) {
    out += "    " + escaped(header.key) + ": " + (header.value ? escaped(*header.value) : "(null)");
    out += '\n';
  }
}

void append_record_json(std::string& text, const FoundRecord& found, bool with_headers) {
  const log::RecordView& record = found.record;
  std::string line;
  const Envelope envelope = read_envelope(record.headers);
  JsonWriter out(line);
  out.begin_object()
      .field("topic", found.topic.spec.name)
      .field("partition", found.partition.value)
      .field("offset", record.offset.value);
  if (found.position.position != 0) out.field("position", found.position.position);
  out.field("time", format_time(record.timestamp_ms));
  write_bytes(out, "key", record.key);
  write_text(out, "id", envelope.id);
  write_text(out, "type", envelope.type);
  write_text(out, "source", envelope.source);
  write_text(out, "correlation", envelope.correlation);
  write_text(out, "causation", envelope.causation);
  write_text(out, "request", envelope.request);
  const auto json = may_be_json(found.topic, record) ? compact_json(*record.value) : std::nullopt;
  if (json) {
    out.key("value").raw(*json);
  } else if (record.value && is_private(found.topic)) {
    out.field("value_hex", hex(*record.value));
  } else {
    write_bytes(out, "value", record.value);
  }
  if (stream::is_dead_letters(found.topic.spec.name)) {
    write_dead_letter(out.key("dead_letter"), read_dead_letter(record.headers));
  }
  if (with_headers) {
    write_headers(out.key("headers"), record.headers);
  }
  text.append(out.end_object().take()).append("\n");
}

void write_record(JsonWriter& out, const log::RecordView& record) {
  out.field("offset", record.offset.value).field("time", format_time(record.timestamp_ms));
  write_bytes(out, "key", record.key);
  write_bytes(out, "value", record.value);
  write_headers(out.key("headers"), record.headers);
}

}  // namespace millrace::cli
