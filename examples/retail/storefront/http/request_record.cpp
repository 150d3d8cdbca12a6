// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "request_record.hpp"

#include "millrace/base/hash.hpp"
#include "millrace/codec/describe.hpp"

namespace retail::storefront {

namespace codec = millrace::codec;

namespace {

// The caller's span is the parent of what begins here; without one the request starts a trace of
// its own.
codec::TraceContext trace_of(std::string_view traceparent, std::string_view id,
                             std::string_view event_id) {
  codec::TraceContext trace = codec::parse_traceparent(traceparent).value_or(codec::TraceContext{});
  if (!trace.valid()) {
    trace.trace_high = millrace::xxh64(id, 1);
    trace.trace_low = millrace::xxh64(id, 2);
  }
  trace.span = millrace::xxh64(event_id);
  return trace;
}

}  // namespace

void RequestRecord::fill(const Posted& posted, std::string_view traceparent) {
  key_ = posted.id.text;
  event_id_ = posted.event_id;
  timestamp_ms_ = posted.ordered_at_ms;
  const codec::TypeInfo& type = codec::type_info<RequestEvent>();
  value_.clear();
  codec::encode(codec::Format::json, type, &posted.event, value_);
  codec::EventHeaders headers;
  headers.id = event_id_;
  headers.source = "/storefront";
  headers.type = codec::event_type(type, &posted.event);
  headers.time_ms = timestamp_ms_;
  headers.correlation = posted.id.text;
  headers.trace = trace_of(traceparent, posted.id.text, event_id_);
  headers_.clear();
  codec::append_event_headers(headers_, headers);
}

millrace::log::Record RequestRecord::view() const {
  return {timestamp_ms_, key_, value_, millrace::log::HeadersView(headers_.bytes, headers_.count)};
}

}  // namespace retail::storefront
