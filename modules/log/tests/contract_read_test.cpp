// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <thread>

#include "log_contract.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_P(LogContract, a_fetch_at_the_end_is_empty_and_not_an_error) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  FetchBuffer buffer;
  ASSERT_TRUE(log->fetch(partition, offset(0), 1000, buffer).has_value());
  EXPECT_TRUE(buffer.records.empty());
  EXPECT_TRUE(buffer.batches.empty());
  EXPECT_EQ(buffer.next, buffer.end);
  put(*log, partition, "k", "v");
  const auto end = log->end_offset(partition);
  ASSERT_TRUE(end.has_value());
  ASSERT_TRUE(log->fetch(partition, *end, 1000, buffer).has_value());
  EXPECT_TRUE(buffer.records.empty());
  EXPECT_EQ(buffer.next, *end);
  EXPECT_EQ(buffer.end, *end);
}

TEST_P(LogContract, an_offset_beyond_either_end_is_out_of_range_and_the_message_names_both) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  for (int i = 0; i < 3; ++i) {
    put(*log, partition, "k", "v");
  }
  const Offset start = log->start_offset(partition).value();
  const Offset end = log->end_offset(partition).value();
  FetchBuffer buffer;
  for (const Offset bad : {offset(start.value - 1), end.next(), offset(end.value + 1000)}) {
    const Status status = log->fetch(partition, bad, 1000, buffer);
    ASSERT_FALSE(status.has_value()) << bad.value;
    EXPECT_TRUE(status.error().is(errc::out_of_range)) << status.error().to_string();
    EXPECT_THAT(status.error().message(), HasSubstr(std::to_string(start.value)));
    EXPECT_THAT(status.error().message(), HasSubstr(std::to_string(end.value)));
  }
}

TEST_P(LogContract, reading_what_does_not_exist_is_an_error) {
  auto log = connect();
  const auto topic_partition = make_topic(*log, "t");
  FetchBuffer buffer;
  const TopicPartition no_partition{topic_partition.topic, partition(1)};
  const TopicPartition no_topic{TopicId{{987}}, partition(0)};
  EXPECT_TRUE(
      log->fetch(no_partition, offset(0), 1000, buffer).error().is(errc::unknown_partition));
  EXPECT_TRUE(log->fetch(no_topic, offset(0), 1000, buffer).error().is(errc::unknown_topic));
  EXPECT_TRUE(log->end_offset(no_partition).error().is(errc::unknown_partition));
  EXPECT_TRUE(log->start_offset(no_topic).error().is(errc::unknown_topic));
}

TEST_P(LogContract, a_fetch_is_bounded_and_still_returns_at_least_one_batch) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  constexpr int batches = 20;
  const std::string value(1000, 'x');
  for (int i = 0; i < batches; ++i) {
    put(*log, partition, "k", value);
  }
  FetchBuffer buffer;
  for (const std::size_t max_bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{3500}, std::size_t{1} << 20U}) {
    int seen = 0;
    for (Offset next = offset(0); next < log->end_offset(partition).value(); next = buffer.next) {
      ASSERT_TRUE(log->fetch(partition, next, max_bytes, buffer).has_value());
      ASSERT_GE(buffer.batches.size(), 1U);
      EXPECT_TRUE(buffer.batches.size() == 1 || buffer.batches.size() * value.size() <= max_bytes);
      EXPECT_GT(buffer.next, next);
      seen += static_cast<int>(buffer.records.size());
    }
    EXPECT_EQ(seen, batches) << max_bytes;
  }
}

