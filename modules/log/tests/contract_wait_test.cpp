// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <thread>

#include "log_contract.hpp"
#include "millrace/log/record_reader.hpp"

namespace millrace::log {
namespace {

TEST_P(LogContract, a_wait_for_what_is_there_already_returns_at_once) {
  auto log = connect();
  const auto a = make_topic(*log, "a");
  const auto b = make_topic(*log, "b");
  put(*log, b, "k", "v");
  auto waiter = log->waiter();
  const Interest both[] = {{a, offset(0)}, {b, offset(0)}};
  EXPECT_EQ(waiter->wait(both, far_away()), WaitOutcome::ready);
  EXPECT_EQ(waiter->wait(both, far_away()), WaitOutcome::ready);
}

TEST_P(LogContract, a_wait_whose_deadline_has_passed_times_out) {
  auto log = connect();
  const auto a = make_topic(*log, "a");
  const auto b = make_topic(*log, "b");
  put(*log, b, "k", "v");
  auto waiter = log->waiter();
  const Interest beyond[] = {{a, offset(0)}, {b, offset(1)}};
  EXPECT_EQ(waiter->wait(beyond, world().clock().monotonic_ns()), WaitOutcome::timeout);
  EXPECT_EQ(waiter->wait({}, 0), WaitOutcome::timeout);
}

TEST_P(LogContract, a_wait_ends_at_its_deadline) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  auto waiter = log->waiter();
  const Interest interest[] = {{partition, offset(0)}};
  const std::int64_t deadline_ns = world().clock().monotonic_ns() + 2'000'000;
  EXPECT_EQ(waiter->wait(interest, deadline_ns), WaitOutcome::timeout);
  if (world().blocks()) {
    EXPECT_GE(world().clock().monotonic_ns(), deadline_ns);
  }
}

TEST_P(LogContract, an_interrupt_before_the_wait_ends_the_next_one_only) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  auto waiter = log->waiter();
  waiter->interrupt();
  const Interest interest[] = {{partition, offset(0)}};
  EXPECT_EQ(waiter->wait(interest, far_away()), WaitOutcome::interrupted);
  EXPECT_EQ(waiter->wait(interest, world().clock().monotonic_ns()), WaitOutcome::timeout);
}

TEST_P(LogContract, an_interrupt_ends_the_wait_of_its_own_waiter_only) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  auto one = log->waiter();
  auto other = log->waiter();
  one->interrupt();
  const Interest interest[] = {{partition, offset(0)}};
  EXPECT_EQ(other->wait(interest, world().clock().monotonic_ns()), WaitOutcome::timeout);
  EXPECT_EQ(one->wait(interest, far_away()), WaitOutcome::interrupted);
}

TEST_P(LogContract, a_sleeping_reader_is_woken_by_a_commit_on_another_handle) {
  if (!world().blocks()) {
    GTEST_SKIP() << "this backend runs on one thread";
  }
  auto writer = connect();
  auto reader = connect("reader");
  const auto topic_partition = make_topic(*writer, "t", 2);
  const auto other = TopicPartition{topic_partition.topic, partition(1)};
  constexpr std::int64_t commits = 50;
  std::thread thread([&] {
    auto waiter = reader->waiter();
    for (std::int64_t i = 0; i < commits; ++i) {
      const Interest interest[] = {{topic_partition, offset(i)}};
      EXPECT_EQ(waiter->wait(interest, far_away()), WaitOutcome::ready);
      EXPECT_GT(reader->end_offset(topic_partition).value(), offset(i));
    }
  });
  for (std::int64_t i = 0; i < commits; ++i) {
    put(*writer, other, "k", "noise");
    put(*writer, topic_partition, "k", "v");
  }
  thread.join();
}

TEST_P(LogContract, a_sleeping_reader_can_be_interrupted_from_another_thread) {
  if (!world().blocks()) {
    GTEST_SKIP() << "this backend runs on one thread";
  }
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  auto waiter = log->waiter();
  std::thread thread([&] {
    const Interest interest[] = {{partition, offset(0)}};
    EXPECT_EQ(waiter->wait(interest, far_away()), WaitOutcome::interrupted);
  });
  waiter->interrupt();
  thread.join();
}

TEST_P(LogContract, two_threads_can_hand_a_ball_to_and_fro) {
  if (!world().blocks()) {
    GTEST_SKIP() << "this backend runs on one thread";
  }
  auto left = connect("left");
  auto right = connect("right");
  const auto ping = make_topic(*left, "ping");
  const auto pong = make_topic(*right, "pong");
  constexpr std::int64_t rounds = 100;
  std::thread thread([&] {
    auto waiter = right->waiter();
    for (std::int64_t i = 0; i < rounds; ++i) {
      const Interest interest[] = {{ping, offset(i)}};
      ASSERT_EQ(waiter->wait(interest, far_away()), WaitOutcome::ready);
      put(*right, pong, "k", std::to_string(i));
    }
  });
  auto waiter = left->waiter();
  for (std::int64_t i = 0; i < rounds; ++i) {
    put(*left, ping, "k", std::to_string(i));
    const Interest interest[] = {{pong, offset(i)}};
    EXPECT_EQ(waiter->wait(interest, far_away()), WaitOutcome::ready);
  }
  thread.join();
  EXPECT_EQ(read(*left, ping), read(*left, pong));
}

TEST_P(LogContract, a_commit_is_durable_once_it_was_waited_for) {
  for (const DurabilityPolicy policy : {DurabilityPolicy::sync, DurabilityPolicy::interval}) {
    LogOptions options;
    options.service = "stock";
    options.durability = policy;
    options.sync_interval_ms = 1;
    auto log = world().connect(options);
    const auto partition = make_topic(*log, "t");
    const Committed committed = put(*log, partition, "k", "v");
    ASSERT_TRUE(log->wait_durable(committed.position).has_value());
    EXPECT_GE(log->durable().position, committed.position.position);
    // And everything before it, again and again.
    ASSERT_TRUE(log->wait_durable(committed.position).has_value());
  }
}

TEST_P(LogContract, the_policy_os_waits_for_the_commit_only) {
  LogOptions options;
  options.service = "stock";
  options.durability = DurabilityPolicy::os;
  auto log = world().connect(options);
  const auto partition = make_topic(*log, "t");
  const Committed committed = put(*log, partition, "k", "v");
  EXPECT_TRUE(log->wait_durable(committed.position).has_value());
}

TEST_P(LogContract, many_threads_can_wait_for_durability) {
  if (!world().blocks()) {
    GTEST_SKIP() << "this backend runs on one thread";
  }
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const Committed committed = put(*log, partition, "k", "v");
        ASSERT_TRUE(log->wait_durable(committed.position).has_value());
        EXPECT_GE(log->durable().position, committed.position.position);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(read(*log, partition).size(), 80U);
}

// As of all topics before there is one.
TEST_P(LogContract, a_record_reader_without_ranges_sleeps) {
  auto log = connect();
  RecordReader reader(*log, {});
  EXPECT_EQ(reader.next().value(), ReadOutcome::end);
  EXPECT_EQ(reader.wait(world().clock().monotonic_ns()), WaitOutcome::timeout);
  reader.interrupt();
  EXPECT_EQ(reader.wait(far_away()), WaitOutcome::interrupted);
}

}  // namespace
}  // namespace millrace::log
