// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace::codec {

/// The form of the headers of a record.
enum class Envelope : std::uint8_t {
  cloud_events,  ///< the attributes of an event (docs/formats/cloud_events.md): public topics
  context,       ///< only correlation, cause and trace, in one compact header: private topics
  none  ///< no headers; for topics of programs that do not use these headers. Headers are not read
};
/// `cloud_events`, `context`, `none`.
[[nodiscard]] std::string_view to_string(Envelope envelope);

/// W3C trace context: which trace, which span, whether sampled.
struct TraceContext {
  std::uint64_t trace_high = 0;
  std::uint64_t trace_low = 0;
  std::uint64_t span = 0;
  std::uint8_t flags = 1;
  [[nodiscard]] bool valid() const { return (trace_high | trace_low) != 0 && span != 0; }
};
/// `00-<32 hex>-<16 hex>-<2 hex>`; appends 55 characters.
void append_traceparent(std::string& out, const TraceContext& trace);
[[nodiscard]] std::optional<TraceContext> parse_traceparent(std::string_view text);

/// The context that the library copies from each record to the records that result from it: the
/// business process, the event that is the cause, the trace. Views are valid as long as the record
/// from which they were read.
struct EventContext {
  /// `ce_id` of the event in hand; of a private record: of the last public event behind it
  std::string_view id;
  std::string_view type;         ///< `ce_type`; empty on private records
  std::string_view source;       ///< `ce_source`, `/orders`
  std::string_view correlation;  ///< `ce_correlationid`
  std::string_view causation;    ///< `ce_causationid` of the event in hand
  TraceContext trace;
  /// `ce_requestid`: the requests that wait for what the event leads to, the innermost first
  /// (stream/request_ids.hpp); empty: none.
  std::string_view request = {};
};

}  // namespace millrace::codec
