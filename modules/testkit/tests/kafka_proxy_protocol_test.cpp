// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "fake_kafka.hpp"
#include "millrace/testkit/kafka_proxy.hpp"

namespace millrace::testkit {
namespace {

using kafka_proxy::Address;
using kafka_proxy::is_flexible;
using kafka_proxy::WireReader;
using kafka_proxy::WireWriter;
using testing::ElementsAre;

std::string metadata_response(std::int16_t version, std::int32_t id,
                              const std::vector<Address>& brokers) {
  const bool flexible = is_flexible(KafkaApi::metadata, version);
  WireWriter writer(flexible);
  writer.i32(id).tags();
  if (version >= 3) writer.i32(0);
  writer.array(static_cast<std::int32_t>(brokers.size()));
  for (std::size_t i = 0; i < brokers.size(); ++i) {
    writer.i32(static_cast<std::int32_t>(i) + 1).string(brokers[i].host).i32(brokers[i].port);
    if (version >= 1) writer.string("rack");
    // One tagged field of one byte, such as a later Kafka may send.
    if (flexible) writer.uvarint(1).uvarint(9).uvarint(1).i8(5);
  }
  return writer.raw("all the rest").finish();
}

// Node ids and addresses of a response and what follows them.
struct Seen {
  std::vector<std::int32_t> nodes;
  std::vector<std::int32_t> ports;
  std::string rest;
};

Seen read_metadata(std::int16_t version, std::string_view payload) {
  const bool flexible = is_flexible(KafkaApi::metadata, version);
  WireReader reader(payload, flexible);
  reader.i32();
  reader.tags();
  if (version >= 3) reader.i32();
  Seen seen;
  for (auto left = reader.array(); left > 0; --left) {
    seen.nodes.push_back(reader.i32());
    EXPECT_EQ(reader.string(), "127.0.0.1");
    seen.ports.push_back(reader.i32());
    if (version >= 1) {
      EXPECT_EQ(reader.string(), "rack");
    }
    EXPECT_EQ(reader.tags().size(), flexible ? 4U : 0U);
  }
  seen.rest = reader.rest();
  return seen;
}

TEST(KafkaProxyProtocol, clients_find_every_broker_behind_the_proxy_in_every_version) {
  FakeBroker second;
  FakeBroker first([&](const KafkaRequest& request) {
    return metadata_response(request.version, request.correlation_id,
                             {{"localhost", first.port()}, {"127.0.0.1", second.port()}});
  });
  KafkaProxy proxy(first.address());
  const auto to_second =
      proxy.add({.api = KafkaApi::heartbeat, .times = KafkaRule::always, .broker = 2});
  std::vector<std::int32_t> ports;
  for (std::int16_t version = 0; version <= 13; ++version) {
    SCOPED_TRACE(version);
    FakeClient client(proxy.bootstrap());
    client.send(kafka_request(KafkaApi::metadata, version, version, "body"));
    const auto payload = client.receive();
    ASSERT_TRUE(payload);
    const auto seen = read_metadata(version, *payload);
    EXPECT_THAT(seen.nodes, ElementsAre(1, 2));
    EXPECT_EQ("127.0.0.1:" + std::to_string(seen.ports.at(0)), proxy.bootstrap());
    EXPECT_EQ(seen.rest, "all the rest");
    if (!ports.empty()) {
      EXPECT_EQ(ports, seen.ports);
    }
    ports = seen.ports;
  }
  FakeClient client("127.0.0.1:" + std::to_string(ports.at(1)));
  client.send(kafka_request(KafkaApi::heartbeat, 1, 99));
  EXPECT_EQ(client.receive_id(), 99);
  EXPECT_THAT(second.requests(), ElementsAre(99));
  EXPECT_EQ(to_second.applied(), 1U);
}

std::string coordinator_response(std::int16_t version, std::int32_t id, std::int32_t node,
                                 const Address& address) {
  WireWriter writer(is_flexible(KafkaApi::find_coordinator, version));
  writer.i32(id).tags();
  if (version >= 1) writer.i32(0);
  if (version >= 4) {
    writer.array(1).string("key").i32(node).string(address.host).i32(address.port);
    return writer.i16(0).null_string().tags().tags().finish();
  }
  writer.i16(0);
  if (version >= 1) writer.null_string();
  return writer.i32(node).string(address.host).i32(address.port).tags().finish();
}

TEST(KafkaProxyProtocol, coordinators_are_found_behind_the_proxy_in_every_version) {
  Address coordinator;
  std::int32_t node = 0;
  FakeBroker broker([&](const KafkaRequest& request) {
    return coordinator_response(request.version, request.correlation_id, node, coordinator);
  });
  KafkaProxy proxy(broker.address());
  const auto colon = proxy.bootstrap().find(':');
  const Address in_front{"127.0.0.1", std::stoi(proxy.bootstrap().substr(colon + 1))};
  for (std::int16_t version = 0; version <= 6; ++version) {
    SCOPED_TRACE(version);
    FakeClient client(proxy.bootstrap());
    node = 1;
    coordinator = {"localhost", broker.port()};
    client.send(kafka_request(KafkaApi::find_coordinator, version, 1, "body"));
    EXPECT_EQ(client.receive(), coordinator_response(version, 1, 1, in_front).substr(4));
    // A coordinator that is not known is passed on as such.
    node = -1;
    coordinator = {"", -1};
    client.send(kafka_request(KafkaApi::find_coordinator, version, 2, "body"));
    EXPECT_EQ(client.receive(), coordinator_response(version, 2, -1, coordinator).substr(4));
  }
}

TEST(KafkaProxyProtocol, an_answer_that_cannot_be_read_does_not_get_to_the_client) {
  FakeBroker broker([&](const KafkaRequest& request) {
    return WireWriter().i32(request.correlation_id).i32(1'000'000).finish();
  });
  KafkaProxy proxy(broker.address());
  FakeClient client(proxy.bootstrap());
  client.send(kafka_request(KafkaApi::metadata, 0, 1));
  EXPECT_EQ(client.receive_id(), -1);
}

TEST(KafkaProxyProtocol, versions_that_tell_addresses_elsewhere_are_not_offered) {
  for (const std::int16_t version : {0, 1, 2, 3, 4}) {
    SCOPED_TRACE(version);
    const bool flexible = version >= 3;
    FakeBroker broker([&](const KafkaRequest& request) {
      WireWriter writer(flexible);
      writer.i32(request.correlation_id).i16(0).array(4);
      writer.i16(0).i16(3).i16(13).tags();   // produce
      writer.i16(60).i16(0).i16(2).tags();   // describe cluster
      writer.i16(19).i16(2).i16(7).tags();   // create topics
      writer.i16(1).i16(16).i16(18).tags();  // fetch, from a Kafka to come
      if (version >= 1) writer.i32(8);
      // A finalized feature, as tagged field 1.
      if (flexible) writer.uvarint(1).uvarint(1).uvarint(8).i64(3);
      return writer.finish();
    });
    KafkaProxy proxy(broker.address());
    FakeClient client(proxy.bootstrap());
    client.send(kafka_request(KafkaApi::api_versions, version, 1, "body"));
    WireWriter expected(flexible);
    expected.i32(1).i16(0).array(2);
    expected.i16(0).i16(3).i16(9).tags();
    expected.i16(19).i16(2).i16(7).tags();
    if (version >= 1) expected.i32(8);
    EXPECT_EQ(client.receive(), expected.tags().finish().substr(4));
  }
}

TEST(KafkaProxyProtocol, transactions_of_version_2_are_offered_when_they_are_asked_for) {
  const auto versions = [](std::int16_t produce, std::int16_t end) {
    WireWriter writer(true);
    writer.i32(1).i16(0).array(2);
    writer.i16(0).i16(3).i16(produce).tags();
    writer.i16(26).i16(0).i16(end).tags();
    writer.i32(8);
    return writer.uvarint(1).uvarint(1).uvarint(8).i64(3).finish();
  };
  FakeBroker broker([&](const KafkaRequest&) { return versions(13, 6); });
  KafkaProxy proxy(broker.address(), KafkaTransactions::version_2);
  FakeClient client(proxy.bootstrap());
  client.send(kafka_request(KafkaApi::api_versions, 3, 1, "body"));
  EXPECT_EQ(client.receive(), versions(12, 5).substr(4));
}

TEST(KafkaProxyProtocol, addresses_of_new_leaders_are_taken_off) {
  const auto produced = [](bool with_address) {
    WireWriter writer(true);
    writer.i32(1).tags().array(1).string("t").array(1);
    writer.i32(0).i16(6).i64(-1).i64(-1).i64(-1);
    writer.array(1).i32(2).string("why").tags().null_string().tags();
    writer.tags().i32(0);
    if (!with_address) return writer.tags().finish();
    return writer.uvarint(1).uvarint(0).uvarint(3).raw("far").finish();
  };
  FakeBroker broker([&](const KafkaRequest&) { return produced(true); });
  KafkaProxy proxy(broker.address(), KafkaTransactions::version_2);
  FakeClient client(proxy.bootstrap());
  // No transactional id, acknowledged by all.
  WireWriter body(true);
  const std::string asked = body.null_string().i16(-1).finish().substr(4);
  client.send(kafka_request(KafkaApi::produce, 12, 1, asked));
  EXPECT_EQ(client.receive(), produced(false).substr(4));
}

TEST(KafkaProxyProtocol, a_refused_question_for_versions_is_answered_in_the_first_form) {
  FakeBroker broker([&](const KafkaRequest& request) {
    WireWriter writer;
    return writer.i32(request.correlation_id).i16(35).array(1).i16(18).i16(0).i16(4).finish();
  });
  KafkaProxy proxy(broker.address());
  FakeClient client(proxy.bootstrap());
  client.send(kafka_request(KafkaApi::api_versions, 5, 1, "body"));
  EXPECT_EQ(client.receive(),
            WireWriter().i32(1).i16(35).array(1).i16(18).i16(0).i16(4).finish().substr(4));
}

TEST(KafkaProxyProtocol, produce_requests_without_acknowledgement_are_not_waited_for) {
  FakeBroker broker;
  KafkaProxy proxy(broker.address());
  FakeClient client(proxy.bootstrap());
  const auto body = WireWriter().null_string().i16(0).i32(1'000).array(0).finish().substr(4);
  client.send(kafka_request(KafkaApi::produce, 7, 1, body) +
              kafka_request(KafkaApi::heartbeat, 1, 2));
  EXPECT_EQ(client.receive_id(), 2);
  EXPECT_THAT(broker.requests(), ElementsAre(1, 2));
}

}  // namespace
}  // namespace millrace::testkit
