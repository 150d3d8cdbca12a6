// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/record_encoder.hpp"

#include "millrace/codec/codec.hpp"

namespace millrace::stream {

log::Record RecordEncoder::encode(const RecordType& type, const void* key, const void* value,
                                  std::int64_t timestamp_ms) {
  log::Record record{timestamp_ms, std::nullopt, std::nullopt, {}};
  if (key != nullptr) {
    key_.clear();
    codec::encode_with(*type.key_serde, *type.key, key, key_);
    record.key = key_;
  }
  if (value != nullptr) {
    value_.clear();
    codec::encode_with(*type.serde, *type.value, value, value_);
    record.value = value_;
  }
  return record;
}

log::HeadersView RecordEncoder::event_headers(const codec::TypeInfo& type, const void* value,
                                              codec::EventHeaders event) {
  if (value != nullptr) {
    event.type = codec::event_type(type, value);
  } else {
    event.type = type.kind == codec::Kind::variant ? std::string_view() : codec::event_type(type);
  }
  event_.clear();
  codec::append_event_headers(event_, event);
  return {event_.bytes, event_.count};
}

log::HeadersView RecordEncoder::private_headers(const codec::EventContext& context) {
  private_.clear();
  codec::append_private_context(private_, context);
  return {private_.bytes, private_.count};
}

}  // namespace millrace::stream
