// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <thread>

#include "log_contract.hpp"
#include "millrace/log/find_key.hpp"
#include "millrace/log/library_topics.hpp"

// Topics that get more partitions.
namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void expect_not_added(Log& log, TopicId topic, std::int32_t total, const ErrorCode& code,
                      const std::string& part) {
  const auto refused = log.add_partitions(topic, total);
  ASSERT_FALSE(refused.has_value()) << total;
  EXPECT_TRUE(refused.error().is(code)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr(part));
}

TEST_P(LogContract, added_partitions_are_there_for_all_handles_at_once) {
  auto stock = connect("stock");
  auto other = connect("stock", "other");
  const auto first = make_topic(*stock, "t");
  // So that another topic has what comes behind the partitions of the first one.
  const auto neighbour = make_topic(*stock, "neighbour", 2);
  put(*stock, first, "k", "before");
  put(*other, neighbour, "k", "beside");
  EXPECT_THAT(read(*other, first), ElementsAre("k=before"));

  const auto larger = stock->add_partitions(first.topic, 3);
  ASSERT_TRUE(larger) << larger.error().to_string();
  EXPECT_EQ(larger->id, first.topic);
  EXPECT_EQ(larger->spec, (TopicSpec{"t", 3, TopicKind::events, "stock"}));
  world().synchronize();
  // A handle of before adds some, too.
  const auto largest = other->add_partitions(first.topic, 4);
  ASSERT_TRUE(largest) << largest.error().to_string();
  world().synchronize();

  const auto later = connect("stock", "later");
  int written = 0;
  for (Log* const log : {other.get(), stock.get(), later.get()}) {
    EXPECT_EQ(log->find_topic("t").value().spec.partitions, 4);
    for (std::int32_t p = 1; p < 4; ++p) {
      const TopicPartition added{first.topic, partition(p)};
      EXPECT_EQ(log->start_offset(added).value(), offset(0));
      put(*log, added, std::to_string(p), std::to_string(written));
    }
    ++written;
  }
  for (Log* const log : {other.get(), stock.get(), later.get()}) {
    EXPECT_THAT(read(*log, first), ElementsAre("k=before"));
    EXPECT_THAT(read(*log, {first.topic, partition(1)}), ElementsAre("1=0", "1=1", "1=2"));
    EXPECT_THAT(read(*log, {first.topic, partition(3)}), ElementsAre("3=0", "3=1", "3=2"));
    EXPECT_THAT(read(*log, neighbour), ElementsAre("k=beside"));
    EXPECT_THAT(read(*log, {neighbour.topic, partition(1)}), IsEmpty());
    const auto beyond = log->end_offset({first.topic, partition(4)});
    ASSERT_FALSE(beyond.has_value());
    EXPECT_TRUE(beyond.error().is(errc::unknown_partition)) << beyond.error().to_string();
  }
}

TEST_P(LogContract, added_partitions_have_positions_of_groups_and_none_in_the_beginning) {
  auto log = connect();
  const auto first = make_topic(*log, "t");
  const GroupId group = log->group("g").value();
  put(*log, first, "k", "v");
  Transaction moves;
  moves.set_position(group, first, offset(1));
  ASSERT_TRUE(commit(*log, moves));
  ASSERT_TRUE(log->add_partitions(first.topic, 2));
  const TopicPartition added{first.topic, partition(1)};
  EXPECT_EQ(log->position(group, first).value(), offset(1));
  EXPECT_EQ(log->position(group, added).value(), std::nullopt);
  put(*log, added, "k", "v");
  moves.clear();
  moves.set_position(group, added, offset(1));
  ASSERT_TRUE(commit(*log, moves));
  EXPECT_EQ(log->position(group, added).value(), offset(1));
}

TEST_P(LogContract, added_partitions_are_written_in_one_transaction_with_those_before) {
  auto log = connect();
  const auto first = make_topic(*log, "t", 2);
  ASSERT_TRUE(log->add_partitions(first.topic, 3));
  Transaction transaction;
  for (std::int32_t p = 0; p < 3; ++p) {
    transaction.append({first.topic, partition(p)}, {0, "k", std::to_string(p), {}});
  }
  const auto committed = commit(*log, transaction);
  ASSERT_TRUE(committed) << committed.error().to_string();
  EXPECT_EQ(committed->partitions.size(), 3U);
  EXPECT_THAT(read(*log, {first.topic, partition(2)}), ElementsAre("k=2"));
}

