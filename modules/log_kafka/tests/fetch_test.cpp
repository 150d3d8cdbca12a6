// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// How a handle fetches: what it watches, what it asks for and when, as the broker sees it. The
// proxy holds what would otherwise have to be raced.
#include <algorithm>

#include "admin.hpp"
#include "client_events.hpp"
#include "kafka_world.hpp"
#include "millrace/testkit/kafka_proxy.hpp"
#include "wire/protocol.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testkit::KafkaApi;
using testkit::KafkaFault;
using testkit::KafkaProxy;
using testkit::KafkaRequest;
using testkit::KafkaRule;
using testkit::KafkaRuleHandle;

constexpr std::int64_t wait_limit_ns = 120'000'000'000;

/// A fetch as the broker sees it.
struct Asked {
  explicit Asked(const KafkaRequest& request) {
    kafka::wire::Decoder in(request.body);
    in.number<std::int32_t>();
    wait_ms = in.number<std::int32_t>();
    in.number<std::int32_t>();
    in.number<std::int32_t>();
    in.number<std::int8_t>();
    in.number<std::int32_t>();
    in.number<std::int32_t>();
    for (std::size_t topics = in.count(1); topics > 0; --topics) {
      const std::string topic(in.string());
      for (std::size_t left = in.count(1); left > 0; --left) {
        partitions.push_back({topic, in.number<std::int32_t>()});
        in.number<std::int32_t>();
        in.number<std::int64_t>();
        in.number<std::int64_t>();
        in.number<std::int32_t>();
      }
    }
  }
  /// It is held until there is something, not only for a moment.
  [[nodiscard]] bool is_watch() const { return wait_ms >= 100; }
  /// Of the partitions of a topic, in whatever log.
  [[nodiscard]] std::size_t count(const std::string& topic) const {
    return static_cast<std::size_t>(
        std::count_if(partitions.begin(), partitions.end(),
                      [&](const auto& one) { return one.topic.ends_with(topic); }));
  }
  [[nodiscard]] bool names(const std::string& topic, std::int32_t partition) const {
    return std::any_of(partitions.begin(), partitions.end(), [&](const auto& one) {
      return one.topic.ends_with(topic) && one.partition == partition;
    });
  }

  std::int32_t wait_ms = 0;
  std::vector<kafka::KafkaPartition> partitions;
};

