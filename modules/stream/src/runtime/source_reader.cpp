// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/source_reader.hpp"

#include <algorithm>

#include "millrace/base/terminal_text.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/codec.hpp"
#include "runtime/cut_text.hpp"

namespace millrace::stream::runtime {

Result<codec::EventContext> read_context(codec::Format format, log::HeadersView headers) {
  if (format == codec::Format::json)
    return codec::read_event_headers(headers.encoded(), headers.size());
  return codec::read_private_context(headers.encoded(), headers.size());
}

std::string shown_type(std::string_view event_type) {
  constexpr std::size_t type_bytes_max = 200;
  return escaped(cut_text(event_type, type_bytes_max));
}

// Private records have no type: they are of the one that their topic has.
bool SourceReader::knows(std::string_view event_type) const {
  const RecordType& type = spec_->type;
  if (type.format != codec::Format::json) return true;
  if (type.value->kind == codec::Kind::structure)
    return event_type.empty() || codec::is_event_type(*type.value, event_type);
  if (type.value->kind != codec::Kind::variant) return true;
  const auto& alternatives = type.value->alternatives;
  return std::any_of(alternatives.begin(), alternatives.end(),
                     [&](const auto& one) { return codec::is_event_type(one(), event_type); });
}

Result<SourceReader::Outcome> SourceReader::read(const log::Record& record,
                                                 std::string_view event_type, Message& out) const {
  if (takes_any()) return read_any(record, out);
  const RecordType& type = spec_->type;
  if (!record.key && spec_->is_table)
    return fail(codec::errc::malformed, "the record of a table has no key");
  out.key = nullptr;
  out.value = nullptr;
  if (record.value) {
    if (type.format == codec::Format::json && type.value->kind == codec::Kind::variant &&
        event_type.empty()) {
      return fail(codec::errc::bad_envelope,
                  "header ce_type: missing; it tells the events of this topic apart");
    }
    if (!knows(event_type)) return Outcome::unknown_type;
    MILLRACE_TRY(codec::decode(type.format, *type.value, event_type, *record.value, value_.get()));
    out.value = value_.get();
  }
  if (record.key) {
    if (Status decoded = codec::decode_key(*type.key, *record.key, key_.get()); !decoded)
      return fail(decoded.error().at("key"));
    out.key = key_.get();
  }
  out.timestamp_ms = record.timestamp_ms;
  return Outcome::message;
}

Result<SourceReader::Outcome> SourceReader::read_any(const log::Record& record,
                                                     Message& out) const {
  if (!record.key || !codec::decode_key(*spec_->type.key, *record.key, key_.get()))
    return Outcome::left_out;
  out = {key_.get(), value_.get(), record.timestamp_ms};
  return Outcome::message;
}

bool TableChange::read(const SourceReader& reader, const StoreSpec& store,
                       const log::Record& record) {
  const auto context = read_context(reader.spec().type.format, record.headers);
  if (!context) return false;
  Message message;
  const Result<SourceReader::Outcome> read = reader.read(record, context->type, message);
  if (!read || *read != SourceReader::Outcome::message) return false;
  key_.clear();
  codec::encode_key(*store.key, message.key, key_);
  deletes_ = message.value == nullptr;
  if (deletes_) return true;
  value_.clear();
  codec::encode(codec::Format::binary, *store.value, message.value, value_);
  return true;
}

}  // namespace millrace::stream::runtime