TEST_P(LogContract, added_partitions_wake_those_who_sleep_there) {
  if (!world().blocks()) {
    GTEST_SKIP() << "this backend runs on one thread";
  }
  auto writer = connect();
  auto reader = connect("reader");
  const auto first = make_topic(*writer, "t");
  make_topic(*writer, "neighbour");
  ASSERT_TRUE(writer->add_partitions(first.topic, 2));
  world().synchronize();
  const TopicPartition added{first.topic, partition(1)};
  constexpr std::int64_t commits = 50;
  std::thread thread([&] {
    const auto waiter = reader->waiter();
    for (std::int64_t i = 0; i < commits; ++i) {
      const Interest interest[] = {{added, offset(i)}};
      WaitOutcome outcome = WaitOutcome::interrupted;
      // What wakes all of them may come before.
      while (outcome == WaitOutcome::interrupted) {
        outcome = waiter->wait(interest, far_away());
      }
      EXPECT_EQ(outcome, WaitOutcome::ready);
      EXPECT_GT(reader->end_offset(added).value(), offset(i));
    }
  });
  for (std::int64_t i = 0; i < commits; ++i) {
    put(*writer, first, "k", "noise");
    put(*writer, added, "k", "v");
  }
  thread.join();
}

TEST_P(LogContract, partitions_that_several_members_add_at_once_are_there_for_all) {
  if (!world().blocks()) {
    GTEST_SKIP() << "this backend runs on one thread";
  }
  auto log = connect();
  const auto first = make_topic(*log, "t");
  world().synchronize();
  const std::vector<std::int32_t> totals{3, 5, 5, 4};
  std::vector<std::unique_ptr<Log>> members;
  for (std::size_t i = 0; i < totals.size(); ++i) {
    members.push_back(connect("stock", "member-" + std::to_string(i)));
  }
  std::vector<Result<Topic>> added(totals.size(), fail(errc::closed, "not called"));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < totals.size(); ++i) {
    threads.emplace_back([&, i] { added[i] = members[i]->add_partitions(first.topic, totals[i]); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (std::size_t i = 0; i < totals.size(); ++i) {
    if (added[i]) {
      EXPECT_GE(added[i]->spec.partitions, totals[i]);
    } else {
      // The larger number came first.
      EXPECT_TRUE(added[i].error().is(errc::invalid_argument)) << added[i].error().to_string();
      EXPECT_LT(totals[i], 5);
    }
  }
  world().synchronize();
  members.push_back(connect("stock", "later"));
  for (const auto& member : members) {
    EXPECT_EQ(member->find_topic("t").value().spec.partitions, 5);
  }
  for (std::int32_t p = 1; p < 5; ++p) {
    const TopicPartition one{first.topic, partition(p)};
    put(*members[static_cast<std::size_t>(p - 1)], one, "k", std::to_string(p));
    EXPECT_THAT(read(*members.back(), one), ElementsAre("k=" + std::to_string(p)));
  }
}

TEST_P(LogContract, partitions_are_never_fewer_and_asking_for_those_there_are_changes_nothing) {
  auto log = connect();
  const auto first = make_topic(*log, "t", 2);
  expect_not_added(*log, first.topic, 1, errc::invalid_argument, "has 2 partitions");
  expect_not_added(*log, first.topic, 0, errc::invalid_argument, "use 2 to 4096");
  expect_not_added(*log, first.topic, -1, errc::invalid_argument, "use 2 to 4096");
  expect_not_added(*log, first.topic, 4097, errc::invalid_argument, "use 2 to 4096");
  expect_not_added(*log, TopicId{{77}}, 3, errc::unknown_topic, "77");
  for (int i = 0; i < 2; ++i) {
    const auto same = log->add_partitions(first.topic, 2);
    ASSERT_TRUE(same) << same.error().to_string();
    EXPECT_EQ(same->spec.partitions, 2);
  }
  EXPECT_EQ(log->find_topic("t").value().spec.partitions, 2);
}

TEST_P(LogContract, partitions_are_added_by_the_owner_and_tools_to_topics_that_are_not_private) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  auto tool = connect(std::string(any_service));
  const auto events = make_topic(*stock, "t");
  expect_not_added(*orders, events.topic, 2, errc::not_owner, "only its owner");
  const auto commands = make_topic(*stock, "stock.commands", 1, TopicKind::commands);
  expect_not_added(*orders, commands.topic, 2, errc::not_owner, "only its owner");
  const auto own = make_topic(*stock, "stock.notes", 1, TopicKind::private_topic);
  for (Log* const log : {stock.get(), tool.get()}) {
    expect_not_added(*log, own.topic, 2, errc::invalid_argument, "private to service 'stock'");
  }
  const auto notes = tool->create_topic(
      {"__millrace.notes", 1, TopicKind::commands, std::string(library_service)});
  ASSERT_TRUE(notes) << notes.error().to_string();
  expect_not_added(*tool, notes->id, 2, errc::invalid_argument, "of the log itself");
  EXPECT_EQ(stock->find_topic("t").value().spec.partitions, 1);
  EXPECT_EQ(tool->add_partitions(events.topic, 2).value().spec.partitions, 2);
  EXPECT_EQ(stock->add_partitions(commands.topic, 2).value().spec.partitions, 2);
}

TEST_P(LogContract, a_topic_with_added_partitions_is_created_again_with_as_many) {
  auto log = connect();
  const TopicSpec spec{"t", 1, TopicKind::events, "stock"};
  const auto made = log->create_topic(spec);
  ASSERT_TRUE(made) << made.error().to_string();
  const auto refused = log->create_topic({"t", 3, TopicKind::events, "stock"});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::topic_mismatch)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("`millrace topics alter t --partitions 3`"));
  const auto other = connect("stock", "other");
  EXPECT_EQ(other->find_topic("t").value().spec.partitions, 1);
  ASSERT_TRUE(log->add_partitions(made->id, 3));
  const auto at_once = other->create_topic({"t", 3, TopicKind::events, "stock"});
  ASSERT_TRUE(at_once) << at_once.error().to_string();
  const auto fewer = log->create_topic(spec);
  ASSERT_FALSE(fewer);
  EXPECT_TRUE(fewer.error().is(errc::topic_mismatch)) << fewer.error().to_string();
  EXPECT_THAT(fewer.error().message(), HasSubstr("declare 3, or look for the topic before"));
  const auto again = connect("stock", "later")->create_topic({"t", 3, TopicKind::events, "stock"});
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->spec.partitions, 3);
}

