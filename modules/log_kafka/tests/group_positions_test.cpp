// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Positions of groups read from a cluster that a test plays, by both clients.
#include "group_positions.hpp"
#include "client_events.hpp"

#include <gmock/gmock.h>

#include <thread>

#include "fake_cluster.hpp"
#include "log_contract.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

using testing::HasSubstr;
using testkit::KafkaApi;
using testkit::KafkaRequest;

constexpr std::int16_t loading = 14;
constexpr std::int16_t not_coordinator = 16;
constexpr std::int16_t group_not_allowed = 30;
constexpr std::int16_t unstable = 88;

/// Writes one position: the topic is the group.
void write_position(const KafkaRequest& request, FakeCluster::Response& out, std::int64_t next,
                    std::int16_t error = 0) {
  out.i32(0).array(1).string(request.group).array(1);
  out.i32(3).i64(next).i32(-1).string("").i16(error).tags().tags().i16(0);
}

void answer_42(const KafkaRequest& request, FakeCluster::Response& out) {
  write_position(request, out, 42);
}

class GroupPositionsTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the thread sanitizer does not know the threads that librdkafka starts";
#endif
    auto made = config_.make(RD_KAFKA_CONSUMER, {}, {}, events_);
    ASSERT_TRUE(made.has_value()) << made.error().to_string();
    asker_ = *std::move(made);
    config_.cluster()->served_by(asker_.get());
  }
  /// Asks until what passes by itself has passed, as Positions does.
  Result<std::vector<GroupPosition>> find(const std::string& group) {
    for (;;) {
      auto found = positions_.find(group, {{group, 3}}, deadline_ns());
      if (found || !found.error().is(errc::unavailable)) return found;
    }
  }
  std::int64_t deadline_ns() { return clock_.monotonic_ns() + std::int64_t{120'000'000'000}; }
  void expect_42(const std::string& group) {
    const auto found = find(group);
    ASSERT_TRUE(found.has_value()) << found.error().to_string();
    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ(found->front().partition, (KafkaPartition{group, 3}));
    EXPECT_EQ(found->front().next, offset(42));
  }

  FakeCluster cluster_{answer_42};
  SkewedClock clock_;
  ClientConfig config_{Url{cluster_.address(), "", {{"millrace.request.timeout.ms", "120000"}}},
                       LogOptions{}, clock_};
  ClientEvents events_{config_};
  Owned<rd_kafka_t> asker_;
  GroupPositions positions_{config_};
};

TEST_F(GroupPositionsTest, they_are_read_although_the_coordinator_moves) {
  cluster_.then_fail(not_coordinator);
  cluster_.then_fail(not_coordinator);
  expect_42("g");
  EXPECT_EQ(cluster_.asked(KafkaApi::offset_fetch), 3U);
}

TEST_F(GroupPositionsTest, they_are_read_when_the_coordinator_has_loaded_them) {
  cluster_.then_fail(loading);
  expect_42("g");
  EXPECT_EQ(cluster_.asked(KafkaApi::offset_fetch), 2U);
}

TEST_F(GroupPositionsTest, an_open_transaction_is_waited_for) {
  for (int i = 0; i < 3; ++i) {
    cluster_.then([](const KafkaRequest& request, FakeCluster::Response& out) {
      write_position(request, out, -1, unstable);
    });
  }
  expect_42("g");
  EXPECT_EQ(cluster_.asked(KafkaApi::offset_fetch), 4U);
}

TEST_F(GroupPositionsTest, stable_ones_are_asked_for_and_of_all_any) {
  std::string last;
  for (int i = 0; i < 2; ++i) {
    cluster_.then([&](const KafkaRequest& request, FakeCluster::Response& out) {
      last = request.body;
      write_position(request, out, 42);
    });
  }
  expect_42("g");
  EXPECT_EQ(last, std::string("\x02g\x02\x02g\x02\0\0\0\3\0\1\0", 13));
  const auto all = positions_.all("g");
  ASSERT_TRUE(all.has_value()) << all.error().to_string();
  EXPECT_EQ(all->size(), 1U);
  EXPECT_EQ(last, std::string("\x02g\0\0\0", 5));
}

TEST_F(GroupPositionsTest, a_group_that_is_not_allowed_is_named) {
  cluster_.then_fail(group_not_allowed);
  const auto found = positions_.find("secret", {{"t", 0}}, deadline_ns());
  ASSERT_FALSE(found.has_value());
  EXPECT_TRUE(found.error().is(errc::not_authorized)) << found.error().to_string();
  EXPECT_THAT(found.error().message(), HasSubstr("reading the positions of group secret"));
  EXPECT_EQ(cluster_.asked(KafkaApi::offset_fetch), 1U);
}

TEST_F(GroupPositionsTest, a_group_without_positions_is_no_error) {
  cluster_.then([](const KafkaRequest& request, FakeCluster::Response& out) {
    write_position(request, out, -1);
  });
  const auto found = positions_.find("new", {{"new", 3}}, deadline_ns());
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_TRUE(found->empty());
  cluster_.then_fail(0);
  const auto all = positions_.all("new");
  ASSERT_TRUE(all.has_value()) << all.error().to_string();
  EXPECT_TRUE(all->empty());
}

TEST_F(GroupPositionsTest, a_partition_may_be_asked_for_twice) {
  const auto found = positions_.find("g", {{"g", 3}, {"g", 3}}, deadline_ns());
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_EQ(*found, (std::vector<GroupPosition>{{{"g", 3}, offset(42)}}));
}

TEST_F(GroupPositionsTest, a_transaction_that_stays_open_is_named_when_the_time_is_over) {
  for (int i = 0; i < 3; ++i) {
    cluster_.then([&, i](const KafkaRequest& request, FakeCluster::Response& out) {
      if (i == 2) clock_.advance_ms(120'000);
      write_position(request, out, -1, unstable);
    });
  }
  const auto found = positions_.find("g", {{"g", 3}}, deadline_ns());
  ASSERT_FALSE(found.has_value());
  EXPECT_TRUE(found.error().is(errc::unavailable)) << found.error().to_string();
  EXPECT_THAT(found.error().message(), HasSubstr("UNSTABLE_OFFSET_COMMIT"));
  EXPECT_THAT(found.error().message(), HasSubstr("group g: g/3"));
}

TEST_F(GroupPositionsTest, a_silent_coordinator_is_looked_for_again_before_the_deadline) {
  cluster_.then_stall([&](const KafkaRequest& request, FakeCluster::Response& out) {
    clock_.advance_ms(40'000);
    write_position(request, out, 41);
  });
  const auto found = positions_.find("g", {{"g", 3}}, deadline_ns());
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_EQ(*found, (std::vector<GroupPosition>{{{"g", 3}, offset(42)}}));
  EXPECT_EQ(cluster_.asked(KafkaApi::find_coordinator), 2U);
}

TEST_F(GroupPositionsTest, a_silent_coordinator_is_waited_for_until_the_deadline_only) {
  cluster_.then_stall([&](const KafkaRequest& request, FakeCluster::Response& out) {
    clock_.advance_ms(120'000);
    write_position(request, out, 41);
  });
  const auto found = positions_.find("g", {{"g", 3}}, deadline_ns());
  ASSERT_FALSE(found.has_value());
  EXPECT_TRUE(found.error().is(errc::unavailable)) << found.error().to_string();
  EXPECT_THAT(found.error().message(),
              HasSubstr("reading the positions of group g: no answer in time"));
  EXPECT_EQ(cluster_.asked(KafkaApi::offset_fetch), 1U);
  // The late response is not taken for that of another request.
  expect_42("g");
  EXPECT_EQ(cluster_.asked(KafkaApi::find_coordinator), 2U);
}

TEST_F(GroupPositionsTest, a_broker_that_is_too_old_is_named_at_once) {
  // Kafka 2.4.
  cluster_.take_offset_fetch_up_to(6);
  const auto found = positions_.find("g", {{"g", 3}}, deadline_ns());
  ASSERT_FALSE(found.has_value());
  EXPECT_TRUE(found.error().is(errc::refused_by_broker)) << found.error().to_string();
  EXPECT_THAT(found.error().message(), HasSubstr("does not take OffsetFetch in version 7"));
  EXPECT_THAT(found.error().message(), HasSubstr("Millrace needs Apache Kafka 2.5 or later"));
  EXPECT_EQ(cluster_.asked(KafkaApi::offset_fetch), 0U);
  // It is upgraded.
  cluster_.take_offset_fetch_up_to(7);
  expect_42("g");
}

TEST_F(GroupPositionsTest, responses_that_cannot_be_read_are_asked_for_again) {
  const auto cut = [](const KafkaRequest&, FakeCluster::Response& out) { out.i32(0).array(5); };
  cluster_.then(cut, KafkaApi::find_coordinator);
  cluster_.then(cut);
  // It does not name what was asked for.
  cluster_.then_fail(0);
  const auto found = positions_.find("g", {{"g", 3}}, deadline_ns());
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_EQ(*found, (std::vector<GroupPosition>{{{"g", 3}, offset(42)}}));
  EXPECT_EQ(cluster_.asked(KafkaApi::find_coordinator), 4U);
}

TEST_F(GroupPositionsTest, many_positions_are_read_at_once) {
  constexpr std::int32_t topics = 20;
  constexpr std::int32_t partitions = 1'000;
  cluster_.then([](const KafkaRequest&, FakeCluster::Response& out) {
    out.i32(0).array(topics);
    for (std::int32_t topic = 0; topic < topics; ++topic) {
      out.string("topic-" + std::to_string(topic)).array(partitions);
      for (std::int32_t i = 0; i < partitions; ++i)
        out.i32(i).i64(topic * partitions + i).i32(-1).null_string().i16(0).tags();
      out.tags();
    }
    out.i16(0);
  });
  const auto all = positions_.all("g");
  ASSERT_TRUE(all.has_value()) << all.error().to_string();
  ASSERT_EQ(all->size(), 20'000U);
  EXPECT_EQ(all->back().partition, (KafkaPartition{"topic-19", 999}));
  EXPECT_EQ(all->back().next, offset(19'999));
}

TEST_F(GroupPositionsTest, the_coordinator_is_looked_for_once_and_again_when_it_moved) {
  for (int i = 0; i < 3; ++i)
    expect_42("g");
  EXPECT_EQ(cluster_.asked(KafkaApi::find_coordinator), 1U);
  cluster_.then_fail(not_coordinator);
  expect_42("g");
  EXPECT_EQ(cluster_.asked(KafkaApi::find_coordinator), 2U);
}

TEST_F(GroupPositionsTest, links_are_kept_until_they_are_idle_and_never_many) {
  wire::PositionReader reader(config_);
  const auto ask = [&](const std::string& group) {
    const auto found = reader.find(group, {}, deadline_ns());
    EXPECT_TRUE(found.has_value()) << found.error().to_string();
  };
  for (int i = 0; i < 12; ++i)
    ask("g" + std::to_string(i));
  EXPECT_EQ(reader.kept(), wire::PositionReader::max_kept);
  const std::size_t looked_for = cluster_.asked(KafkaApi::find_coordinator);
  ask("g11");
  EXPECT_EQ(cluster_.asked(KafkaApi::find_coordinator), looked_for);
  ask("g0");
  EXPECT_EQ(cluster_.asked(KafkaApi::find_coordinator), looked_for + 1);
  EXPECT_EQ(reader.kept(), wire::PositionReader::max_kept);
  clock_.advance_ms(wire::PositionReader::idle_ns / 1'000'000);
  reader.drop_idle();
  EXPECT_EQ(reader.kept(), 0U);
}

TEST_F(GroupPositionsTest, threads_ask_for_one_group_and_for_several) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 20; ++i)
        expect_42(i % 2 == 0 ? "g" : "g" + std::to_string(thread));
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(cluster_.asked(KafkaApi::offset_fetch), 80U);
}

}  // namespace
}  // namespace millrace::log::kafka
