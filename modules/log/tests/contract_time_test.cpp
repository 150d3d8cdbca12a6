// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "log_contract.hpp"

namespace millrace::log {
namespace {

using testing::Optional;

/// The offset of a record and its time.
using Times = std::vector<std::pair<Offset, std::int64_t>>;

/// What find_time() has to return, by looking at all.
std::optional<Offset> first_by_hand(const Times& times, std::int64_t time_ms) {
  const auto found = std::find_if(times.begin(), times.end(),
                                  [&](const auto& one) { return one.second >= time_ms; });
  return found == times.end() ? std::nullopt : std::optional(found->first);
}

/// Commits a transaction for each inner list, a record for each time in it.
Times write_times(Log& log, TopicPartition partition,
                  const std::vector<std::vector<std::int64_t>>& transactions) {
  Times times;
  for (const auto& transaction : transactions) {
    Transaction one;
    for (const std::int64_t time_ms : transaction) {
      one.append(partition, {time_ms, "k", "v", {}});
    }
    const auto committed = log.commit(one);
    if (!committed) {
      ADD_FAILURE() << committed.error().to_string();
      return times;
    }
    const Status visible = log.wait_visible(*committed, std::numeric_limits<std::int64_t>::max());
    EXPECT_TRUE(visible) << visible.error().to_string();
    Offset next = committed->partitions.at(0).first;
    for (const std::int64_t time_ms : transaction) {
      times.emplace_back(next, time_ms);
      next = next.next();
    }
  }
  return times;
}

void expect_all_found(Log& log, TopicPartition partition, const Times& times) {
  std::set<std::int64_t> asked;
  for (const auto& [unused, time_ms] : times) {
    asked.insert({time_ms - 1, time_ms, time_ms + 1});
  }
  for (const std::int64_t time_ms : asked) {
    const auto found = log.find_time(partition, time_ms);
    ASSERT_TRUE(found) << found.error().to_string();
    EXPECT_EQ(*found, first_by_hand(times, time_ms)) << time_ms;
  }
}

TEST_P(LogContract, a_time_is_found_where_the_first_record_at_or_after_it_is) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  const Times times =
      write_times(*log, partition, {{1'000}, {2'000, 2'500, 3'000}, {3'000}, {9'000}});
  expect_all_found(*log, partition, times);
  EXPECT_THAT(log->find_time(partition, 2'400).value(), Optional(times[2].first))
      << "within a transaction";
}

TEST_P(LogContract, times_that_go_back_hide_no_earlier_record) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  // Each is found at the first record that is late enough, not at the last peak.
  const Times times = write_times(*log, partition,
                                  {{5'000},
                                   {1'000, 4'000},
                                   {7'000, 2'000},
                                   {3'000},
                                   {6'000, 6'500},
                                   {100},
                                   {8'000, 7'500},
                                   {7'900}});
  expect_all_found(*log, partition, times);
}

TEST_P(LogContract, a_time_behind_all_records_and_an_empty_partition_have_no_offset) {
  auto log = connect();
  const auto topic_partition = make_topic(*log, "t", 2);
  EXPECT_EQ(log->find_time(topic_partition, 0).value(), std::nullopt);
  const Times times = write_times(*log, topic_partition, {{1'000, 2'000}});
  EXPECT_EQ(log->find_time(topic_partition, 2'001).value(), std::nullopt);
  EXPECT_EQ(log->find_time(topic_partition, std::numeric_limits<std::int64_t>::max()).value(),
            std::nullopt);
  EXPECT_THAT(log->find_time(topic_partition, 0).value(), Optional(times[0].first));
  EXPECT_THAT(log->find_time(topic_partition, std::numeric_limits<std::int64_t>::min()).value(),
              Optional(times[0].first));
  // Another partition of the topic stays empty.
  const TopicPartition other{topic_partition.topic, partition(1)};
  EXPECT_EQ(log->find_time(other, 0).value(), std::nullopt);
}

TEST_P(LogContract, times_before_1970_are_found_like_others) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  const Times times = write_times(*log, partition, {{-5}, {7}, {-2'000, -1}, {-3}});
  expect_all_found(*log, partition, times);
  EXPECT_THAT(log->find_time(partition, -10'000).value(), Optional(times[0].first));
}

TEST_P(LogContract, a_time_is_looked_for_in_many_partitions_at_once) {
  auto log = connect();
  const auto topic_partition = make_topic(*log, "t", 3);
  const TopicPartition second{topic_partition.topic, partition(1)};
  const TopicPartition third{topic_partition.topic, partition(2)};
  const Times in_first = write_times(*log, topic_partition, {{1'000}, {2'000}});
  write_times(*log, second, {{1'000}});
  const std::vector<TopicPartition> partitions{third, topic_partition, second};
  const auto found = log->find_times(partitions, 1'500);
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(*found,
            (std::vector<std::optional<Offset>>{std::nullopt, in_first[1].first, std::nullopt}));
}

TEST_P(LogContract, another_handle_finds_the_same_times) {
  auto log = connect();
  auto other = connect("orders");
  const auto partition = make_topic(*log, "t");
  std::vector<std::vector<std::int64_t>> transactions;
  for (std::int64_t i = 0; i < 40; ++i) {
    // Rises over all, falls within each five.
    transactions.push_back({1'000 * (i / 5) + 4'000 - 900 * (i % 5)});
  }
  const Times times = write_times(*log, partition, transactions);
  expect_all_found(*other, partition, times);
}

TEST_P(LogContract, a_time_of_a_partition_that_does_not_exist_is_an_error) {
  auto log = connect();
  const auto topic_partition = make_topic(*log, "t");
  EXPECT_TRUE(
      log->find_time({topic_partition.topic, partition(1)}, 0).error().is(errc::unknown_partition));
  EXPECT_TRUE(log->find_time({TopicId{{987}}, partition(0)}, 0).error().is(errc::unknown_topic));
}

}  // namespace
}  // namespace millrace::log
