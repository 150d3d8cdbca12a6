// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "log_contract.hpp"
#include "millrace/log/partitioner.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_P(LogContract, offsets_of_a_partition_rise_and_every_commit_tells_its_first) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  Offset last = offset(-1);
  for (int i = 0; i < 5; ++i) {
    Transaction transaction;
    transaction.append(partition, {0, "a", std::to_string(i), {}});
    transaction.append(partition, {0, "b", std::to_string(i), {}});
    const auto committed = commit(*log, transaction);
    ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
    ASSERT_EQ(committed->partitions.size(), 1U);
    EXPECT_EQ(committed->partitions[0].partition, partition);
    EXPECT_GT(committed->partitions[0].first, last);
    FetchBuffer buffer;
    ASSERT_TRUE(log->fetch(partition, committed->partitions[0].first, 1000, buffer).has_value());
    ASSERT_EQ(buffer.records.size(), 2U);
    EXPECT_EQ(buffer.records[0].offset, committed->partitions[0].first);
    EXPECT_GT(buffer.records[1].offset, buffer.records[0].offset);
    EXPECT_EQ(buffer.records[0].value, std::to_string(i));
    last = buffer.records[1].offset;
  }
}

TEST_P(LogContract, what_a_log_counts_has_names_for_metrics_and_only_gauges_shrink) {
  auto log = connect();
  const std::vector<LogCount> before = log->counts();
  const auto partition = make_topic(*log, "t");
  put(*log, partition, "k", "v");
  EXPECT_THAT(read(*log, partition), ElementsAre("k=v"));
  const std::vector<LogCount> after = log->counts();
  ASSERT_EQ(after.size(), before.size());
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_THAT(std::string(after[i].name), testing::MatchesRegex("[a-z][a-z0-9_]*[a-z0-9]"));
    EXPECT_THAT(std::string(after[i].name), testing::Not(testing::EndsWith("_total")));
    EXPECT_TRUE(names.insert(after[i].name).second) << after[i].name;
    EXPECT_FALSE(after[i].help.empty()) << after[i].name;
    EXPECT_EQ(after[i].name, before[i].name);
    EXPECT_EQ(after[i].kind, before[i].kind) << after[i].name;
    if (after[i].kind == LogCount::Kind::counter) {
      EXPECT_GE(after[i].value, before[i].value) << after[i].name;
    }
  }
}

TEST_P(LogContract, an_offset_names_one_record_for_ever) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  std::vector<Offset> offsets;
  for (int i = 0; i < 30; ++i) {
    offsets.push_back(put(*log, partition, "k", std::to_string(i)).partitions.at(0).first);
    FetchBuffer buffer;
    for (std::size_t j = 0; j < offsets.size(); ++j) {
      ASSERT_TRUE(log->fetch(partition, offsets[j], 1, buffer).has_value());
      ASSERT_FALSE(buffer.records.empty());
      EXPECT_EQ(buffer.records[0].offset, offsets[j]);
      EXPECT_EQ(buffer.records[0].value, std::to_string(j));
    }
  }
}

TEST_P(LogContract, what_was_committed_is_there_for_a_handle_opened_later) {
  TopicPartition topic_partition;
  {
    auto log = connect();
    topic_partition = make_topic(*log, "t");
    put(*log, topic_partition, "k", "v");
  }
  auto later = connect("other");
  const auto topic = later->find_topic("t");
  ASSERT_TRUE(topic.has_value());
  EXPECT_THAT(read(*later, {topic->id, partition(0)}), ElementsAre("k=v"));
}

TEST_P(LogContract, records_of_one_key_meet_in_the_partition_kafkas_clients_choose) {
  auto log = connect();
  auto topic_partition = make_topic(*log, "t", 10);
  SeededRandom random(1);
  topic_partition.partition = choose_partition("foobar", 10, random);
  EXPECT_EQ(topic_partition.partition, partition((-790332482 & 0x7fffffff) % 10));
  put(*log, topic_partition, "foobar", "v");
  EXPECT_THAT(read(*log, topic_partition), ElementsAre("foobar=v"));
}

