// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "forwarding_log.hpp"
#include "hollow_log.hpp"
#include "log_contract.hpp"
#include "millrace/log/record_reader.hpp"

// RecordReader on every backend, over logs that fail, that have batches without a record, and that
// are written to while they are read.
namespace millrace::log {
namespace {

using testing::ElementsAre;

using Range = RecordReader::Range;

constexpr std::size_t smallest_buffer = 0;

TopicPartition part_of(TopicPartition topic, std::int32_t number) {
  return {topic.topic, partition(number)};
}

std::vector<Range> all_of(TopicPartition topic, std::int32_t partitions) {
  std::vector<Range> ranges;
  for (std::int32_t number = 0; number < partitions; ++number)
    ranges.push_back({.partition = part_of(topic, number), .from = offset(0)});
  return ranges;
}

/// `range:value`.
std::string in_hand(const RecordReader& reader) {
  return std::to_string(reader.range()) + ":" + std::string(reader.record().value.value_or("null"));
}

/// All that can be read by now, or up to the end.
std::vector<std::string> read_on(RecordReader& reader,
                                 ReadOutcome expected = ReadOutcome::none_yet) {
  std::vector<std::string> found;
  while (true) {
    const auto outcome = reader.next();
    if (!outcome) {
      ADD_FAILURE() << outcome.error().to_string();
      return found;
    }
    if (*outcome != ReadOutcome::record) {
      EXPECT_EQ(*outcome, expected);
      return found;
    }
    found.push_back(in_hand(reader));
  }
}

/// Calls a function before each fetch.
class HookedLog final : public ForwardingLog {
 public:
  HookedLog(Log& log, std::function<void(TopicPartition)> before_fetch)
      : ForwardingLog(log), before_fetch_(std::move(before_fetch)) {}
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override {
    before_fetch_(partition);
    return ForwardingLog::fetch(partition, from, max_bytes, buffer);
  }

 private:
  std::function<void(TopicPartition)> before_fetch_;
};

/// The first two fetches from an offset fail: one leaves nothing in the buffer, the other one what
/// it read.
class FailingLog final : public ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override {
    MILLRACE_TRY(ForwardingLog::fetch(partition, from, max_bytes, buffer));
    const int attempt = attempts_[{partition, from}]++;
    if (attempt >= 2) return {};
    if (attempt == 0) {
      buffer.records.clear();
      buffer.batches.clear();
    }
    return fail(errc::unavailable, "a test asked for this failure");
  }

 private:
  std::map<std::pair<TopicPartition, Offset>, int> attempts_;
};

/// As on Kafka: no order over partitions.
class UnorderedLog final : public ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override {
    MILLRACE_TRY(ForwardingLog::fetch(partition, from, max_bytes, buffer));
    for (FetchedBatch& batch : buffer.batches)
      batch.position = {};
    return {};
  }
  LogPosition committed() override { return {}; }
  std::string identity() override { return "kafka/a-test"; }
};

/// Commits the records; when this returns, readers of this handle get them.
Offset append(Log& log, const std::vector<std::pair<TopicPartition, std::string>>& records,
              std::int64_t time_ms = 0) {
  Transaction transaction;
  for (const auto& [partition, value] : records)
    transaction.append(partition, {time_ms, "k", value, {}});
  const auto committed = log.commit(transaction);
  if (!committed) {
    ADD_FAILURE() << committed.error().to_string();
    return {};
  }
  EXPECT_TRUE(log.wait_visible(*committed, std::numeric_limits<std::int64_t>::max()));
  for (const auto& [partition, value] : records)
    EXPECT_TRUE(log.end_offset(partition));
  return committed->partitions.front().first;
}

/// Records in three partitions; some commits write to two. Returns them in the order of reading:
/// that of commits, which the times contradict, or else that of times.
std::vector<std::string> fill(Log& log, TopicPartition topic, bool ordered,
                              std::size_t value_bytes = 0) {
  std::vector<std::string> written;
  int number = 0;
  for (const int first : {2, 0, 1, 1, 0, 2, 2, 1, 0, 0, 0, 1}) {
    std::vector<std::pair<TopicPartition, std::string>> records;
    for (const int part : number % 4 == 3 ? std::set{first, 2} : std::set{first}) {
      const std::string value = std::to_string(number) + std::string(value_bytes, 'x');
      records.emplace_back(part_of(topic, part), value);
      written.push_back(std::to_string(part) + ":" + value);
    }
    append(log, records, ordered ? 1'000 - number : 1'000 + number);
    ++number;
  }
  return written;
}

