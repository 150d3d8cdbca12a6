// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/source_reader.hpp"

#include <algorithm>
#include <stdexcept>

#include "millrace/base/terminal_text.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/codec.hpp"
#include "runtime/cut_text.hpp"

namespace millrace::stream::runtime {

std::string shown_type(std::string_view event_type) {
  constexpr std::size_t type_bytes_max = 200;
  return escaped(cut_text(event_type, type_bytes_max));
}

Result<codec::EventContext> SourceReader::read_context(log::HeadersView headers) const {
  return codec::read_envelope(spec_->type.envelope, headers.encoded(), headers.size());
}

// Private records have no type: they are of the one that their topic has.
bool SourceReader::knows(std::string_view event_type) const {
  const RecordType& type = spec_->type;
  if (type.envelope != codec::Envelope::cloud_events) return true;
  if (type.value->kind == codec::Kind::structure)
    return event_type.empty() || codec::is_event_type(*type.value, event_type);
  if (type.value->kind != codec::Kind::variant) return true;
  if (event_type.empty() && !needs_event_type_) return true;
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
    if (needs_event_type_ && event_type.empty()) {
      return fail(codec::errc::bad_envelope,
                  "header ce_type: missing; it tells the events of this topic apart");
    }
    if (!knows(event_type)) return Outcome::unknown_type;
    MILLRACE_TRY(
        codec::decode_with(*type.serde, *type.value, event_type, *record.value, value_.get()));
    out.value = value_.get();
  }
  if (record.key) {
    if (Status decoded = read_key(*record.key); !decoded) return fail(decoded.error().at("key"));
    out.key = key_.get();
  }
  out.timestamp_ms = record.timestamp_ms;
  return Outcome::message;
}

Status SourceReader::read_key(std::string_view bytes) const {
  const RecordType& type = spec_->type;
  return codec::decode_with(*type.key_serde, *type.key, {}, bytes, key_.get());
}

Result<SourceReader::Outcome> SourceReader::read_any(const log::Record& record,
                                                     Message& out) const {
  if (!record.key || !read_key(*record.key)) return Outcome::left_out;
  out = {key_.get(), value_.get(), record.timestamp_ms};
  return Outcome::message;
}

Result<bool> TableChange::read(const SourceReader& reader, const StoreSpec& store,
                               const log::Record& record) {
  MILLRACE_ASSIGN(const auto context, reader.read_context(record.headers));
  Message message;
  MILLRACE_ASSIGN(const SourceReader::Outcome read, reader.read(record, context.type, message));
  if (read != SourceReader::Outcome::message) return false;
  key_.clear();
  value_.clear();
  deletes_ = message.value == nullptr;
  try {
    codec::encode_key(*store.key, message.key, key_);
    if (!deletes_) codec::encode_with(*store.serde, *store.value, message.value, value_);
  } catch (const std::domain_error& error) {  // no number, by a serde of the user's own
    return fail(codec::errc::malformed, error.what());
  }
  return true;
}

}  // namespace millrace::stream::runtime
