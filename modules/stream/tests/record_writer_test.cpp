// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/stream/record_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "millrace/log/errors.hpp"
#include "millrace/log/memory_log.hpp"

namespace millrace::stream {
namespace {

// How one record is refused, alone or among others: EdgeWriter's tests.
class RecordWriters : public testing::Test {
 protected:
  RecordWriters()
      : broker_(real_clock(), false), log_(broker_.connect({.service = "shop", .member = ""})) {
    topic_ = *log_->create_topic({"requests", 1, log::TopicKind::events, "shop"});
  }

  [[nodiscard]] log::TopicPartition partition() const { return {topic_.id, log::partition(0)}; }
  static log::Record record(std::string_view key) { return {1, key, "value", {}}; }
  std::vector<std::string> keys_in_the_log() {
    log::FetchBuffer buffer;
    EXPECT_TRUE(log_->fetch(partition(), log::offset(0), 1U << 20U, buffer));
    std::vector<std::string> keys;
    for (const log::RecordView& one : buffer.records)
      keys.emplace_back(one.key.value_or(""));
    return keys;
  }

  SeededRandom random_{1};
  log::MemoryBroker broker_;
  std::unique_ptr<log::Log> log_;
  log::Topic topic_;
};

TEST_F(RecordWriters, what_waits_is_committed_together_by_the_thread_that_waits) {
  RecordWriter writer(*log_, real_clock(), random_);
  std::vector<std::uint64_t> positions;
  const auto thread = std::this_thread::get_id();
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(writer.append(partition(), record(key), [&](const auto& outcome) {
      EXPECT_EQ(std::this_thread::get_id(), thread);
      positions.push_back(outcome->position);
    }));
  }
  EXPECT_TRUE(keys_in_the_log().empty());
  writer.commit_until([&] { return !positions.empty(); });
  ASSERT_EQ(positions.size(), 3U);
  EXPECT_EQ(std::set(positions.begin(), positions.end()).size(), 1U);
  EXPECT_THAT(keys_in_the_log(), testing::ElementsAre("a", "b", "c"));
}

TEST_F(RecordWriters, waiting_for_what_never_comes_returns_when_nothing_waits) {
  RecordWriter writer(*log_, real_clock(), random_);
  int done = 0;
  ASSERT_TRUE(writer.append(partition(), record("a"), [&](const auto&) { ++done; }));
  writer.commit_until([] { return false; });
  EXPECT_EQ(done, 1);
}

TEST_F(RecordWriters, what_still_waits_is_committed_when_the_writer_goes) {
  int done = 0;
  {
    RecordWriter writer(*log_, real_clock(), random_);
    ASSERT_TRUE(writer.append(partition(), record("a"), [&](const auto&) { ++done; }));
  }
  EXPECT_EQ(done, 1);
  EXPECT_THAT(keys_in_the_log(), testing::ElementsAre("a"));
}

TEST_F(RecordWriters, a_done_may_append) {
  RecordWriter writer(*log_, real_clock(), random_);
  bool second = false;
  ASSERT_TRUE(writer.append(partition(), record("a"), [&](const auto&) {
    EXPECT_TRUE(
        writer.append(partition(), record("b"), [&](const auto& outcome) { second = !!outcome; }));
  }));
  writer.commit_until([&] { return second; });
  EXPECT_THAT(keys_in_the_log(), testing::ElementsAre("a", "b"));
}

TEST_F(RecordWriters, threads_that_wait_commit_for_each_other) {
  RecordWriter writer(*log_, real_clock(), random_);
  constexpr int threads = 4;
  constexpr int records = 200;
  std::vector<std::thread> all;
  for (int thread = 0; thread < threads; ++thread) {
    all.emplace_back([&, thread] {
      for (int i = 0; i < records; ++i) {
        std::atomic<bool> done{false};
        const std::string key = std::to_string(thread) + "/" + std::to_string(i);
        EXPECT_TRUE(writer.append(partition(), record(key), [&](const auto& outcome) {
          EXPECT_TRUE(outcome);
          done = true;
        }));
        writer.commit_until([&] { return done.load(); });
        EXPECT_TRUE(done);
      }
    });
  }
  for (std::thread& thread : all)
    thread.join();
  const auto keys = keys_in_the_log();
  ASSERT_EQ(keys.size(), std::size_t{threads * records});
  for (int thread = 0; thread < threads; ++thread) {
    int next = 0;
    for (const std::string& key : keys) {
      if (key.starts_with(std::to_string(thread) + "/")) {
        EXPECT_EQ(key, std::to_string(thread) + "/" + std::to_string(next++));
      }
    }
  }
}

TEST_F(RecordWriters, a_thread_that_runs_commits_what_comes_and_at_the_end_what_waits) {
  RecordWriter writer(*log_, real_clock(), random_);
  std::atomic<int> done{0};
  std::thread thread([&] { writer.run(); });
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(
        writer.append(partition(), record("k"), [&](const auto& outcome) { done += !!outcome; }));
  }
  writer.stop();
  thread.join();
  EXPECT_EQ(done, 100);
  EXPECT_EQ(keys_in_the_log().size(), 100U);
}

TEST_F(RecordWriters, too_much_waiting_is_refused_as_busy) {
  RecordWriter writer(*log_, real_clock(), random_, 64);
  int taken = 0;
  Status status;
  while ((status = writer.append(partition(), record("more"), [](const auto&) {})))
    ++taken;
  EXPECT_TRUE(status.error().is(millrace::errc::busy));
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 10);
  writer.commit_until([] { return false; });
  EXPECT_EQ(keys_in_the_log().size(), static_cast<std::size_t>(taken));
  EXPECT_TRUE(writer.append(partition(), record("again"), [](const auto&) {}));
}

}  // namespace
}  // namespace millrace::stream
