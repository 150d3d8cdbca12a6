// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/kafka_proxy.hpp"

#include <gmock/gmock.h>

#include "fake_kafka.hpp"
#include "millrace/testkit/event_writer.hpp"

namespace millrace::testkit {
namespace {

using kafka_proxy::WireReader;
using kafka_proxy::WireWriter;
using testing::ElementsAre;
using testing::IsEmpty;

std::string heartbeat(std::int32_t id, std::string_view group = "group",
                      std::string_view client_id = "client") {
  WireWriter body;
  body.string(group).i32(1).string("member");
  return kafka_request(KafkaApi::heartbeat, 1, id, body.finish().substr(4), client_id);
}

std::string end_transaction(std::int32_t id, bool commits, std::string_view name = "producer") {
  WireWriter body;
  body.string(name).i64(7).i16(0).i8(commits ? 1 : 0);
  return kafka_request(KafkaApi::end_txn, 1, id, body.finish().substr(4));
}

TEST(KafkaProxy, requests_and_answers_split_at_every_byte_pass_whole) {
  FakeBroker broker;
  broker.write_in_pieces();
  KafkaProxy proxy(broker.address());
  FakeClient client(proxy.bootstrap());
  client.send_in_pieces(heartbeat(1) + heartbeat(2));
  EXPECT_EQ(client.receive(), WireWriter().i32(1).i32(0).i16(0).finish().substr(4));
  EXPECT_EQ(client.receive_id(), 2);
  EXPECT_EQ(proxy.seen(KafkaApi::heartbeat), 2U);
}

TEST(KafkaProxy, a_request_larger_than_any_socket_buffer_passes) {
  const std::string large(20'000'000, 'x');
  FakeBroker broker([](const KafkaRequest& request) {
    return WireWriter().i32(request.correlation_id).raw(request.body).finish();
  });
  KafkaProxy proxy(broker.address());
  FakeClient client(proxy.bootstrap());
  client.send(kafka_request(KafkaApi::create_topics, 0, 1, large));
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(std::string_view(*answer).substr(4) == large);
}

TEST(KafkaProxy, a_connection_ends_for_the_broker_when_it_ends_for_the_client) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  {
    FakeClient client(proxy.bootstrap());
    client.send(heartbeat(1));
    EXPECT_EQ(client.receive_id(), 1);
  }
  broker.wait_for_ends(1);
}

TEST(KafkaProxy, a_connection_ends_for_the_client_when_the_broker_dies) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  FakeClient client(proxy.bootstrap());
  broker.hush(true);
  client.send(heartbeat(1));
  broker.wait_for_requests(1);
  broker.die();
  EXPECT_EQ(client.receive_id(), -1);
  FakeClient later(proxy.bootstrap());
  EXPECT_EQ(later.receive_id(), -1);
}

TEST(KafkaProxy, what_is_no_request_ends_the_connection) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  FakeClient short_frame(proxy.bootstrap());
  short_frame.send(std::string("\0\0\0\3abc", 7));
  EXPECT_EQ(short_frame.receive_id(), -1);
  FakeClient negative_size(proxy.bootstrap());
  negative_size.send("\xff\xff\xff\xff....");
  EXPECT_EQ(negative_size.receive_id(), -1);
  EXPECT_THAT(broker.requests(), IsEmpty());
}

TEST(KafkaProxy, a_request_cut_before_never_gets_to_the_broker) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto rule = proxy.add({.api = KafkaApi::end_txn, .fault = KafkaFault::cut_before()});
  FakeClient client(proxy.bootstrap());
  client.send(heartbeat(1));
  EXPECT_EQ(client.receive_id(), 1);
  client.send(end_transaction(2, true) + heartbeat(3));
  EXPECT_EQ(client.receive_id(), -1);
  EXPECT_TRUE(rule.wait_until_applied());
  broker.wait_for_ends(1);
  EXPECT_THAT(broker.requests(), ElementsAre(1));
}

TEST(KafkaProxy, a_request_cut_after_took_effect_and_is_not_answered) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto rule = proxy.add({.api = KafkaApi::end_txn, .fault = KafkaFault::cut_after()});
  FakeClient client(proxy.bootstrap());
  client.send(heartbeat(1) + end_transaction(2, true));
  EXPECT_EQ(client.receive_id(), 1);
  EXPECT_EQ(client.receive_id(), -1);
  EXPECT_TRUE(rule.wait_until_applied());
  EXPECT_TRUE(rule.wait_until_answered());
  EXPECT_THAT(broker.requests(), ElementsAre(1, 2));
  FakeClient again(proxy.bootstrap());
  again.send(end_transaction(3, true));
  EXPECT_EQ(again.receive_id(), 3);
}

