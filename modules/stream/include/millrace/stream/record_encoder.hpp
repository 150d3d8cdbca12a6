// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/codec/cloud_events.hpp"
#include "millrace/log/record.hpp"
#include "millrace/stream/plan.hpp"

namespace millrace::stream {

/// Encodes records and their envelopes as topologies write them: for programs that put records into
/// a log::Transaction themselves. Others use Writer. What it returns is valid until the next call
/// of the same function; it keeps its memory. One thread.
class RecordEncoder {
 public:
  /// Key and value, without headers; null pointers make a record without them. Throws what
  /// their serdes throw, and std::runtime_error for an error that one of them returns.
  [[nodiscard]] log::Record encode(const RecordType& type, const void* key, const void* value,
                                   std::int64_t timestamp_ms);
  /// The headers of an event (docs/formats/cloud_events.md) with that value, null for a deletion.
  /// `event.type` is that of the value, whatever it says.
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