TEST_P(LogContract, keys_and_values_may_be_null_or_empty) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  Transaction transaction;
  transaction.append(partition, {0, "tombstone", std::nullopt, {}});
  transaction.append(partition, {0, std::nullopt, "no key", {}});
  transaction.append(partition, {0, std::nullopt, std::nullopt, {}});
  transaction.append(partition, {0, "", "", {}});
  ASSERT_TRUE(commit(*log, transaction).has_value());
  EXPECT_THAT(read(*log, partition),
              ElementsAre("tombstone=null", "null=no key", "null=null", "="));
}

TEST_P(LogContract, headers_keep_their_order_and_may_have_null_values_and_equal_names) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  HeadersBuilder headers;
  headers.add("z", "1").add("a", std::nullopt).add("z", "").add("", "x");
  Transaction transaction;
  transaction.append(partition, {0, "k", "v", headers.view()});
  ASSERT_TRUE(commit(*log, transaction).has_value());
  FetchBuffer buffer;
  ASSERT_TRUE(log->fetch(partition, offset(0), 1000, buffer).has_value());
  ASSERT_EQ(buffer.records.size(), 1U);
  std::string seen;
  std::string_view cursor = buffer.records[0].headers.encoded();
  HeaderView header;
  while (HeadersView::next(cursor, header)) {
    seen +=
        std::string(header.key) + ":" + (header.value ? std::string(*header.value) : "null") + ";";
  }
  EXPECT_EQ(seen, "z:1;a:null;z:;:x;");
  EXPECT_EQ(buffer.records[0].headers.size(), 4);
}

TEST_P(LogContract, event_times_need_not_rise_and_may_be_years_apart) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  Transaction transaction;
  const std::vector<std::int64_t> times{1'600'000'000'000, 0, -5,
                                        world().clock().wall_ms() + 1'800'000, 1'291'191'960'000};
  for (const std::int64_t time : times) {
    transaction.append(partition, {time, "k", "v", {}});
  }
  ASSERT_TRUE(commit(*log, transaction).has_value());
  FetchBuffer buffer;
  ASSERT_TRUE(log->fetch(partition, offset(0), 10'000, buffer).has_value());
  ASSERT_EQ(buffer.records.size(), times.size());
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(buffer.records[i].timestamp_ms, times[i]);
  }
}

TEST_P(LogContract, one_commit_reaches_forty_partitions_of_several_topics) {
  auto log = connect();
  std::vector<TopicPartition> partitions;
  for (const char* name : {"a", "b", "c", "d"}) {
    auto topic_partition = make_topic(*log, name, 10);
    for (std::int32_t i = 0; i < 10; ++i) {
      topic_partition.partition = partition(i);
      partitions.push_back(topic_partition);
    }
  }
  Transaction transaction;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      transaction.append(partitions[i], {0, std::to_string(i), std::to_string(round), {}});
    }
  }
  const auto committed = commit(*log, transaction);
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  ASSERT_EQ(committed->partitions.size(), partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    EXPECT_EQ(committed->partitions[i].partition, partitions[i]);
    EXPECT_THAT(read(*log, partitions[i]),
                ElementsAre(std::to_string(i) + "=0", std::to_string(i) + "=1"));
  }
}

TEST_P(LogContract, an_empty_transaction_succeeds_and_changes_nothing) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  put(*log, partition, "k", "v");
  const LogPosition before = log->committed();
  Transaction transaction;
  const auto committed = commit(*log, transaction);
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  EXPECT_TRUE(committed->partitions.empty());
  EXPECT_EQ(log->committed(), before);
  EXPECT_TRUE(log->wait_durable(committed->position).has_value());
}

TEST_P(LogContract, a_transaction_can_be_used_again_after_clear) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  Transaction transaction;
  for (int i = 0; i < 3; ++i) {
    transaction.append(partition, {0, "k", std::to_string(i), {}});
    ASSERT_TRUE(commit(*log, transaction).has_value());
    transaction.clear();
  }
  EXPECT_THAT(read(*log, partition), ElementsAre("k=0", "k=1", "k=2"));
}