TEST(KafkaProxy, a_black_hole_swallows_one_request_and_leaves_the_connection) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto rule = proxy.add({.api = KafkaApi::end_txn, .fault = KafkaFault::black_hole()});
  FakeClient client(proxy.bootstrap());
  client.send(end_transaction(1, true) + heartbeat(2));
  EXPECT_EQ(client.receive_id(), 2);
  EXPECT_EQ(rule.applied(), 1U);
  EXPECT_THAT(broker.requests(), ElementsAre(2));
}

TEST(KafkaProxy, a_held_request_waits_for_its_release_and_keeps_those_behind_it) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto rule = proxy.add({.api = KafkaApi::end_txn, .fault = KafkaFault::hold_request()});
  FakeClient client(proxy.bootstrap());
  client.send(heartbeat(1) + end_transaction(2, true) + heartbeat(3));
  EXPECT_EQ(client.receive_id(), 1);
  EXPECT_TRUE(rule.wait_until_held());
  FakeClient other(proxy.bootstrap());
  other.send(heartbeat(4));
  EXPECT_EQ(other.receive_id(), 4);
  EXPECT_THAT(broker.requests(), ElementsAre(1, 4));
  rule.release();
  EXPECT_EQ(client.receive_id(), 2);
  EXPECT_EQ(client.receive_id(), 3);
}

TEST(KafkaProxy, a_held_request_arrives_late_though_its_client_is_gone) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto rule = proxy.add({.api = KafkaApi::end_txn, .fault = KafkaFault::hold_request()});
  FakeClient client(proxy.bootstrap());
  client.send(end_transaction(1, true));
  EXPECT_TRUE(rule.wait_until_held());
  proxy.cut_all();
  EXPECT_EQ(client.receive_id(), -1);
  FakeClient next(proxy.bootstrap());
  next.send(end_transaction(2, false));
  EXPECT_EQ(next.receive_id(), 2);
  rule.release();
  EXPECT_TRUE(rule.wait_until_answered());
  EXPECT_THAT(broker.requests(), ElementsAre(2, 1));
  broker.wait_for_ends(1);
}

TEST(KafkaProxy, a_held_response_belongs_to_a_request_that_took_effect) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto rule = proxy.add({.api = KafkaApi::end_txn, .fault = KafkaFault::hold_response()});
  FakeClient client(proxy.bootstrap());
  client.send(end_transaction(1, true));
  EXPECT_TRUE(rule.wait_until_held());
  EXPECT_THAT(broker.requests(), ElementsAre(1));
  rule.release();
  EXPECT_EQ(client.receive_id(), 1);
}

TEST(KafkaProxy, what_is_held_can_be_lost_with_its_connection) {
  for (const auto fault : {KafkaFault::hold_request(), KafkaFault::hold_response()}) {
    FakeBroker broker;
    KafkaProxy proxy(broker.address());
    const auto rule = proxy.add({.api = KafkaApi::end_txn, .fault = fault});
    FakeClient client(proxy.bootstrap());
    client.send(end_transaction(1, true));
    EXPECT_TRUE(rule.wait_until_held());
    rule.lose();
    EXPECT_EQ(client.receive_id(), -1);
    broker.wait_for_ends(1);
    const std::size_t arrived = fault.kind == KafkaFault::Kind::hold_response ? 1 : 0;
    EXPECT_EQ(broker.requests().size(), arrived);
  }
}

TEST(KafkaProxy, a_delayed_request_or_response_comes_in_its_time) {
  constexpr std::int64_t hour_ms = 3'600'000;
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto held_up = proxy.add({.fault = KafkaFault::delay_request(hour_ms), .group = "slow"});
  const auto unheard = proxy.add({.fault = KafkaFault::delay_response(hour_ms), .group = "deaf"});
  const auto short_way =
      proxy.add({.api = KafkaApi::end_txn, .fault = KafkaFault::delay_request(1), .commits = true});
  const auto short_back = proxy.add(
      {.api = KafkaApi::end_txn, .fault = KafkaFault::delay_response(1), .commits = false});
  FakeClient slow(proxy.bootstrap());
  slow.send(heartbeat(1, "slow"));
  FakeClient deaf(proxy.bootstrap());
  deaf.send(heartbeat(2, "deaf"));
  EXPECT_TRUE(held_up.wait_until_applied());
  EXPECT_TRUE(unheard.wait_until_applied());
  FakeClient client(proxy.bootstrap());
  client.send(end_transaction(3, true) + end_transaction(4, false) + heartbeat(5));
  EXPECT_EQ(client.receive_id(), 3);
  EXPECT_EQ(client.receive_id(), 4);
  EXPECT_EQ(client.receive_id(), 5);
  EXPECT_EQ(short_way.applied() + short_back.applied(), 2U);
  EXPECT_THAT(broker.requests(), ElementsAre(2, 3, 4, 5));
}