TEST_P(LogContract, a_record_reader_returns_all_partitions_in_the_order_of_commits) {
  auto log = connect();
  const auto topic = make_topic(*log, "t", 3);
  const auto written = fill(*log, topic, world().ordered(), 1'500);
  for (const std::size_t bytes : {smallest_buffer, std::size_t{1} << 20U}) {
    RecordReader reader(*log, all_of(topic, 3), bytes);
    EXPECT_EQ(read_on(reader), written) << bytes;
    for (std::size_t range = 0; range < 3; ++range) {
      const auto part = part_of(topic, static_cast<std::int32_t>(range));
      EXPECT_EQ(reader.position(range), log->end_offset(part).value()) << range;
    }
  }
}

TEST_P(LogContract, a_record_reader_shows_the_record_in_hand_and_its_commit) {
  auto log = connect();
  const auto topic = make_topic(*log, "t", 2);
  Transaction transaction;
  transaction.append(part_of(topic, 1), {7, "k", std::nullopt, {}});
  const auto committed = commit(*log, transaction);
  ASSERT_TRUE(committed);
  RecordReader reader(*log, all_of(topic, 2));
  ASSERT_TRUE(log->end_offset(part_of(topic, 1)));
  ASSERT_EQ(reader.next().value(), ReadOutcome::record);
  EXPECT_EQ(reader.range(), 1U);
  EXPECT_EQ(reader.record().key, "k");
  EXPECT_EQ(reader.record().value, std::nullopt);
  EXPECT_EQ(reader.record().timestamp_ms, 7);
  EXPECT_EQ(reader.record().offset, committed->partitions.front().first);
  EXPECT_EQ(reader.commit().position, committed->position.position);
}

TEST_P(LogContract, a_record_reader_begins_and_ends_where_it_is_asked_to) {
  auto log = connect();
  const auto topic = make_topic(*log, "t", 2);
  std::vector<Offset> at;
  for (const char* const value : {"a", "b", "c", "d"})
    at.push_back(append(*log, {{part_of(topic, 0), value}}));
  append(*log, {{part_of(topic, 1), "e"}});
  const Offset end = log->end_offset(part_of(topic, 0)).value();

  RecordReader middle(*log, {{.partition = part_of(topic, 0), .from = at[1], .end = at[3]}});
  EXPECT_EQ(middle.position(0), at[1]);
  ASSERT_EQ(middle.next().value(), ReadOutcome::record);
  EXPECT_EQ(in_hand(middle), "0:b");
  EXPECT_GT(middle.position(0), at[1]);
  EXPECT_LE(middle.position(0), at[2]);
  EXPECT_THAT(read_on(middle, ReadOutcome::end), ElementsAre("0:c"));
  EXPECT_GT(middle.position(0), at[2]);
  EXPECT_LE(middle.position(0), at[3]);
  EXPECT_EQ(middle.next().value(), ReadOutcome::end);

  RecordReader whole(*log, {{.partition = part_of(topic, 0), .from = offset(0), .end = end}});
  EXPECT_THAT(read_on(whole, ReadOutcome::end), ElementsAre("0:a", "0:b", "0:c", "0:d"));
  RecordReader nothing(*log, {{.partition = part_of(topic, 0), .from = end, .end = end}});
  EXPECT_THAT(read_on(nothing, ReadOutcome::end), ElementsAre());
  RecordReader one_open(*log, {{.partition = part_of(topic, 0), .from = end, .end = end},
                               {.partition = part_of(topic, 1), .from = offset(0)}});
  EXPECT_THAT(read_on(one_open, ReadOutcome::none_yet), ElementsAre("1:e"));
}

TEST_P(LogContract, a_record_reader_continues_from_the_positions_of_another_one) {
  auto log = connect();
  const auto topic = make_topic(*log, "t", 3);
  const auto written = fill(*log, topic, world().ordered());
  RecordReader first(*log, all_of(topic, 3));
  std::vector<std::string> found;
  for (std::size_t i = 0; i < written.size() / 2; ++i) {
    ASSERT_EQ(first.next().value(), ReadOutcome::record);
    found.push_back(in_hand(first));
  }
  auto ranges = all_of(topic, 3);
  for (std::size_t range = 0; range < 3; ++range)
    ranges[range].from = first.position(range);
  RecordReader second(*log, ranges);
  for (std::string& one : read_on(second))
    found.push_back(std::move(one));
  EXPECT_EQ(found, written);
}

TEST_P(LogContract, a_record_reader_waits_for_what_is_committed_later) {
  auto log = connect();
  const auto topic = make_topic(*log, "t", 2);
  RecordReader reader(*log, all_of(topic, 2));
  for (const char* const value : {"a", "b", "c"}) {
    ASSERT_EQ(reader.next().value(), ReadOutcome::none_yet);
    EXPECT_EQ(reader.wait(world().clock().monotonic_ns()), WaitOutcome::timeout);
    append(*log, {{part_of(topic, 1), value}});
    EXPECT_EQ(reader.wait(far_away()), WaitOutcome::ready);
    ASSERT_EQ(reader.next().value(), ReadOutcome::record);
    EXPECT_EQ(in_hand(reader), "1:" + std::string(value));
  }
}

TEST_P(LogContract, a_record_reader_does_not_sleep_at_its_end) {
  auto log = connect();
  const auto topic = make_topic(*log, "t");
  append(*log, {{topic, "a"}});
  RecordReader reader(*log, {{.partition = topic, .from = offset(0), .end = offset(1)}});
  EXPECT_THAT(read_on(reader, ReadOutcome::end), ElementsAre("0:a"));
  EXPECT_EQ(reader.wait(far_away()), WaitOutcome::ready);
}

TEST_P(LogContract, a_record_reader_is_interrupted_before_its_first_wait_and_later) {
  auto log = connect();
  RecordReader reader(*log, all_of(make_topic(*log, "t"), 1));
  for (int i = 0; i < 2; ++i) {
    reader.interrupt();
    EXPECT_EQ(reader.wait(far_away()), WaitOutcome::interrupted);
    EXPECT_EQ(reader.wait(world().clock().monotonic_ns()), WaitOutcome::timeout);
  }
  if (!world().blocks()) return;
  std::thread thread([&] { EXPECT_EQ(reader.wait(far_away()), WaitOutcome::interrupted); });
  reader.interrupt();
  thread.join();
}

TEST_P(LogContract, a_record_reader_beyond_the_end_fails_each_time) {
  auto log = connect();
  const auto topic = make_topic(*log, "t");
  append(*log, {{topic, "a"}});
  const Offset beyond = offset(log->end_offset(topic).value().value + 5);
  for (const auto on_removed : {RecordReader::OnRemoved::error, RecordReader::OnRemoved::skip}) {
    RecordReader reader(*log, {{.partition = topic, .from = beyond, .on_removed = on_removed}});
    for (int i = 0; i < 2; ++i) {
      const auto outcome = reader.next();
      ASSERT_FALSE(outcome);
      EXPECT_TRUE(outcome.error().is(errc::out_of_range)) << outcome.error().to_string();
    }
    EXPECT_EQ(reader.position(0), beyond);
    EXPECT_EQ(reader.removed(), 0U);
  }
}

TEST_P(LogContract, a_record_reader_whose_fetches_fail_loses_and_doubles_nothing) {
  auto log = connect();
  const auto topic = make_topic(*log, "t", 3);
  const auto written = fill(*log, topic, world().ordered(), 1'500);
  FailingLog failing(*log);
  RecordReader reader(failing, all_of(topic, 3), smallest_buffer);
  std::vector<std::string> found;
  int failures = 0;
  while (found.size() < written.size()) {
    const auto outcome = reader.next();
    if (!outcome) {
      ASSERT_TRUE(outcome.error().is(errc::unavailable));
      ASSERT_LT(++failures, 1'000);
      continue;
    }
    ASSERT_EQ(*outcome, ReadOutcome::record);
    found.push_back(in_hand(reader));
  }
  EXPECT_EQ(found, written);
  EXPECT_GT(failures, 6);
}

TEST_P(LogContract, a_record_reader_passes_batches_without_a_record) {
  auto log = connect();
  const auto topic = make_topic(*log, "t", 3);
  const auto written = fill(*log, topic, world().ordered(), 1'500);
  HollowLog hollow(*log);
  for (const std::size_t bytes : {smallest_buffer, std::size_t{1} << 20U}) {
    RecordReader reader(hollow, all_of(topic, 3), bytes);
    EXPECT_EQ(read_on(reader), written) << bytes;
  }
}

TEST_P(LogContract, a_record_reader_orders_what_is_committed_while_it_fetches) {
  auto log = connect();
  const auto topic = make_topic(*log, "t", 2);
  bool armed = true;
  // The first partition was looked at already when it gets a record, and the second one then too.
  HookedLog hooked(*log, [&](TopicPartition partition) {
    if (partition != part_of(topic, 1) || !std::exchange(armed, false)) return;
    append(*log, {{part_of(topic, 0), "a"}}, 1);
    append(*log, {{part_of(topic, 1), "b"}}, 2);
  });
  RecordReader reader(hooked, all_of(topic, 2));
  ASSERT_EQ(reader.next().value(), ReadOutcome::record) << "what was fetched is not held back";
  std::vector<std::string> found{in_hand(reader)};
  for (std::string& one : read_on(reader))
    found.push_back(std::move(one));
  if (world().ordered()) {
    EXPECT_THAT(found, ElementsAre("0:a", "1:b"));
  } else {
    EXPECT_THAT(found, testing::UnorderedElementsAre("0:a", "1:b"));
  }
}

TEST_P(LogContract, a_record_reader_without_an_order_starves_no_partition) {
  auto log = connect();
  const auto topic = make_topic(*log, "t", 2);
  constexpr std::size_t backlog = 20;
  const std::string large(3'000, 'x');
  for (std::size_t i = 0; i < backlog; ++i)
    append(*log, {{part_of(topic, 0), large}}, 1'000);
  UnorderedLog unordered(*log);
  RecordReader reader(unordered, all_of(topic, 2), smallest_buffer);
  ASSERT_EQ(reader.next().value(), ReadOutcome::record);
  append(*log, {{part_of(topic, 1), "early"}}, 1);
  std::size_t before = 1;
  while (reader.next().value() == ReadOutcome::record && reader.range() == 0)
    ++before;
  EXPECT_EQ(reader.range(), 1U);
  EXPECT_LT(before, backlog / 2);
}

TEST_P(LogContract, a_record_reader_follows_a_writer_and_loses_and_doubles_nothing) {
  if (!world().blocks()) {
    GTEST_SKIP() << "this backend runs on one thread";
  }
  constexpr int commits = 60;
  auto writer = connect();
  auto log = connect("reader");
  const auto topic = make_topic(*writer, "t", 3);
  RecordReader reader(*log, all_of(topic, 3), smallest_buffer);
  std::vector<std::string> written;
  for (int i = 0; i < commits; ++i)
    written.push_back(std::to_string(i % 3) + ":" + std::to_string(i));
  std::thread thread([&] {
    for (int i = 0; i < commits; ++i)
      append(*writer, {{part_of(topic, i % 3), std::to_string(i)}}, i);
  });
  std::vector<std::string> found;
  while (found.size() < written.size()) {
    const auto outcome = reader.next();
    if (!outcome) {
      ADD_FAILURE() << outcome.error().to_string();
      break;
    }
    if (*outcome == ReadOutcome::record) {
      found.push_back(in_hand(reader));
    } else {
      EXPECT_EQ(reader.wait(far_away()), WaitOutcome::ready);
    }
  }
  thread.join();
  if (!world().ordered()) {
    const auto by_partition = [](const std::string& one, const std::string& other) {
      return one.front() < other.front();
    };
    std::stable_sort(written.begin(), written.end(), by_partition);
    std::stable_sort(found.begin(), found.end(), by_partition);
  }
  EXPECT_EQ(found, written);
}

}  // namespace
}  // namespace millrace::log
