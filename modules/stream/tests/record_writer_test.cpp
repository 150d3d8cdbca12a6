// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/stream/record_writer.hpp"

#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "record_writer_fixture.hpp"

namespace millrace::stream {
namespace {

// How one record is refused, alone or among others: EdgeWriter's tests.

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

TEST_F(RecordWriters, all_that_waits_is_committed) {
  RecordWriter writer(*log_, real_clock(), random_);
  int done = 0;
  ASSERT_TRUE(writer.append(partition(), record("a"), [&](const auto&) { ++done; }));
  writer.commit_all();
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

TEST_F(RecordWriters, one_thread_that_waits_commits_for_the_others_too) {
  RecordWriter writer(*log_, real_clock(), random_);
  std::promise<void> begun;
  std::promise<void> proceed;
  ASSERT_TRUE(writer.append(partition(), record("first"), [&](const auto&) {
    begun.set_value();
    proceed.get_future().wait();
  }));
  std::thread first([&] { writer.commit_all(); });
  begun.get_future().wait();
  // A commit is under way: what three threads write and wait for goes into the next one.
  constexpr int threads = 3;
  std::latch appended(threads);
  std::mutex mutex;
  std::vector<std::uint64_t> positions;
  std::vector<std::thread> all;
  for (int thread = 0; thread < threads; ++thread) {
    all.emplace_back([&] {
      std::atomic<bool> done{false};
      EXPECT_TRUE(writer.append(partition(), record("k"), [&](const auto& outcome) {
        const std::lock_guard lock(mutex);
        positions.push_back(outcome->position);
        done = true;
      }));
      appended.count_down();
      writer.commit_until([&] { return done.load(); });
      EXPECT_TRUE(done);
    });
  }
  appended.wait();
  proceed.set_value();
  first.join();
  for (std::thread& thread : all)
    thread.join();
  ASSERT_EQ(positions.size(), std::size_t{threads});
  EXPECT_EQ(std::set(positions.begin(), positions.end()).size(), 1U);
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

TEST_F(RecordWriters, where_a_thread_runs_it_alone_commits) {
  RecordWriter writer(*log_, real_clock(), random_);
  std::thread runner([&] { writer.run(); });
  std::promise<void> begun;
  ASSERT_TRUE(writer.append(partition(), record("first"), [&](const auto&) { begun.set_value(); }));
  begun.get_future().wait();  // only run() can have committed it
  for (int i = 0; i < 100; ++i) {
    std::atomic<bool> done{false};
    std::thread::id by;
    ASSERT_TRUE(writer.append(partition(), record("k"), [&](const auto&) {
      by = std::this_thread::get_id();
      done = true;
    }));
    writer.commit_until([&] { return done.load(); });
    ASSERT_TRUE(done);
    EXPECT_EQ(by, runner.get_id());
  }
  writer.stop();
  runner.join();
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
  writer.commit_all();
  EXPECT_EQ(keys_in_the_log().size(), static_cast<std::size_t>(taken));
  EXPECT_TRUE(writer.append(partition(), record("again"), [](const auto&) {}));
}

TEST_F(RecordWriters, a_bound_of_nothing_takes_one_record_at_a_time) {
  RecordWriter writer(*log_, real_clock(), random_, 0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(writer.append(partition(), record("k"), [](const auto&) {}));
    const Status refused = writer.append(partition(), record("k"), [](const auto&) {});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(millrace::errc::busy));
    writer.wait_for_room();
  }
  EXPECT_EQ(keys_in_the_log().size(), 3U);
}

TEST_F(RecordWriters, where_a_thread_runs_it_makes_the_room) {
  DyingLog log(*log_);
  log.dies = false;
  std::promise<void> begun;
  std::promise<void> proceed;
  log.before_commit = [&] {
    begun.set_value();
    proceed.get_future().wait();
  };
  RecordWriter writer(log, real_clock(), random_, 1);
  std::thread runner([&] { writer.run(); });
  const std::thread::id running = runner.get_id();
  ASSERT_TRUE(writer.append(partition(), record("a"), [](const auto&) {}));
  begun.get_future().wait();
  // The commit of the first one is under way, and the second one waits.
  std::thread::id by;
  ASSERT_TRUE(writer.append(partition(), record("b"),
                            [&](const auto&) { by = std::this_thread::get_id(); }));
  EXPECT_FALSE(writer.append(partition(), record("c"), [](const auto&) {}));
  std::thread waiter([&] {
    writer.wait_for_room();
    EXPECT_TRUE(writer.append(partition(), record("c"), [](const auto&) {}));
  });
  proceed.set_value();
  waiter.join();
  writer.stop();
  runner.join();
  EXPECT_EQ(by, running);
  EXPECT_THAT(keys_in_the_log(), testing::ElementsAre("a", "b", "c"));
}

}  // namespace
}  // namespace millrace::stream
