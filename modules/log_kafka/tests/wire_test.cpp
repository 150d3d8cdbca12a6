// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Connections and messages without a cluster: brokers here are sockets that say what a test wants.
#include <gmock/gmock.h>

#include "millrace/log/errors.hpp"

#include <algorithm>
#include "tls_peer.hpp"
#include "wire/messages.hpp"
#include "wire_broker.hpp"

namespace millrace::log::kafka::wire {
namespace {

using testing::HasSubstr;

TEST(Connection, answers_come_in_the_order_of_the_requests_however_bytes_are_cut) {
  const Broker broker([](int socket) {
    answer_versions(socket);
    const Request first = read_request(socket);
    const Request second = read_request(socket);
    const std::string bytes =
        frame_of(first.number, "1" + first.body) + frame_of(second.number, "2" + second.body);
    for (const char byte : bytes)
      write_all(socket, {&byte, 1});
  });
  Connection connection(broker.address(), "test", real_clock());
  const auto first = connection.send(Api::end_txn, 2, "one");
  const auto second = connection.send(Api::end_txn, 2, "two");
  const auto one = answer_of(connection);
  ASSERT_TRUE(one.has_value()) << connection.error().to_string();
  EXPECT_EQ(one->number, first);
  EXPECT_EQ(one->body, "1one");
  const auto two = answer_of(connection);
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(two->number, second);
  EXPECT_EQ(two->body, "2two");
  EXPECT_EQ(connection.waiting(), 0U);
}

TEST(Connection, a_request_larger_than_the_buffers_of_a_socket_goes_out) {
  const std::string large(20U << 20U, 'x');
  const Broker broker([&](int socket) {
    answer_versions(socket);
    const Request request = read_request(socket);
    write_all(socket, frame_of(request.number, request.body == large ? "same" : "other"));
  });
  Connection connection(broker.address(), "test", real_clock());
  connection.send(Api::produce, 8, large);
  const auto answer = answer_of(connection);
  ASSERT_TRUE(answer.has_value()) << connection.error().to_string();
  EXPECT_EQ(answer->body, "same");
}

TEST(Connection, a_broker_that_is_too_old_is_called_so) {
  const auto error_of = [](Api limited, std::int16_t highest) {
    const Broker broker([=](int socket) {
      answer_versions(socket, limited, highest);
      read_request(socket);
    });
    Connection connection(broker.address(), "test", real_clock());
    connection.send(Api::fetch, spoken(Api::fetch).lowest, "");
    EXPECT_FALSE(answer_of(connection).has_value());
    EXPECT_TRUE(connection.error().is(errc::refused_by_broker));
    return connection.error().message();
  };
  EXPECT_THAT(error_of(Api::fetch, 10),
              HasSubstr("does not take Fetch in version 11 (it takes it up to version 10)"));
  // Kafka 2.4.
  EXPECT_THAT(error_of(Api::offset_fetch, 6),
              HasSubstr("does not take OffsetFetch in version 7 (it takes it up to version 6): "
                        "Millrace needs Apache Kafka 2.5 or later"));
}

TEST(Connection, a_broker_that_is_too_new_is_called_so) {
  const Broker broker([](int socket) {
    const Request request = read_request(socket);
    Encoder out(true);
    out.number<std::int16_t>(0);
    out.count(1);
    out.number(static_cast<std::int16_t>(Api::produce));
    out.number<std::int16_t>(14);
    out.number<std::int16_t>(20);
    out.tags();
    out.number<std::int32_t>(0);
    out.tags();
    write_all(socket, frame_of(request.number, out.take()));
    read_request(socket);
  });
  Connection connection(broker.address(), "test", real_clock());
  connection.send(Api::fetch, spoken(Api::fetch).lowest, "");
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_TRUE(connection.error().is(errc::refused_by_broker));
  EXPECT_THAT(connection.error().message(),
              HasSubstr("does not take Produce in version 13 (it takes it from version 14 on): the "
                        "broker is too new for this version of Millrace"));
}

TEST(Connection, it_knows_versions_when_the_broker_has_said_them) {
  const Broker broker([](int socket) {
    answer_versions(socket);
    const Request request = read_request(socket);
    write_all(socket, frame_of(request.number, request.body));
  });
  Connection connection(broker.address(), "test", real_clock());
  EXPECT_FALSE(connection.knows_versions());
  EXPECT_EQ(connection.version(Api::fetch), std::nullopt);
  connection.send(Api::fetch, 11, "body");
  const auto answer = answer_of(connection);
  ASSERT_TRUE(answer.has_value()) << connection.error().to_string();
  EXPECT_EQ(answer->body, "body");
  EXPECT_TRUE(connection.knows_versions());
  EXPECT_EQ(connection.version(Api::fetch), spoken(Api::fetch).highest);
  // Not needed by every connection, and not offered by this broker.
  EXPECT_EQ(connection.version(Api::incremental_alter_configs), std::nullopt);
}

// In its oldest form, before it knew another.
TEST(Connection, a_broker_that_does_not_know_the_first_question_is_too_old) {
  const Broker broker([](int socket) {
    const Request request = read_request(socket);
    write_all(socket, frame_of(request.number, std::string("\0\x23\0\0\0\0", 6)));
    read_request(socket);
  });
  Connection connection(broker.address(), "test", real_clock());
  connection.send(Api::fetch, spoken(Api::fetch).lowest, "");
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_TRUE(connection.error().is(errc::refused_by_broker)) << connection.error().to_string();
  EXPECT_THAT(connection.error().message(),
              HasSubstr("does not take ApiVersions in version 3: Millrace needs Apache Kafka 2.5"));
}

// The next connection may find the broker well.
TEST(Connection, versions_that_cannot_be_read_are_no_broker_that_is_too_old) {
  for (const auto& body : {std::string("\0\x2a\1\0\0\0\0\0", 8), std::string("\0\0\5\0\1", 5)}) {
    const Broker broker([&](int socket) {
      const Request request = read_request(socket);
      write_all(socket, frame_of(request.number, body));
      read_request(socket);
    });
    Connection connection(broker.address(), "test", real_clock());
    connection.send(Api::fetch, spoken(Api::fetch).lowest, "");
    EXPECT_FALSE(answer_of(connection).has_value());
    EXPECT_TRUE(connection.error().is(errc::unavailable)) << connection.error().to_string();
    EXPECT_THAT(connection.error().message(), HasSubstr("does not speak Kafka's protocol"));
  }
}

// The headers of the flexible form end with tagged fields.
TEST(Connection, requests_of_the_flexible_form_have_its_headers) {
  std::string sent;
  const Broker broker([&](int socket) {
    answer_versions(socket);
    const std::string size = read_exactly(socket, 4);
    sent = read_exactly(socket, load_big<std::uint32_t>(size.data()));
    // Two fields with two bytes and none.
    write_all(socket, frame_of(2, std::string("\x02\x00\x02xy\x81\x01\x00 body", 13)));
  });
  Connection connection(broker.address(), "me", real_clock());
  connection.send(Api::offset_fetch, "question");
  const auto answer = answer_of(connection);
  ASSERT_TRUE(answer.has_value()) << connection.error().to_string();
  EXPECT_EQ(answer->body, " body");
  EXPECT_EQ(sent, std::string("\0\x09\0\x07\0\0\0\x02\0\x02me\0question", 21));
}

TEST(Connection, a_header_whose_tagged_fields_end_too_early_breaks_it) {
  const Broker broker([](int socket) {
    answer_versions(socket);
    read_request(socket);
    write_all(socket, frame_of(2, std::string("\x01\x00\x7fxy", 5)));
  });
  Connection connection(broker.address(), "me", real_clock());
  connection.send(Api::offset_fetch, "");
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_THAT(connection.error().message(), HasSubstr("does not speak Kafka's protocol"));
}

TEST(Connection, what_does_not_speak_the_protocol_breaks_it) {
  const Broker broker([](int socket) { write_all(socket, "HTTP/1.1 400 Bad Request\r\n\r\n"); });
  Connection connection(broker.address(), "test", real_clock());
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_THAT(connection.error().message(), HasSubstr("does not speak Kafka's protocol"));
}

TEST(Connection, an_answer_that_nobody_asked_for_breaks_it) {
  const Broker broker([](int socket) {
    answer_versions(socket);
    const Request request = read_request(socket);
    write_all(socket, frame_of(request.number + 1, "x"));
  });
  Connection connection(broker.address(), "test", real_clock());
  connection.send(Api::fetch, spoken(Api::fetch).lowest, "");
  EXPECT_FALSE(answer_of(connection).has_value());
  EXPECT_THAT(connection.error().message(), HasSubstr("sent a response that was not asked for"));
}

TEST(Connection, a_broker_that_hangs_up_or_is_not_there_is_unavailable) {
  net::Address address;
  {
    const Broker broker([](int socket) { answer_versions(socket); });
    address = broker.address();
    Connection connection(address, "test", real_clock());
    connection.send(Api::fetch, spoken(Api::fetch).lowest, "");
    EXPECT_FALSE(answer_of(connection).has_value());
    EXPECT_TRUE(connection.error().is(errc::unavailable));
    EXPECT_EQ(connection.waiting(), 1U);
  }
  Connection nobody(address, "test", real_clock());
  EXPECT_FALSE(answer_of(nobody).has_value());
  EXPECT_TRUE(nobody.error().is(errc::unavailable));
  EXPECT_THAT(nobody.error().message(), HasSubstr(address.text()));
  Connection nowhere({"no-such-host.invalid", 1}, "test", real_clock());
  EXPECT_FALSE(answer_of(nowhere).has_value());
  EXPECT_TRUE(nowhere.error().is(errc::unavailable));
}

TEST(Connection, a_broker_that_swallows_packets_is_given_up_when_its_time_is_over) {
  const net::Unserved full(true);
  Connection connection(full.address(), "test", real_clock(), nullptr, 20'000'000);
  Connection* const all[] = {&connection};
  // Wakes by itself long before this deadline.
  advance_all(all, -1, real_clock().monotonic_ns() + 120'000'000'000, real_clock());
  ASSERT_TRUE(connection.is_broken());
  EXPECT_TRUE(connection.error().is(errc::unavailable));
  EXPECT_THAT(connection.error().message(), HasSubstr(full.address().text()));
}

TEST(Connection, it_works_over_tls) {
  const net::Authority authority("Authority of a test");
  const net::Credentials server = authority.issue("server", "DNS:localhost,IP:127.0.0.1");
  const Broker broker([&](int socket) {
    net::TlsPeer peer(socket, server);
    ASSERT_TRUE(peer.accept());
    // Any order of questions but the first one is answered by its own bytes.
    for (int i = 0; i < 2; ++i) {
      const auto size = load_big<std::uint32_t>(peer.read_exactly(4).data());
      const std::string request = peer.read_exactly(size);
      const auto number = load_big<std::int32_t>(request.data() + 4);
      peer.write(frame_of(number, i == 0 ? versions_body() : request.substr(14)));
    }
  });
  const auto security =
      Security::open({{"security.protocol", "ssl"}, {"ssl.ca.pem", authority.certificate()}});
  ASSERT_TRUE(security.has_value()) << security.error().to_string();
  Connection connection(broker.address(), "test", real_clock(), security->get());
  const std::string large = std::string(20U << 20U, 'x');
  connection.send(Api::produce, 8, large);
  const auto answer = answer_of(connection);
  ASSERT_TRUE(answer.has_value()) << connection.error().to_string();
  EXPECT_TRUE(answer->body == large);
}

// Each read of bytes that end too early says so; none goes beyond them.
TEST(Messages, an_answer_that_is_cut_anywhere_is_refused) {
  Encoder out;
  out.count(1);
  out.string("topic");
  out.count(1);
  out.number<std::int32_t>(3);
  out.number<std::int16_t>(0);
  out.number<std::int64_t>(42);
  out.number<std::int64_t>(-1);
  out.number<std::int64_t>(0);
  out.count(0);
  out.null_string();
  const std::string body = out.take();
  const auto whole = read_produced(body, 8);
  ASSERT_TRUE(whole.has_value());
  ASSERT_EQ(whole->size(), 1U);
  EXPECT_EQ(whole->front().at, (KafkaPartition{"topic", 3}));
  EXPECT_EQ(whole->front().first, 42);
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_FALSE(read_produced(std::string_view(body).substr(0, size), 8).has_value()) << size;
  for (std::size_t size = 0; size < 8; ++size) {
    const std::string_view cut = std::string_view(body).substr(0, std::min<std::size_t>(size, 5));
    EXPECT_FALSE(read_single_error(cut).has_value());
    EXPECT_FALSE(read_init_producer(cut, init_version).has_value());
    EXPECT_FALSE(read_init_producer(cut, renew_version).has_value());
    EXPECT_FALSE(read_ended(cut).has_value());
    EXPECT_FALSE(read_coordinator(cut).has_value());
    EXPECT_FALSE(read_partition_errors(cut).has_value());
  }
}

TEST(Messages, a_count_above_what_there_is_is_refused_without_reserving_it) {
  Encoder out;
  out.count(1U << 30U);
  EXPECT_FALSE(read_produced(out.take(), 8).has_value());
}

// That of a record says which rule it broke, that of the batch only that a record was refused.
TEST(Messages, why_a_batch_was_refused_is_read_in_both_forms) {
  for (const std::int16_t version : {8, 12}) {
    for (const bool of_record : {true, false}) {
      Encoder out(is_flexible(Api::produce, version));
      out.count(1);
      out.string("t");
      out.count(1);
      out.number<std::int32_t>(0);
      out.number<std::int16_t>(87);
      for (int i = 0; i < 3; ++i)
        out.number<std::int64_t>(-1);
      out.count(2);
      for (std::int32_t record = 0; record < 2; ++record) {
        out.number(record);
        of_record&& record == 1 ? out.string("no key") : out.null_string();
        out.tags();
      }
      out.string("one or more records");
      out.tags();
      out.tags();
      out.number<std::int32_t>(0);
      out.tags();
      const auto read = read_produced(out.take(), version);
      ASSERT_TRUE(read.has_value());
      ASSERT_EQ(read->size(), 1U);
      EXPECT_EQ(read->front().error, RD_KAFKA_RESP_ERR_INVALID_RECORD);
      EXPECT_EQ(read->front().message, of_record ? "no key" : "one or more records");
    }
  }
}

TEST(Messages, of_several_errors_the_one_counts_that_no_retry_helps_against) {
  const auto answer = [](std::initializer_list<Code> codes) {
    Encoder out;
    out.number<std::int32_t>(0);
    out.count(1);
    out.string("t");
    out.count(codes.size());
    std::int32_t partition = 0;
    for (const Code code : codes) {
      out.number(partition++);
      out.number(static_cast<std::int16_t>(code));
    }
    return read_partition_errors(out.take());
  };
  EXPECT_EQ(answer({RD_KAFKA_RESP_ERR_NO_ERROR})->error, RD_KAFKA_RESP_ERR_NO_ERROR);
  const auto refused = answer(
      {RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
       RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED});
  EXPECT_EQ(refused->error, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  EXPECT_EQ(refused->at.partition, 2);
  EXPECT_EQ(answer({RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED,
                    RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS})
                ->error,
            RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS);
}

}  // namespace
}  // namespace millrace::log::kafka::wire
