// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <deque>

#include "fake_kafka.hpp"
#include "millrace/base/text.hpp"
#include "millrace/testkit/kafka_proxy.hpp"

namespace millrace::testkit {
namespace {

using kafka_proxy::is_flexible;
using kafka_proxy::WireWriter;

constexpr std::int16_t error = 47;

// The body of a request and the response that fails it, written by the tables of the protocol.
struct Case {
  KafkaApi api;
  std::int16_t version;
  WireWriter body;
  WireWriter response;

  Case(KafkaApi of, std::int16_t in)
      : api(of), version(in), body(is_flexible(of, in)), response(is_flexible(of, in)) {
    response.i32(1).tags();
  }
};

std::deque<Case> at_the_top() {
  std::deque<Case> cases;
  for (const auto api : {KafkaApi::end_txn, KafkaApi::add_offsets_to_txn}) {
    for (std::int16_t version = 0; version <= 4; ++version) {
      auto& made = cases.emplace_back(api, version);
      made.body.string("producer").i64(1).i16(0);
      api == KafkaApi::end_txn ? made.body.i8(1) : made.body.string("group");
      made.body.tags();
      made.response.i32(0).i16(error).tags();
    }
  }
  for (std::int16_t version = 0; version <= 5; ++version) {
    auto& made = cases.emplace_back(KafkaApi::init_producer_id, version);
    made.body.string("producer").i32(60'000);
    if (version >= 3) made.body.i64(-1).i16(-1);
    made.body.tags();
    made.response.i32(0).i16(error).i64(-1).i16(-1).tags();
  }
  for (std::int16_t version = 0; version <= 4; ++version) {
    auto& made = cases.emplace_back(KafkaApi::heartbeat, version);
    made.body.string("group").i32(1).string("member");
    if (version >= 3) made.body.null_string();
    made.body.tags();
    if (version >= 1) made.response.i32(0);
    made.response.i16(error).tags();
  }
  for (std::int16_t version = 0; version <= 5; ++version) {
    auto& made = cases.emplace_back(KafkaApi::sync_group, version);
    made.body.string("group").i32(1).string("member");
    if (version >= 1) made.response.i32(0);
    made.response.i16(error);
    if (version >= 5) made.response.null_string().null_string();
    made.response.bytes("").tags();
  }
  for (std::int16_t version = 0; version <= 3; ++version) {
    auto& made = cases.emplace_back(KafkaApi::find_coordinator, version);
    made.body.string("key");
    if (version >= 1) made.response.i32(0);
    made.response.i16(error);
    if (version >= 1) made.response.null_string();
    made.response.i32(-1).string("").i32(-1).tags();
  }
  for (std::int16_t version = 2; version <= 7; ++version) {
    auto& made = cases.emplace_back(KafkaApi::offset_fetch, version);
    made.body.string("group").array(1).string("a").array(1).i32(0).tags();
    if (version >= 7) made.body.i8(1);
    made.body.tags();
    if (version >= 3) made.response.i32(0);
    made.response.array(0).i16(error).tags();
  }
  for (std::int16_t version = 7; version <= 15; ++version) {
    auto& made = cases.emplace_back(KafkaApi::fetch, version);
    made.response.i32(0).i16(error).i32(0).array(0).tags();
  }
  return cases;
}

std::deque<Case> at_each_partition() {
  std::deque<Case> cases;
  for (std::int16_t version = 0; version <= 3; ++version) {
    auto& made = cases.emplace_back(KafkaApi::add_partitions_to_txn, version);
    made.body.string("producer").i64(1).i16(0);
    made.body.array(2).string("a").array(2).i32(0).i32(5).tags();
    made.body.string("b").array(1).i32(3).tags().tags();
    made.response.i32(0).array(2).string("a").array(2);
    made.response.i32(0).i16(error).tags().i32(5).i16(error).tags().tags();
    made.response.string("b").array(1).i32(3).i16(error).tags().tags().tags();
  }
  for (std::int16_t version = 0; version <= 4; ++version) {
    auto& made = cases.emplace_back(KafkaApi::txn_offset_commit, version);
    made.body.string("producer").string("group").i64(1).i16(0);
    if (version >= 3) made.body.i32(1).string("member").null_string();
    made.body.array(1).string("a").array(2);
    for (const std::int32_t partition : {2, 4}) {
      made.body.i32(partition).i64(100);
      if (version >= 2) made.body.i32(-1);
      made.body.null_string().tags();
    }
    made.body.tags().tags();
    made.response.i32(0).array(1).string("a").array(2);
    made.response.i32(2).i16(error).tags().i32(4).i16(error).tags().tags().tags();
  }
  for (std::int16_t version = 0; version <= 9; ++version) {
    auto& made = cases.emplace_back(KafkaApi::produce, version);
    if (version >= 3) made.body.string("producer");
    made.body.i16(-1).i32(1'000).array(1).string("a").array(2);
    for (const std::int32_t partition : {2, 4})
      made.body.i32(partition).bytes("records").tags();
    made.body.tags().tags();
    made.response.array(1).string("a").array(2);
    for (const std::int32_t partition : {2, 4}) {
      made.response.i32(partition).i16(error).i64(-1);
      if (version >= 2) made.response.i64(-1);
      if (version >= 5) made.response.i64(-1);
      if (version >= 8) made.response.array(0).null_string();
      made.response.tags();
    }
    made.response.tags();
    if (version >= 1) made.response.i32(0);
    made.response.tags();
  }
  return cases;
}

void expect_failures(std::deque<Case> cases) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  for (auto& each : cases) {
    SCOPED_TRACE(testing::Message()
                 << "api " << static_cast<int>(each.api) << " version " << each.version);
    const auto rule = proxy.add({.api = each.api, .fault = KafkaFault::fail(error)});
    FakeClient client(proxy.bootstrap());
    client.send(kafka_request(each.api, each.version, 1, each.body.finish().substr(4)));
    EXPECT_EQ(client.receive(), each.response.finish().substr(4));
    EXPECT_EQ(rule.applied(), 1U);
  }
  EXPECT_TRUE(broker.requests().empty());
}

TEST(KafkaProxyFailures, errors_of_whole_requests_are_written_in_every_version) {
  expect_failures(at_the_top());
}

TEST(KafkaProxyFailures, errors_of_partitions_are_written_for_each_in_every_version) {
  expect_failures(at_each_partition());
}

std::string from_hex(std::string text) {
  std::erase(text, ' ');
  return hex_decode(text).value();
}

TEST(KafkaProxyFailures, the_bytes_are_those_of_the_protocol) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto rule = proxy.add({.api = KafkaApi::txn_offset_commit, .fault = KafkaFault::fail(22)});
  FakeClient client(proxy.bootstrap());
  client.send(
      from_hex("00000039 001c 0003 00000009 0001 63 00"        // size, header, its tagged fields
               "0274 0267 0000000000000001 0000"               // names, producer id and epoch
               "00000001 026d 00"                              // generation, member, no instance
               "02 0278 02 00000000"                           // one topic, one partition
               "0000000000000005 ffffffff 00 00 00 00"));      // offset, epoch, no metadata, ends
  EXPECT_EQ(client.receive(), from_hex("00000009 00 00000000"  // correlation id, throttle time
                                       "02 0278 02 00000000"   // one topic, one partition
                                       "0016 00 00 00"));      // the error, ends
  EXPECT_EQ(rule.applied(), 1U);
}

TEST(KafkaProxyFailures, an_open_transaction_is_an_error_of_each_position_that_is_asked_for) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto rule = proxy.add({.api = KafkaApi::offset_fetch, .fault = KafkaFault::fail(88)});
  FakeClient client(proxy.bootstrap());
  client.send(
      from_hex("0000001d 0009 0007 00000009 0001 63 00"        // size, header, its fields
               "0267 02 0278 03 00000000 00000002 00"          // group, a topic, two partitions
               "01 00"));                                      // stable, end
  EXPECT_EQ(client.receive(), from_hex("00000009 00 00000000"  // correlation id, throttle time
                                       "02 0278 03"            // one topic, two partitions
                                       "00000000 ffffffffffffffff"  // partition, no position
                                       "ffffffff 01 0058 00"        // no epoch or text, the error
                                       "00000002 ffffffffffffffff"
                                       "ffffffff 01 0058 00"
                                       "00 0000 00"));  // no error of the group, ends
  EXPECT_EQ(rule.applied(), 1U);
}

TEST(KafkaProxyFailures, a_version_without_such_an_error_breaks_the_connection) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  proxy.add({.api = KafkaApi::fetch, .fault = KafkaFault::fail(error)});
  FakeClient client(proxy.bootstrap());
  client.send(kafka_request(KafkaApi::fetch, 4, 1));
  EXPECT_EQ(client.receive_id(), -1);
  EXPECT_TRUE(broker.requests().empty());
}

}  // namespace
}  // namespace millrace::testkit