TEST_P(LogContract, a_fetch_may_begin_in_the_middle_of_a_batch) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  Transaction transaction;
  for (int i = 0; i < 5; ++i) {
    transaction.append(partition, {0, "k", std::to_string(i), {}});
  }
  ASSERT_TRUE(commit(*log, transaction).has_value());
  put(*log, partition, "k", "5");
  FetchBuffer buffer;
  ASSERT_TRUE(log->fetch(partition, offset(3), 10'000, buffer).has_value());
  ASSERT_EQ(buffer.records.size(), 3U);
  EXPECT_EQ(buffer.records[0].offset, offset(3));
  if (world().ordered()) {
    ASSERT_EQ(buffer.batches.size(), 2U);
    EXPECT_EQ(buffer.batches[0].first, 0U);
    EXPECT_EQ(buffer.batches[0].count, 2U);
    EXPECT_EQ(buffer.batches[1].first, 2U);
    EXPECT_EQ(buffer.batches[1].count, 1U);
  }
  EXPECT_THAT(read(*log, partition, offset(3)), ElementsAre("k=3", "k=4", "k=5"));
}

TEST_P(LogContract, one_buffer_serves_many_fetches) {
  auto log = connect();
  const auto a = make_topic(*log, "a");
  const auto b = make_topic(*log, "b");
  put(*log, a, "k", "from a");
  put(*log, b, "k", "from b");
  FetchBuffer buffer;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(log->fetch(a, offset(0), 1000, buffer).has_value());
    ASSERT_EQ(buffer.records.size(), 1U);
    EXPECT_EQ(text_of(buffer.records[0]), "k=from a");
    ASSERT_TRUE(log->fetch(b, offset(0), 1000, buffer).has_value());
    ASSERT_EQ(buffer.records.size(), 1U);
    EXPECT_EQ(text_of(buffer.records[0]), "k=from b");
  }
}

TEST_P(LogContract, a_reader_never_sees_half_a_transaction) {
  if (!world().blocks()) {
    GTEST_SKIP() << "this backend runs on one thread";
  }
  if (!world().ordered()) {
    GTEST_SKIP() << "here the partitions of one commit become visible one after the other";
  }
  constexpr std::int64_t commits = 300;
  auto writer = connect();
  auto reader = connect("reader");
  const auto a = make_topic(*writer, "a");
  const auto b = make_topic(*writer, "b");
  std::thread thread([&] {
    Transaction transaction;
    for (std::int64_t i = 0; i < commits; ++i) {
      transaction.append(a, {i, "k", std::to_string(i), {}});
      transaction.append(b, {i, "k", std::to_string(i), {}});
      EXPECT_TRUE(commit(*writer, transaction).has_value());
      transaction.clear();
    }
  });
  FetchBuffer from_a;
  FetchBuffer from_b;
  Offset next_a = offset(0);
  Offset next_b = offset(0);
  while (next_a < offset(commits) || next_b < offset(commits)) {
    // What was seen in the partition asked first must be in the one asked next, whichever is first.
    ASSERT_TRUE(reader->fetch(a, next_a, 1U << 20U, from_a).has_value());
    ASSERT_TRUE(reader->fetch(b, next_b, 1U << 20U, from_b).has_value());
    ASSERT_GE(from_b.end, from_a.next);
    ASSERT_TRUE(reader->fetch(a, from_a.next, 1U << 20U, from_a).has_value());
    ASSERT_GE(from_a.end, from_b.next);
    next_a = from_a.next;
    next_b = from_b.next;
  }
  thread.join();
  EXPECT_EQ(read(*reader, a), read(*reader, b));
}

TEST_P(LogContract, writers_on_several_threads_and_handles_lose_and_double_nothing) {
  if (!world().blocks()) {
    GTEST_SKIP() << "this backend runs on one thread";
  }
  constexpr int writers = 4;
  constexpr int commits = 100;
  auto first = connect();
  auto second = connect("stock", "second");
  const auto partition = make_topic(*first, "t");
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      Log& log = writer % 2 == 0 ? *first : *second;
      for (int i = 0; i < commits; ++i) {
        put(log, partition, std::to_string(writer), std::to_string(i));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::vector<std::vector<std::string>> by_writer(writers);
  for (const std::string& record : read(*first, partition)) {
    by_writer.at(static_cast<std::size_t>(record[0] - '0')).push_back(record);
  }
  for (int writer = 0; writer < writers; ++writer) {
    std::vector<std::string> expected;
    for (int i = 0; i < commits; ++i) {
      expected.push_back(std::to_string(writer) + "=" + std::to_string(i));
    }
    EXPECT_EQ(by_writer[static_cast<std::size_t>(writer)], expected);
  }
}

}  // namespace
}  // namespace millrace::log