TEST_P(LogContract, commits_are_in_one_order_that_readers_see_as_positions) {
  if (!world().ordered()) {
    GTEST_SKIP() << "this backend has no order over all topics";
  }
  auto log = connect();
  const auto a = make_topic(*log, "a");
  const auto b = make_topic(*log, "b");
  const LogPosition first = put(*log, a, "k", "1").position;
  const LogPosition second = put(*log, b, "k", "2").position;
  const LogPosition third = put(*log, a, "k", "3").position;
  EXPECT_LT(first.position, second.position);
  EXPECT_LT(second.position, third.position);
  EXPECT_EQ(log->committed(), third);
  FetchBuffer buffer;
  ASSERT_TRUE(log->fetch(a, offset(0), 10'000, buffer).has_value());
  ASSERT_EQ(buffer.batches.size(), 2U);
  EXPECT_EQ(buffer.batches[0].position, first);
  EXPECT_EQ(buffer.batches[1].position, third);
}

TEST_P(LogContract, a_repeated_sequence_returns_the_first_outcome_and_writes_nothing) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  put(*log, partition, "k", "before");
  Transaction transaction;
  transaction.append(partition, {0, "k", "once", {}});
  transaction.set_sequence("feed", 7);
  const auto first = commit(*log, transaction);
  ASSERT_TRUE(first.has_value()) << first.error().to_string();
  EXPECT_FALSE(first->repeated);
  put(*log, partition, "k", "after");
  auto successor = connect("stock", "successor");
  const auto second = commit(*successor, transaction);
  ASSERT_TRUE(second.has_value()) << second.error().to_string();
  EXPECT_TRUE(second->repeated);
  EXPECT_EQ(second->partitions.at(0).first, first->partitions.at(0).first);
  EXPECT_EQ(second->position, first->position);
  EXPECT_THAT(read(*log, partition), ElementsAre("k=before", "k=once", "k=after"));
}

TEST_P(LogContract, a_higher_sequence_is_written_and_a_lower_one_refused) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  Transaction transaction;
  transaction.append(partition, {0, "k", "v", {}});
  transaction.set_sequence("feed", 7);
  ASSERT_TRUE(commit(*log, transaction).has_value());
  transaction.set_sequence("feed", 9);
  ASSERT_TRUE(commit(*log, transaction).has_value());
  transaction.set_sequence("feed", 8);
  const auto lower = commit(*log, transaction);
  ASSERT_FALSE(lower.has_value());
  EXPECT_TRUE(lower.error().is(errc::invalid_argument)) << lower.error().to_string();
  transaction.set_sequence("another", 1);
  ASSERT_TRUE(commit(*log, transaction).has_value());
  EXPECT_EQ(read(*log, partition).size(), 3U);
}

TEST_P(LogContract, a_refused_commit_does_not_use_up_its_sequence) {
  auto log = connect();
  const auto topic_partition = make_topic(*log, "t");
  Transaction transaction;
  transaction.append(topic_partition, {0, "k", "v", {}});
  transaction.append({topic_partition.topic, partition(9)}, {0, "k", "v", {}});
  transaction.set_sequence("feed", 1);
  ASSERT_FALSE(commit(*log, transaction).has_value());
  transaction.clear();
  transaction.append(topic_partition, {0, "k", "v", {}});
  transaction.set_sequence("feed", 1);
  const auto committed = commit(*log, transaction);
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  EXPECT_FALSE(committed->repeated);
  EXPECT_THAT(read(*log, topic_partition), ElementsAre("k=v"));
}

TEST_P(LogContract, a_record_too_far_in_the_future_is_refused_and_nothing_is_written) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  const std::int64_t now_ms = world().clock().wall_ms();
  Transaction transaction;
  for (const std::int64_t time : {now_ms + 7'200'000, std::int64_t{253'402'300'799'999},
                                  std::numeric_limits<std::int64_t>::max()}) {
    transaction.clear();
    transaction.append(partition, {now_ms, "good", "v", {}});
    transaction.append(partition, {time, "bad", "v", {}});
    const auto committed = commit(*log, transaction);
    ASSERT_FALSE(committed.has_value());
    EXPECT_TRUE(committed.error().is(errc::time_out_of_bounds)) << committed.error().to_string();
    EXPECT_THAT(committed.error().message(), testing::HasSubstr("max_future_ms = 3600000"));
    EXPECT_THAT(committed.error().message(), testing::HasSubstr(std::to_string(time)));
  }
  EXPECT_THAT(read(*log, partition), testing::IsEmpty());
  transaction.clear();
  transaction.append(partition, {now_ms + 1'800'000, "soon", "v", {}});
  EXPECT_TRUE(commit(*log, transaction).has_value());
  EXPECT_THAT(read(*log, partition), ElementsAre("soon=v"));
}

