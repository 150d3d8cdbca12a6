// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/codec/envelope.hpp"

namespace millrace::codec {

/// Headers as a RecordBatch v2 has them (per header: zigzag varint key length, key, zigzag varint
/// value length or -1, value), without their count. Appendable and reusable; not thread-safe.
struct EncodedHeaders {
  std::string bytes;
  std::int32_t count = 0;
  void clear() {
    bytes.clear();
    count = 0;
  }
};

/// What the headers of a public record say (CloudEvents 1.0, Kafka binding, binary mode;
/// docs/formats/cloud_events.md).
struct EventHeaders {
  std::string_view id;           ///< unique together with `source`
  std::string_view source;       ///< the service, `/orders`
  std::string_view type;         ///< event_type() of the value
  std::int64_t time_ms = 0;      ///< event time
  std::string_view correlation;  ///< the business process; left out when empty
  std::string_view causation;    ///< the id of the event that led to this one; left out when empty
  TraceContext trace;            ///< left out when not valid
  std::string_view content_type = "application/json";  ///< Serde::content_type() of the value
  std::string_view request = {};  ///< the requests that wait for it; left out when empty
};

/// Appends the headers of a public record: `ce_id`, `ce_source`, `ce_type`, `ce_specversion`,
/// `content-type`, `ce_time`, and `ce_correlationid`, `ce_causationid`,
/// `ce_requestid`, `ce_traceparent` with `traceparent` where there are any. Copies the views.
void append_event_headers(EncodedHeaders& out, const EventHeaders& headers);

/// Reads the headers of a public record. Their order does not matter, other headers are ignored, of
/// a repeated one the first counts; a malformed traceparent starts no trace. A record without any
/// of them has an empty context. Views point into `encoded`. errc::bad_envelope: the bytes are no
/// headers, or the event is of another major version or in structured mode.
[[nodiscard]] Result<EventContext> read_event_headers(std::string_view encoded, std::int32_t count);

/// Appends the one header of a private record, `cx`: `trace`, `correlation`, `id` and `request` of
/// the context.
void append_private_context(EncodedHeaders& out, const EventContext& context);

/// Reads the header `cx` of a private record; empty when there is none. Views point into `encoded`.
/// errc::bad_envelope when malformed. errc::incompatible when a later build wrote the record: its
/// first header is `pv`, with a version that this build does not know;
/// docs/formats/private_binary.md.
[[nodiscard]] Result<EventContext> read_private_context(std::string_view encoded,
                                                        std::int32_t count);

/// What the headers of a record say, by the envelope of its topic: read_event_headers(),
/// read_private_context(), or an empty context.
[[nodiscard]] Result<EventContext> read_envelope(Envelope envelope, std::string_view encoded,
                                                 std::int32_t count);

/// Appends the first headers of a private record whose value is of another type than the topic's
/// first one: `pv` and `vt`, the number of its type.
void append_value_type(EncodedHeaders& out, std::uint32_t number);
/// The number of the type that a private record's value is of; 1 without the header.
/// Failures as read_private_context().
[[nodiscard]] Result<std::uint32_t> read_value_type(std::string_view encoded, std::int32_t count);

}  // namespace millrace::codec
