// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/envelope.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "header_bytes.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/codec.hpp"

namespace millrace::codec {
namespace {

constexpr std::string_view parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// Headers as another writer might encode them.
class Headers {
 public:
  Headers& add(std::string_view key, std::string_view value) {
    length(static_cast<std::int64_t>(key.size()));
    bytes_ += key;
    length(static_cast<std::int64_t>(value.size()));
    bytes_ += value;
    ++count_;
    return *this;
  }
  Headers& add_null(std::string_view key) {
    length(static_cast<std::int64_t>(key.size()));
    bytes_ += key;
    length(-1);
    ++count_;
    return *this;
  }
  [[nodiscard]] Result<EventContext> read() const { return read_event_headers(bytes_, count_); }

 private:
  void length(std::int64_t value) {
    char text[varint_bytes_max];
    bytes_.append(text, write_signed_varint(text, value));
  }
  std::string bytes_;
  std::int32_t count_ = 0;
};

std::map<std::string, std::string> all(const EncodedHeaders& headers) {
  std::map<std::string, std::string> out;
  ByteReader in(headers.bytes);
  for (std::int32_t i = 0; i < headers.count; ++i) {
    const RawHeader header = next_header(in);
    out.emplace(header.key, header.value);
  }
  EXPECT_TRUE(in.ok() && in.at_end());
  return out;
}

EventHeaders example() {
  return {
      "e-1", "/orders", "OrderPlaced", 1'291'191'960'000, "c-1", "e-0", *parse_traceparent(parent)};
}

TEST(Traceparent, is_read_and_written_as_the_specification_has_it) {
  const auto trace = parse_traceparent(parent);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->trace_high, 0x0af7651916cd43ddU);
  EXPECT_EQ(trace->trace_low, 0x8448eb211c80319cU);
  EXPECT_EQ(trace->span, 0xb7ad6b7169203331U);
  EXPECT_EQ(trace->flags, 1);
  std::string out;
  append_traceparent(out, *trace);
  EXPECT_EQ(out, parent);
}

TEST(Traceparent, what_the_specification_forbids_is_refused) {
  for (const char* text : {"", "00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                           "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
                           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                           "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}) {
    EXPECT_FALSE(parse_traceparent(text)) << text;
  }
  EXPECT_TRUE(parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"))
      << "a later version may add to it";
}

TEST(CloudEvents, the_headers_are_those_of_the_kafka_binding) {
  EncodedHeaders headers;
  append_event_headers(headers, example());
  EXPECT_EQ(all(headers),
            (std::map<std::string, std::string>{{"ce_id", "e-1"},
                                                {"ce_source", "/orders"},
                                                {"ce_specversion", "1.0"},
                                                {"ce_type", "OrderPlaced"},
                                                {"ce_time", "2010-12-01T08:26:00.000Z"},
                                                {"content-type", "application/json"},
                                                {"ce_correlationid", "c-1"},
                                                {"ce_causationid", "e-0"},
                                                {"ce_traceparent", std::string(parent)},
                                                {"traceparent", std::string(parent)}}));
  EXPECT_EQ(headers.count, 10);
}

TEST(CloudEvents, what_there_is_none_of_is_left_out) {
  EncodedHeaders headers;
  append_event_headers(headers, {.id = "e-1",
                                 .source = "/orders",
                                 .type = "OrderPlaced",
                                 .correlation = {},
                                 .causation = {},
                                 .trace = {}});
  const auto written = all(headers);
  for (const char* name : {"ce_correlationid", "ce_causationid", "ce_traceparent", "traceparent"}) {
    EXPECT_EQ(written.count(name), 0U) << name;
  }
  EXPECT_EQ(headers.count, 6);
}

TEST(CloudEvents, reading_gives_back_what_was_written) {
  EncodedHeaders headers;
  append_event_headers(headers, example());
  const auto context = read_event_headers(headers.bytes, headers.count);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->id, "e-1");
  EXPECT_EQ(context->source, "/orders");
  EXPECT_EQ(context->type, "OrderPlaced");
  EXPECT_EQ(context->correlation, "c-1");
  EXPECT_EQ(context->causation, "e-0");
  EXPECT_EQ(context->trace.span, 0xb7ad6b7169203331U);
}

TEST(CloudEvents, an_event_of_a_request_names_it_and_is_otherwise_as_one_without) {
  EventHeaders event = example();
  EncodedHeaders without;
  append_event_headers(without, event);
  event.request = "shop:r-1";
  EncodedHeaders headers;
  append_event_headers(headers, event);
  EXPECT_EQ(headers.count, without.count + 1);
  EXPECT_EQ(read_event_headers(headers.bytes, headers.count)->request, "shop:r-1");
  auto names = all(headers);
  EXPECT_EQ(names.at("ce_requestid"), "shop:r-1");
  names.erase("ce_requestid");
  EXPECT_EQ(names, all(without));
}

TEST(CloudEvents, what_earlier_builds_and_others_wrote_without_the_prefix_is_read) {
  const Headers without = Headers()
                              .add("ce_id", "e-1")
                              .add("correlationid", "c-1")
                              .add("causationid", "e-0")
                              .add("traceparent", parent);
  const auto context = without.read();
  ASSERT_TRUE(context);
  EXPECT_EQ(context->correlation, "c-1");
  EXPECT_EQ(context->causation, "e-0");
  EXPECT_EQ(context->trace.span, 0xb7ad6b7169203331U);
  const Headers twice = Headers()
                            .add("ce_correlationid", "c-1")
                            .add("correlationid", "c-2")
                            .add("ce_traceparent", "broken")
                            .add("traceparent", parent);
  const auto both = twice.read();
  ASSERT_TRUE(both);
  EXPECT_EQ(both->correlation, "c-1");
  EXPECT_TRUE(both->trace.valid()) << "the one that can be read";
}

RC_GTEST_PROP(CloudEvents, any_texts_survive,
              (const std::string& id, const std::string& type, const std::string& correlation)) {
  EncodedHeaders headers;
  append_event_headers(headers, {.id = id,
                                 .source = "/s",
                                 .type = type,
                                 .correlation = correlation,
                                 .causation = {},
                                 .trace = {}});
  const auto context = read_event_headers(headers.bytes, headers.count);
  RC_ASSERT(context.has_value());
  RC_ASSERT(context->id == id && context->type == type && context->correlation == correlation);
}

TEST(CloudEvents, order_does_not_matter_and_strangers_are_ignored) {
  const Headers headers = Headers()
                              .add("x", "y")
                              .add_null("z")
                              .add("ce_type", "T")
                              .add("ce_id", "first")
                              .add("ce_id", "second")
                              .add("", "");
  const auto context = headers.read();
  ASSERT_TRUE(context);
  EXPECT_EQ(context->type, "T");
  EXPECT_EQ(context->id, "first");
  EXPECT_FALSE(context->trace.valid());
}

TEST(CloudEvents, a_record_without_them_has_an_empty_context) {
  const auto none = read_event_headers({}, 0);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->id.empty() && none->type.empty() && none->correlation.empty());
  EXPECT_TRUE(Headers().add_null("ce_id").add("traceparent", "broken").read());
}

TEST(CloudEvents, other_versions_and_structured_mode_are_refused) {
  EXPECT_TRUE(Headers().add("ce_specversion", "1.1").read());
  EXPECT_TRUE(Headers().add("ce_specversion", "2.0").read().error().is(errc::bad_envelope));
  EXPECT_TRUE(Headers()
                  .add("content-type", "application/cloudevents+json")
                  .read()
                  .error()
                  .is(errc::bad_envelope));
}

TEST(CloudEvents, bytes_that_are_no_headers_are_refused) {
  EncodedHeaders headers;
  append_event_headers(headers, example());
  for (std::size_t size = 0; size < headers.bytes.size(); ++size) {
    const auto result =
        read_event_headers(std::string_view(headers.bytes).substr(0, size), headers.count);
    ASSERT_FALSE(result) << size;
    EXPECT_TRUE(result.error().is(errc::bad_envelope));
  }
  EXPECT_FALSE(read_event_headers(headers.bytes, headers.count - 1)) << "bytes are left";
  EXPECT_FALSE(read_event_headers("\x01x", 1)) << "a key has no negative length";
  EXPECT_FALSE(read_event_headers(std::string_view("\x00\x03", 2), 1)) << "only -1 stands for null";
}

TEST(PrivateContext, one_header_carries_trace_correlation_and_cause) {
  EncodedHeaders headers;
  EventContext context;
  context.id = "e-1";
  context.correlation = std::string_view(
      "a correlation id that is longer than sixty-three characters, so its length takes two bytes");
  context.trace = *parse_traceparent(parent);
  append_private_context(headers, context);
  EXPECT_EQ(headers.count, 1);
  const auto read = read_private_context(headers.bytes, headers.count);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, "e-1");
  EXPECT_EQ(read->correlation, context.correlation);
  EXPECT_EQ(read->trace.trace_low, context.trace.trace_low);
  EXPECT_EQ(read->trace.flags, 1);
  EXPECT_TRUE(read->type.empty());
}