TEST(KafkaProxy, a_rule_strikes_what_fits_after_it_has_skipped_and_until_it_is_used_up) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto rule = proxy.add({.api = KafkaApi::end_txn,
                               .fault = KafkaFault::black_hole(),
                               .skip = 1,
                               .times = 2,
                               .client_id_prefix = "cli",
                               .transactional_id = "mine",
                               .commits = true});
  FakeClient client(proxy.bootstrap());
  client.send(end_transaction(1, true, "mine") + end_transaction(2, false, "mine") +
              end_transaction(3, true, "other") + heartbeat(4) + end_transaction(5, true, "mine") +
              end_transaction(6, true, "mine") + end_transaction(7, true, "mine"));
  for (const int id : {1, 2, 3, 4, 7})
    EXPECT_EQ(client.receive_id(), id);
  EXPECT_EQ(rule.applied(), 2U);
}

TEST(KafkaProxy, the_first_rule_that_fits_wins_and_a_removed_one_rests) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  const auto first = proxy.add(
      {.fault = KafkaFault::black_hole(),
       .times = KafkaRule::always,
       .where = [](const KafkaRequest& request) { return request.correlation_id % 2 == 0; }});
  const auto second = proxy.add({.api = KafkaApi::heartbeat, .times = KafkaRule::always});
  FakeClient client(proxy.bootstrap());
  client.send(heartbeat(1) + heartbeat(2) + heartbeat(3));
  EXPECT_EQ(client.receive_id(), 1);
  EXPECT_EQ(client.receive_id(), 3);
  first.remove();
  client.send(heartbeat(4));
  EXPECT_EQ(client.receive_id(), 4);
  EXPECT_EQ(first.applied(), 1U);
  EXPECT_EQ(second.applied(), 3U);
}

TEST(KafkaProxy, a_network_that_is_down_refuses_and_comes_back_under_the_same_address) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  FakeClient client(proxy.bootstrap());
  client.send(heartbeat(1));
  EXPECT_EQ(client.receive_id(), 1);
  proxy.refuse_connections(true);
  client.send(heartbeat(2));
  EXPECT_EQ(client.receive_id(), 2);
  proxy.cut_all();
  EXPECT_EQ(client.receive_id(), -1);
  EXPECT_FALSE(FakeClient(proxy.bootstrap()).is_connected());
  proxy.refuse_connections(false);
  FakeClient again(proxy.bootstrap());
  again.send(heartbeat(3));
  EXPECT_EQ(again.receive_id(), 3);
}

TEST(KafkaProxy, waits_end_in_vain_when_the_proxy_is_gone) {
  FakeBroker broker;
  auto proxy = std::make_unique<KafkaProxy>(broker.address());
  const auto rule = proxy->add({.fault = KafkaFault::hold_request()});
  FakeClient client(proxy->bootstrap());
  client.send(heartbeat(1));
  EXPECT_TRUE(proxy->wait_until_seen(KafkaApi::heartbeat, 1));
  EXPECT_TRUE(rule.wait_until_held());
  proxy.reset();
  EXPECT_EQ(client.receive_id(), -1);
  EXPECT_FALSE(rule.wait_until_answered());
  rule.release();
}

TEST(KafkaProxy, wrong_use_is_refused) {
  EXPECT_THROW(KafkaProxy("nowhere"), TestError);
  EXPECT_THROW(KafkaProxy("127.0.0.1:0"), TestError);
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  EXPECT_THROW(proxy.add({.fault = KafkaFault::fail(3)}), TestError);
  EXPECT_THROW(proxy.add({.api = KafkaApi::create_topics, .fault = KafkaFault::fail(3)}),
               TestError);
}

}  // namespace
}  // namespace millrace::testkit
