// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>

#include "millrace/base/clock.hpp"
#include "millrace/base/processes.hpp"
#include "settling_world.hpp"

// What `millrace log stat` shows.
namespace millrace::log {
namespace {

class StatOfLog : public Settling {
 protected:
  /// Commits a record of each of these times, in seconds.
  void write_times(Log& log, TopicPartition at, std::initializer_list<std::int64_t> seconds) {
    for (const std::int64_t second : seconds) {
      Transaction transaction;
      transaction.append(at, {second * 1'000, "k", std::string(500, 'x'), {}});
      ASSERT_TRUE(log.commit(transaction));
    }
    ASSERT_TRUE(log.wait_durable(log.committed()));
  }
  LogStat stat() {
    auto found = stat_log(root, machine().environment);
    EXPECT_TRUE(found) << found.error().to_string();
    return found.value_or(LogStat{});
  }
  std::uint64_t file_bytes(const std::string& directory) {
    std::uint64_t bytes = 0;
    for (const std::string& name : names(directory, "")) {
      bytes += read_file(machine().files, root + directory + "/" + name).value().size();
    }
    return bytes;
  }
};

TEST_F(StatOfLog, says_where_records_lie_and_of_which_times_they_are) {
  auto log = open();
  const TopicPartition at = topic_at(*log, "t", 2);
  topic_at(*log, "empty");
  write_times(*log, at, {40, 10, 30});
  ASSERT_TRUE(maintain_all(*log));
  // The checkpoint of the last to leave says what is settled, and in a running log its control
  // file.
  log.reset();
  log = open();
  write_times(*log, at, {20, 25});
  const LogStat found = stat();
  EXPECT_EQ(found.topics, 2U);
  EXPECT_EQ(found.unreadable, "");
  EXPECT_EQ(found.ballast_bytes, small_segments().segment_bytes / 2);
  const auto topic = std::find_if(found.by_topic.begin(), found.by_topic.end(),
                                  [](const TopicStat& one) { return one.name == "t"; });
  ASSERT_NE(topic, found.by_topic.end());
  ASSERT_EQ(topic->partitions.size(), 2U);
  const PartitionStat& first = topic->partitions[0];
  EXPECT_EQ(first.start, offset(0));
  EXPECT_EQ(first.settled, offset(3));
  EXPECT_EQ(first.end, offset(5));
  EXPECT_EQ(first.first_ms, 40'000);
  EXPECT_EQ(first.last_ms, 25'000);
  EXPECT_EQ(topic->partitions[1].end, offset(0));
  EXPECT_EQ(topic->partitions[1].first_ms, std::nullopt);
  EXPECT_EQ(topic->settled_bytes, file_bytes("/settled/t-0"));
  EXPECT_EQ(found.settled_bytes, topic->settled_bytes);
  ASSERT_TRUE(found.unsettled_bytes);
  EXPECT_GT(*found.unsettled_bytes, 2U * 500U);
  EXPECT_LT(*found.unsettled_bytes, 3U * 500U + 1'000U);
  EXPECT_LT(*found.unsettled_bytes, found.journal_bytes);
  ASSERT_TRUE(maintain_all(*log));
  log.reset();
  EXPECT_EQ(stat().unsettled_bytes, std::optional<std::uint64_t>(0));
}

TEST_F(StatOfLog, counts_segments_that_were_made_in_advance) {
  auto log = open();
  write_times(*log, topic_at(*log, "t"), {1});
  EXPECT_EQ(stat().prepared_bytes, 0U);
  ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, std::string(40'000, 'x')));
  ASSERT_TRUE(maintain_all(*log));
  EXPECT_EQ(stat().prepared_bytes, small_segments().segment_bytes);
}

TEST_F(StatOfLog, shows_what_can_be_read_of_a_damaged_log) {
  {
    auto log = open();
    write_times(*log, topic_at(*log, "t"), {1, 2, 3});
    ASSERT_TRUE(maintain_all(*log));
    write_times(*log, topic_at(*log, "t"), {4, 5});
  }
  const auto segments = names("/journal", ".journal");
  ASSERT_TRUE(machine().files.flip_bit(root + "/journal/" + segments.back(), 300, 3));
  const LogStat found = stat();
  EXPECT_THAT(found.unreadable, testing::HasSubstr("corrupt"));
  EXPECT_TRUE(found.by_topic.empty());
  EXPECT_GT(found.allocated_bytes, 0U);
  EXPECT_GT(found.settled_bytes, 0U);
  EXPECT_EQ(found.unsettled_bytes, std::nullopt);
}

TEST_F(StatOfLog, says_that_a_settled_segment_is_damaged) {
  {
    auto log = open();
    write_times(*log, topic_at(*log, "t"), {1, 2, 3});
    ASSERT_TRUE(maintain_all(*log));
  }
  const auto segments = names("/settled/t-0", ".log");
  ASSERT_TRUE(machine().files.flip_bit(root + "/settled/t-0/" + segments.front(), 100, 3));
  EXPECT_THAT(stat().unreadable, testing::HasSubstr("/settled/t-0/"));
}

TEST(StatOfFiles, knows_what_is_settled_in_a_running_log) {
  const TemporaryDirectory directory;
  SeededRandom random(1);
  LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  EmbeddedOptions embedded;
  embedded.settle = settle_at_once();
  const auto log = open_embedded(directory.path(), environment, options_of(), embedded).value();
  ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, "x"));
  ASSERT_TRUE(log->wait_durable(log->committed()));
  ASSERT_TRUE(maintain_all(*log));
  const LogStat found = stat_log(directory.path(), environment).value();
  EXPECT_EQ(found.unsettled_bytes, std::optional<std::uint64_t>(0));
  ASSERT_EQ(found.by_topic.size(), 1U);
  EXPECT_EQ(found.by_topic[0].partitions[0].settled, offset(1));
}

TEST(StatOfFiles, names_the_members_that_live) {
  const TemporaryDirectory directory;
  SeededRandom random(1);
  LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  const auto open = [&](const char* member) {
    return open_embedded(directory.path(), environment, options_of("stock", member)).value();
  };
  {
    const auto one = open("one");
    const auto two = open("two");
    const auto members = stat_log(directory.path(), environment)->members;
    ASSERT_EQ(members.size(), 2U);
    EXPECT_EQ(members[0].pid, ::getpid());
    EXPECT_EQ(members[0].name, "one");
    EXPECT_EQ(members[1].name, "two");
    EXPECT_EQ(members[1].service, "stock");
    const TemporaryDirectory copied;
    std::filesystem::copy(directory.path(), copied.path(),
                          std::filesystem::copy_options::recursive);
    EXPECT_TRUE(stat_log(copied.path(), environment)->members.empty()) << "nobody has a copy open";
  }
  EXPECT_TRUE(stat_log(directory.path(), environment)->members.empty());
}

}  // namespace
}  // namespace millrace::log
