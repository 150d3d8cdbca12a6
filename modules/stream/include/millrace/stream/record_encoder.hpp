// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/codec/cloud_events.hpp"
#include "millrace/log/record.hpp"
#include "millrace/stream/plan.hpp"

namespace millrace::stream {

/// Encodes records and their envelopes as topologies write them, for programs that add records to a
/// log::Transaction themselves. Other programs use Writer. A result is valid until the next call of
/// the same function. Reuses its memory. Not thread-safe.
class RecordEncoder {
 public:
  /// Encodes key and value, without headers. A null pointer means a record without a key or a
  /// value. Throws the exceptions of the serdes, and std::runtime_error when a serde returns an
  /// error.
  [[nodiscard]] log::Record encode(const RecordType& type, const void* key, const void* value,
                                   std::int64_t timestamp_ms);
  /// The headers of an event (docs/formats/cloud_events.md) with this value, null for a deletion.
  /// `event.type` is ignored; the type of the value is used.
  [[nodiscard]] log::HeadersView event_headers(const codec::TypeInfo& type, const void* value,
                                               codec::EventHeaders event);
  /// The headers of a private record (docs/formats/private_binary.md).
  [[nodiscard]] log::HeadersView private_headers(const codec::EventContext& context);

 private:
  std::string key_;
  std::string value_;
  codec::EncodedHeaders event_;
  codec::EncodedHeaders private_;
};

}  // namespace millrace::stream