TEST_P(LogContract, added_partitions_go_with_their_topic_and_the_next_one_has_its_own) {
  auto log = connect();
  const auto gone = make_topic(*log, "t");
  ASSERT_TRUE(log->add_partitions(gone.topic, 2));
  put(*log, {gone.topic, partition(1)}, "k", "old");
  ASSERT_TRUE(log->delete_topic(gone.topic));
  expect_not_added(*log, gone.topic, 3, errc::topic_replaced, "'t'");
  const auto made = make_topic(*log, "t", 2);
  EXPECT_THAT(read(*log, {made.topic, partition(1)}), IsEmpty());
}

TEST_P(LogContract, a_key_is_found_in_the_first_records_of_each_partition) {
  auto log = connect();
  const auto first = make_topic(*log, "t", 3);
  const Topic topic = log->find_topic("t").value();
  EXPECT_FALSE(find_key(*log, topic).value());
  const auto put_without_key = [&](std::int32_t p) {
    Transaction transaction;
    transaction.append({first.topic, partition(p)}, {0, std::nullopt, "v", {}});
    ASSERT_TRUE(commit(*log, transaction));
  };
  put_without_key(0);
  put_without_key(2);
  EXPECT_FALSE(find_key(*log, topic).value());
  const TopicPartition keyed{first.topic, partition(2)};
  const Committed committed = put(*log, keyed, "k", "v");
  const auto found = find_key(*log, topic);
  ASSERT_TRUE(found) << found.error().to_string();
  ASSERT_TRUE(*found);
  EXPECT_EQ((*found)->partition, keyed);
  EXPECT_EQ((*found)->offset, committed.partitions.front().first);
}

}  // namespace
}  // namespace millrace::log