class KafkaFetch : public KafkaWorld {
 protected:
  KafkaRuleHandle rule(KafkaFault fault, std::uint64_t times,
                       std::function<bool(const Asked&)> where) {
    return proxy.add({.api = KafkaApi::fetch,
                      .fault = fault,
                      .times = times,
                      .where = [where = std::move(where)](const KafkaRequest& request) {
                        return where(Asked(request));
                      }});
  }
  KafkaRuleHandle count(std::function<bool(const Asked&)> where) {
    return rule(KafkaFault::none(), KafkaRule::always, std::move(where));
  }
  void write(TopicPartition partition, const std::string& value) {
    Transaction transaction;
    transaction.append(partition, {1'000, "k", value, {}});
    const auto committed = commit_visibly(*direct, transaction);
    ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  }
  /// As an operator does, by Kafka's tools.
  void delete_before(Offset end) {
    const kafka::ClientConfig config(kafka::parse_url(url()).value(), options_of("operator"),
                                     real_clock());
    kafka::ClientEvents events(config);
    const auto client = config.make(RD_KAFKA_PRODUCER, {}, {}, events);
    ASSERT_TRUE(client.has_value()) << client.error().to_string();
    const Status done =
        kafka::delete_before(client->get(), {prefix() + ".t", 0}, end, config.timeout_ms());
    ASSERT_TRUE(done.has_value()) << done.error().to_string();
  }
  static TopicPartition at(TopicPartition topic_partition, std::int32_t number) {
    return {topic_partition.topic, partition(number)};
  }

  /// Reads on where it was.
  struct Position {
    TopicPartition partition;
    Offset next = offset(0);
    std::vector<std::string> values = {};
  };
  /// One fetch, which may return nothing.
  static void read_some(Log& log, Position& position, std::size_t max_bytes = 1) {
    FetchBuffer buffer;
    const Status fetched = log.fetch(position.partition, position.next, max_bytes, buffer);
    if (!fetched) {
      ASSERT_TRUE(fetched.error().is(errc::unavailable)) << fetched.error().to_string();
      return;
    }
    for (const RecordView& record : buffer.records)
      position.values.emplace_back(record.value.value_or("null"));
    position.next = buffer.next;
  }
  /// Until it has read so many.
  static void read(Log& log, Position& position, std::size_t values) {
    const auto waiter = log.waiter();
    while (position.values.size() < values) {
      const std::size_t before = position.values.size();
      read_some(log, position, 1U << 20U);
      if (testing::Test::HasFatalFailure()) return;
      if (position.values.size() > before) continue;
      const Interest interest[] = {{position.partition, position.next}};
      ASSERT_NE(waiter->wait(interest, real_clock().monotonic_ns() + wait_limit_ns),
                WaitOutcome::timeout);
    }
  }

  KafkaProxy proxy{address()};
  std::unique_ptr<Log> direct = open("direct");
  const TopicPartition t = make_topic(*direct, "t", 3);
};

TEST_F(KafkaFetch, a_partition_is_begun_and_read_on_while_the_broker_holds_the_watch) {
  write(at(t, 1), "1");
  const auto log = open("reader", proxy.bootstrap());
  const auto watch =
      rule(KafkaFault::hold_response(), 1, [](const Asked& asked) { return asked.is_watch(); });
  Position watched{t};
  read_some(*log, watched);
  ASSERT_TRUE(watch.wait_until_held());
  // Whatever waits for that answer would wait until the test ends.
  Position begun{at(t, 1)};
  read(*log, begun, 1);
  write(at(t, 1), "2");
  read(*log, begun, 2);
  write(at(t, 1), "3");
  read(*log, begun, 3);
  EXPECT_THAT(begun.values, ElementsAre("1", "2", "3"));
  watch.release();
  write(t, "0");
  read(*log, watched, 1);
  EXPECT_THAT(watched.values, ElementsAre("0"));
}

TEST_F(KafkaFetch, what_is_at_its_end_is_all_in_one_watch_and_nothing_else_is_asked) {
  const auto log = open("reader", proxy.bootstrap());
  const auto complete = count([](const Asked& asked) {
    return asked.is_watch() && asked.count(".t") == 3 && asked.count(".__millrace") == 1;
  });
  std::vector<Position> positions{{t}, {at(t, 1)}, {at(t, 2)}};
  for (Position& position : positions)
    read_some(*log, position);
  // They come to their ends one after the other, and all join the watch.
  ASSERT_TRUE(complete.wait_until_applied());
  complete.remove();
  const auto behind = count([](const Asked& asked) { return !asked.is_watch(); });
  const auto watches = count([](const Asked& asked) {
    return asked.wait_ms == 500 && asked.count(".t") == 3 && asked.count(".__millrace") == 1;
  });
  ASSERT_TRUE(watches.wait_until_applied(3));
  EXPECT_EQ(behind.applied(), 0U);
}

TEST_F(KafkaFetch, one_that_comes_to_its_end_joins_the_watch_of_a_busy_one) {
  const auto log = open("reader", proxy.bootstrap());
  const auto joined = count([](const Asked& asked) {
    return asked.is_watch() && asked.names(".t", 0) && asked.names(".t", 1);
  });
  Position busy{t};
  write(t, "0");
  read(*log, busy, 1);
  Position idle{at(t, 1)};
  read_some(*log, idle);
  for (std::size_t i = 1; joined.applied() < 3; ++i) {
    ASSERT_LT(i, 1'000U);
    write(t, std::to_string(i));
    read(*log, busy, i + 1);
  }
}

TEST_F(KafkaFetch, what_is_read_ahead_is_bounded_until_it_is_used) {
  constexpr int count_of_values = 24;
  const std::string filling(300'000, 'x');
  for (int i = 0; i < count_of_values; ++i)
    write(t, std::to_string(i) + filling);
  const auto log = open("reader", proxy.bootstrap());
  const auto asked = count([](const Asked& fetch) { return fetch.names(".t", 0); });
  Position slow{t};
  read_some(*log, slow);
  ASSERT_EQ(slow.values.size(), 1U);
  // A mebibyte, and another one as soon as some of that was used.
  ASSERT_TRUE(asked.wait_until_applied(2));
  Position other{at(t, 1)};
  for (std::size_t i = 1; i < 10; ++i) {
    write(at(t, 1), std::to_string(i));
    read(*log, other, i);
  }
  EXPECT_EQ(asked.applied(), 2U);
  read(*log, slow, count_of_values);
  EXPECT_GT(asked.applied(), 6U);
  for (int i = 0; i < count_of_values; ++i)
    EXPECT_EQ(slow.values[static_cast<std::size_t>(i)], std::to_string(i) + filling);
}

TEST_F(KafkaFetch, one_far_behind_and_one_at_the_end_of_the_same_partition_each_get_everything) {
  constexpr int count_of_values = 40;
  std::vector<std::string> expected;
  for (int i = 0; i < count_of_values; ++i)
    write(t, expected.emplace_back(std::to_string(i)));
  const auto log = open("reader", proxy.bootstrap());
  Position behind{t};
  Position at_end{t, log->end_offset(t).value()};
  for (int i = 0; i < count_of_values; ++i) {
    write(t, expected.emplace_back("new " + std::to_string(i)));
    read(*log, at_end, static_cast<std::size_t>(i) + 1);
    read_some(*log, behind);
  }
  read(*log, behind, expected.size());
  EXPECT_EQ(behind.values, expected);
  EXPECT_EQ(at_end.values,
            std::vector<std::string>(expected.begin() + count_of_values, expected.end()));
}

TEST_F(KafkaFetch, a_fetch_that_is_never_answered_is_asked_again) {
  const auto log = open("reader", proxy.bootstrap(), {{"socket.timeout.ms", "1000"}});
  const auto lost =
      rule(KafkaFault::black_hole(), 2, [](const Asked& asked) { return asked.names(".t", 0); });
  write(t, "0");
  Position position{t};
  read(*log, position, 1);
  EXPECT_THAT(position.values, ElementsAre("0"));
  EXPECT_EQ(lost.applied(), 2U);
}

TEST_F(KafkaFetch, a_reader_continues_when_the_brokers_are_back) {
  const auto log = open("reader", proxy.bootstrap());
  Position position{t};
  write(t, "0");
  read(*log, position, 1);
  proxy.refuse_connections(true);
  proxy.cut_all();
  write(t, "1");
  const auto again = count([](const Asked& asked) { return asked.names(".t", 0); });
  proxy.refuse_connections(false);
  read(*log, position, 2);
  EXPECT_THAT(position.values, ElementsAre("0", "1"));
  EXPECT_GE(again.applied(), 1U);
}

TEST_F(KafkaFetch, what_was_deleted_under_a_reader_is_out_of_range_and_both_ends_are_named) {
  for (int i = 0; i < 5; ++i)
    write(t, std::to_string(i));
  const Offset end = direct->end_offset(t).value();
  delete_before(end);
  const auto log = open("reader", proxy.bootstrap());
  FetchBuffer buffer;
  const Status fetched = log->fetch(t, offset(1), 1'000, buffer);
  ASSERT_FALSE(fetched.has_value());
  EXPECT_TRUE(fetched.error().is(errc::out_of_range)) << fetched.error().to_string();
  EXPECT_THAT(fetched.error().message(), testing::HasSubstr(std::to_string(end.value)));
  write(t, "5");
  Position position{t, end};
  read(*log, position, 1);
  EXPECT_THAT(position.values, ElementsAre("5"));
}

TEST_F(KafkaFetch, a_handle_closes_while_no_fetch_is_answered) {
  auto log = open("reader", proxy.bootstrap());
  const auto held = rule(KafkaFault::hold_request(), KafkaRule::always,
                         [](const Asked& asked) { return asked.count(".t") > 0; });
  Position position{t};
  read_some(*log, position);
  ASSERT_TRUE(held.wait_until_held());
  log.reset();
  EXPECT_GE(held.applied(), 1U);
}

}  // namespace
}  // namespace millrace::log
