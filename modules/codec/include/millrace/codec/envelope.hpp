// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace::codec {

/// What travels beside key and value of a record, in its headers.
enum class Envelope : std::uint8_t {
  cloud_events,  ///< the attributes of an event (docs/formats/cloud_events.md): public topics
  context,       ///< correlation, cause and trace alone, in one compact header: private topics
  none           ///< nothing: topics of programs that know neither; headers are not read
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

/// What is carried through every hop without the user's help: which business process, caused by
/// which event, in which trace. Views live as long as the record they were read from.
struct EventContext {
  std::string_view id;    ///< `ce_id` of the event in hand; of a private record: of the last public
                          ///< event behind it
  std::string_view type;  ///< `ce_type`; empty on private records
  std::string_view source;       ///< `ce_source`, `/orders`
  std::string_view correlation;  ///< `ce_correlationid`
  std::string_view causation;    ///< `ce_causationid` of the event in hand
  TraceContext trace;
  /// `ce_requestid`: the requests that wait for what the event leads to, the innermost first
  /// (stream/request_ids.hpp); empty: none.
  std::string_view request = {};
};

}  // namespace millrace::codec