TEST(PrivateContext, a_record_of_a_request_has_it_behind_what_one_without_has) {
  const EventContext context{"e-1", {}, {}, "c-1", {}, *parse_traceparent(parent)};
  EventContext of_request = context;
  of_request.request = "shop:r-1";
  EncodedHeaders without;
  append_private_context(without, context);
  EncodedHeaders with;
  append_private_context(with, of_request);
  EXPECT_EQ(read_private_context(with.bytes, with.count)->request, "shop:r-1");
  EXPECT_EQ(read_private_context(without.bytes, without.count)->request, "");
  EXPECT_EQ(with.bytes.size(), without.bytes.size() + 9);
  EXPECT_EQ(with.bytes.substr(4, without.bytes.size() - 4), without.bytes.substr(4))
      << "an earlier build finds what it knows";
  EXPECT_FALSE(read_private_context(with.bytes.substr(0, with.bytes.size() - 1), with.count));
}

TEST(PrivateContext, none_is_an_empty_context_and_a_broken_one_is_refused) {
  EXPECT_TRUE(read_private_context({}, 0));
  EncodedHeaders headers;
  append_private_context(headers, {});
  EXPECT_FALSE(read_private_context(headers.bytes, 1)->trace.valid());
  EXPECT_FALSE(read_private_context(std::string_view(headers.bytes).substr(0, 10), 1));
  EXPECT_TRUE(read_private_context(std::string_view("\x04"
                                                    "cx\x04"
                                                    "ab",
                                                    6),
                                   1)
                  .error()
                  .is(errc::bad_envelope));
}

TEST(EventHeadersOf, a_value_name_its_content_type) {
  EncodedHeaders json;
  append_event_headers(json, example());
  EventHeaders headers = example();
  headers.content_type = "application/avro";
  EncodedHeaders avro;
  append_event_headers(avro, headers);
  EXPECT_EQ(avro.count, json.count);
  auto expected = all(json);
  expected["content-type"] = "application/avro";
  EXPECT_EQ(all(avro), expected);
}

}  // namespace
}  // namespace millrace::codec