TEST_P(LogContract, a_repeated_commit_succeeds_after_the_clock_was_moved) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  const std::int64_t now_ms = world().clock().wall_ms();
  Transaction transaction;
  transaction.append(partition, {now_ms, "k", "v", {}});
  transaction.set_sequence("feed", 1);
  ASSERT_TRUE(commit(*log, transaction).has_value());
  transaction.clear();
  transaction.append(partition, {std::numeric_limits<std::int64_t>::max(), "k", "v", {}});
  transaction.set_sequence("feed", 1);
  const auto again = commit(*log, transaction);
  ASSERT_TRUE(again.has_value()) << again.error().to_string();
  EXPECT_TRUE(again->repeated);
  transaction.clear();
  transaction.append(partition, {std::numeric_limits<std::int64_t>::max(), "k", "v", {}});
  transaction.set_sequence("feed", 2);
  const auto next = commit(*log, transaction);
  ASSERT_FALSE(next.has_value());
  EXPECT_TRUE(next.error().is(errc::time_out_of_bounds)) << next.error().to_string();
  EXPECT_THAT(read(*log, partition), ElementsAre("k=v"));
}

TEST_P(LogContract, a_transaction_with_one_bad_partition_writes_nothing_at_all) {
  auto log = connect();
  const auto topic_partition = make_topic(*log, "t");
  for (const auto& [bad, code] :
       {std::pair{TopicPartition{topic_partition.topic, partition(1)}, errc::unknown_partition},
        std::pair{TopicPartition{topic_partition.topic, partition(-1)}, errc::unknown_partition},
        std::pair{TopicPartition{TopicId{{987}}, partition(0)}, errc::unknown_topic}}) {
    Transaction transaction;
    transaction.append(topic_partition, {0, "k", "v", {}});
    transaction.append(bad, {0, "k", "v", {}});
    const auto committed = commit(*log, transaction);
    ASSERT_FALSE(committed.has_value());
    EXPECT_TRUE(committed.error().is(code)) << committed.error().to_string();
    EXPECT_THAT(read(*log, topic_partition), ElementsAre());
  }
}

TEST_P(LogContract, a_commit_does_not_wait_for_the_open_transaction_of_another_client) {
  const auto log = connect();
  const TopicPartition partition = make_topic(*log, "t");
  std::shared_ptr<void> open = world().hold_back("t");
  Transaction transaction;
  transaction.append(partition, {0, "k", "v", {}});
  const auto committed = log->commit(transaction);
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();

  const Status at_once = log->wait_visible(*committed, world().clock().monotonic_ns());
  EXPECT_EQ(at_once.has_value(), open == nullptr);
  if (!at_once) {
    EXPECT_TRUE(at_once.error().is(errc::unavailable)) << at_once.error().to_string();
  }
  open.reset();
  const Status visible = log->wait_visible(*committed, far_away());
  EXPECT_TRUE(visible.has_value()) << visible.error().to_string();
  EXPECT_THAT(read(*log, partition), testing::Contains("k=v"));
}

TEST_P(LogContract, what_was_committed_is_in_the_past_of_the_log_for_all_of_its_handles) {
  const auto log = connect();
  const auto other = connect();
  EXPECT_EQ(other->lineage(), log->lineage());
  const TopicPartition at = make_topic(*log, "t");
  const Lineage lineage = log->lineage();
  const LogPosition before = log->committed();
  put(*log, at, "k", "v");
  const LogPosition seen = log->committed();
  for (Log* const handle : {log.get(), other.get()}) {
    for (const LogPosition& position : {before, seen}) {
      const Status past = handle->check_past(lineage, position);
      EXPECT_TRUE(past.has_value()) << past.error().to_string();
    }
    const Status foreign = handle->check_past(Lineage{{lineage.value + 1}}, before);
    ASSERT_FALSE(foreign.has_value());
    EXPECT_TRUE(foreign.error().is(errc::unknown_lineage)) << foreign.error().to_string();
    const Status beyond = handle->check_past(lineage, {seen.era, seen.position + 1});
    ASSERT_FALSE(beyond.has_value());
    EXPECT_TRUE(beyond.error().is(errc::out_of_range)) << beyond.error().to_string();
  }
}

}  // namespace
}  // namespace millrace::log
