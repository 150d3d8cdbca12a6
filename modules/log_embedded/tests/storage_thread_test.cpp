// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "millrace/base/processes.hpp"
#include "settling_world.hpp"

// Settling and cleaning beside commits and housekeeping, which do not wait for them.
namespace millrace::log {
namespace {

std::function<void()> at_each_point;

void call_at_each_point(std::string_view point) {
  if (point.starts_with("settle.") && at_each_point) {
    at_each_point();
  }
}

TEST_F(Settling, lets_commits_and_housekeeping_through_between_any_two_of_its_steps) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = open();
  fill(*log, 100);
  int calls = 0;
  bool inside = false;
  at_each_point = [&] {
    if (inside) {
      return;
    }
    inside = true;
    ++calls;
    EXPECT_TRUE(log->maintain());
    fill(*log, 1);
    inside = false;
  };
  const FaultHandler former = set_fault_handler(call_at_each_point);
  const Status kept = log->maintain_storage();
  at_each_point = nullptr;
  set_fault_handler(former);
  EXPECT_TRUE(kept) << kept.error().to_string();
  EXPECT_GT(calls, 10);
  expect_whole(*log);
  ASSERT_TRUE(maintain_all(*log));
  expect_whole(*log);
  expect_good_directory();
}

// For the thread sanitizer.
TEST(StorageThread, others_may_ask_who_lives_while_a_handle_gives_up) {
  const TemporaryDirectory directory;
  for (int round = 0; round < 20; ++round) {
    const auto region = real_shared_regions().open(directory.path(), true).value();
    ASSERT_TRUE(region->join(0).value());
    std::thread asks([&] {
      for (int slot = 1; slot < 20; ++slot) {
        EXPECT_FALSE(region->alive(slot));
        static_cast<void>(region->try_lock(SharedRegion::LockMode::shared));
      }
    });
    region->die();
    asks.join();
  }
}

TEST(StorageThread, settles_beside_threads_that_commit_read_and_keep_house) {
  const TemporaryDirectory directory;
  SeededRandom random{1};
  LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  EmbeddedOptions options;
  options.segment_bytes = 64U << 10U;
  options.settle = settle_at_once();
  const std::string path = directory.path() + "/log";
  const auto log = open_embedded(path, environment, options_of(), options).value();
  const TopicPartition partition = topic_at(*log, "t");
  const GroupId group = log->group("stock/part").value();
  constexpr int commits = 400;
  const auto until_stopped = [](auto work) {
    return std::jthread([work](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        work();
      }
    });
  };
  std::vector<std::jthread> beside;
  beside.push_back(until_stopped([&] { EXPECT_TRUE(log->maintain_storage()); }));
  beside.push_back(until_stopped([&] { EXPECT_TRUE(log->maintain()); }));
  std::jthread writer([&] {
    for (int i = 0; i < commits; ++i) {
      Transaction transaction;
      transaction.append(partition, {0, "k", std::to_string(i) + std::string(3'000, 'x'), {}});
      ASSERT_TRUE(log->commit(transaction));
    }
  });
  const auto waiter = log->waiter();
  FetchBuffer buffer;
  int read = 0;
  while (read < commits && !HasFailure()) {
    const Status fetched = log->fetch(partition, offset(read), 20'000, buffer);
    ASSERT_TRUE(fetched) << fetched.error().to_string();
    for (const RecordView& record : buffer.records) {
      EXPECT_EQ(record.offset, offset(read));
      EXPECT_TRUE(record.value->starts_with(std::to_string(read) + "x"));
      ++read;
    }
    Transaction transaction;
    transaction.set_position(group, partition, offset(read));
    ASSERT_TRUE(log->commit(transaction));
    if (buffer.records.empty()) {
      const Interest interest[] = {{partition, offset(read)}};
      static_cast<void>(waiter->wait(interest, real_clock().monotonic_ns() + 10'000'000'000));
    }
  }
  writer.join();
  beside.clear();
  EXPECT_TRUE(maintain_all(*log));
  EXPECT_GT(count_of(*log, "settled_bytes"), 1'000'000U);
  EXPECT_EQ(count_of(*log, "settling_errors"), 0U);
  EXPECT_EQ(count_of(*log, "cleaning_errors"), 0U);
  const auto report = verify_log(path, environment);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_FALSE(report->corrupt);
  EXPECT_EQ(report->settled_corrupt, "");
}

}  // namespace
}  // namespace millrace::log
