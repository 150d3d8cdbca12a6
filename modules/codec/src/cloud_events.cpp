// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/cloud_events.hpp"

#include "header_bytes.hpp"
#include "millrace/base/time_text.hpp"
#include "millrace/codec/codec.hpp"
#include "traceparent.hpp"

namespace millrace::codec {
namespace {

constexpr auto id_key = header_key("ce_id");
constexpr auto source_key = header_key("ce_source");
constexpr auto type_key = header_key("ce_type");
constexpr auto correlation_key = header_key("ce_correlationid");
constexpr auto causation_key = header_key("ce_causationid");
constexpr auto request_key = header_key("ce_requestid");
constexpr auto version_part = header("ce_specversion", "1.0");
constexpr auto content_key = header_key("content-type");
constexpr std::string_view json_content = "application/json";
// The key and the value's length of a header whose value has a fixed length.
constexpr auto time_part = joined(header_key("ce_time"), length_prefix<24>());
// What all events in JSON share.
constexpr auto constant_part =
    joined(version_part, header("content-type", "application/json"), time_part);
// CloudEvents' own extension for it, and what tools that know no CloudEvents look for.
constexpr auto ce_trace_part =
    joined(header_key("ce_traceparent"), length_prefix<traceparent_bytes>());
constexpr auto trace_part = joined(header_key("traceparent"), length_prefix<traceparent_bytes>());

std::unexpected<Error> not_headers() {
  return fail(errc::bad_envelope, "the bytes of the record's headers are malformed");
}

void keep_first(std::string_view& kept, std::string_view value) {
  if (kept.data() == nullptr) {
    kept = value;
  }
}

template <std::size_t Size>
void write_trace(ByteWriter& writer, const std::array<char, Size>& part,
                 const TraceContext& trace) {
  writer.bytes({part.data(), part.size()});
  char* const text = writer.room(traceparent_bytes);
  write_traceparent(text, trace);
  writer.advance(text + traceparent_bytes);
}

Status take(EventContext& context, std::string_view key, std::string_view value) {
  if (key == "ce_id") {
    keep_first(context.id, value);
  } else if (key == "ce_source") {
    keep_first(context.source, value);
  } else if (key == "ce_type") {
    keep_first(context.type, value);
  } else if (key == "ce_correlationid" || key == "correlationid") {
    keep_first(context.correlation, value);
  } else if (key == "ce_causationid" || key == "causationid") {
    keep_first(context.causation, value);
  } else if (key == "ce_requestid") {
    keep_first(context.request, value);
  } else if (key == "ce_traceparent" || key == "traceparent") {
    if (!context.trace.valid()) {
      context.trace = parse_traceparent(value).value_or(TraceContext{});
    }
  } else if (key == "ce_specversion" && !value.starts_with("1.")) {
    return fail(errc::bad_envelope, "ce_specversion is '{}'; events of version 1 are read",
                value.substr(0, 20));
  } else if (key == "content-type" && value.starts_with("application/cloudevents")) {
    return fail(errc::bad_envelope,
                "the event is in structured mode ({}); send its attributes as ce_ headers",
                value.substr(0, 60));
  }
  return {};
}

}  // namespace

void append_event_headers(EncodedHeaders& out, const EventHeaders& headers) {
  ByteWriter writer(out.bytes);
  write_header(writer, id_key, headers.id);
  write_header(writer, source_key, headers.source);
  if (!headers.type.empty()) {
    write_header(writer, type_key, headers.type);
    ++out.count;
  }
  if (headers.content_type == json_content) {
    writer.bytes({constant_part.data(), constant_part.size()});
  } else {
    writer.bytes({version_part.data(), version_part.size()});
    write_header(writer, content_key, headers.content_type);
    writer.bytes({time_part.data(), time_part.size()});
  }
  char* const time = writer.room(24);
  write_time(time, headers.time_ms);
  writer.advance(time + 24);
  out.count += 5;
  if (!headers.correlation.empty()) {
    write_header(writer, correlation_key, headers.correlation);
    ++out.count;
  }
  if (!headers.causation.empty()) {
    write_header(writer, causation_key, headers.causation);
    ++out.count;
  }
  if (!headers.request.empty()) {
    write_header(writer, request_key, headers.request);
    ++out.count;
  }
  if (headers.trace.valid()) {
    write_trace(writer, ce_trace_part, headers.trace);
    write_trace(writer, trace_part, headers.trace);
    out.count += 2;
  }
}

Result<EventContext> read_event_headers(std::string_view encoded, std::int32_t count) {
  ByteReader in(encoded);
  EventContext context;
  for (std::int32_t i = 0; i < count; ++i) {
    const RawHeader header = next_header(in);
    if (!in.ok()) {
      return not_headers();
    }
    if (header.has_value) {
      MILLRACE_TRY(take(context, header.key, header.value));
    }
  }
  if (!in.at_end()) {
    return not_headers();
  }
  return context;
}

Result<EventContext> read_envelope(Envelope envelope, std::string_view encoded,
                                   std::int32_t count) {
  switch (envelope) {
    case Envelope::cloud_events:
      return read_event_headers(encoded, count);
    case Envelope::context:
      return read_private_context(encoded, count);
    case Envelope::none:
      break;
  }
  return EventContext{};
}

}  // namespace millrace::codec
