// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "log_contract.hpp"
#include "millrace/log/library_topics.hpp"

// Topics that are deleted, and created again under the same name.
namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class Outcome>
void expect_replaced(const Outcome& outcome, const std::string& what) {
  ASSERT_FALSE(outcome.has_value()) << what;
  EXPECT_TRUE(outcome.error().is(errc::topic_replaced))
      << what << ": " << outcome.error().to_string();
  EXPECT_THAT(outcome.error().message(), HasSubstr("'t'")) << what;
}

/// Whatever a handle does with the topic.
void expect_replaced_everywhere(Log& log, TopicPartition partition, GroupId group) {
  FetchBuffer buffer;
  expect_replaced(log.fetch(partition, offset(0), 1U << 16U, buffer), "fetch");
  expect_replaced(log.start_offset(partition), "start_offset");
  expect_replaced(log.end_offset(partition), "end_offset");
  expect_replaced(log.tombstones_complete_from(partition), "tombstones_complete_from");
  expect_replaced(log.find_time(partition, 0), "find_time");
  expect_replaced(log.position(group, partition), "position");
  expect_replaced(log.topic_settings(partition.topic), "topic_settings");
  const SettingChange change{"delete.retention.ms", "5"};
  expect_replaced(log.alter_topic(partition.topic, {&change, 1}), "alter_topic");
  Transaction writes;
  writes.append(partition, {0, "k", "late", {}});
  expect_replaced(log.commit(writes), "commit of a record");
  Transaction moves;
  moves.set_position(group, partition, offset(1));
  expect_replaced(log.commit(moves), "commit of a position");
}

TEST_P(LogContract, deletion_of_a_topic_is_seen_by_all_handles_at_once) {
  auto stock = connect("stock");
  auto other = connect("stock", "other");
  const auto gone = make_topic(*stock, "t", 2);
  const auto stays = make_topic(*stock, "stays");
  const GroupId group = stock->group("g").value();
  put(*stock, gone, "k", "v");
  put(*other, stays, "k", "v");
  EXPECT_THAT(read(*other, gone), ElementsAre("k=v"));
  const Status deleted = stock->delete_topic(gone.topic);
  ASSERT_TRUE(deleted) << deleted.error().to_string();
  world().synchronize();
  const auto later = connect("stock", "later");
  for (Log* const log : {other.get(), stock.get(), later.get()}) {
    expect_replaced_everywhere(*log, gone, group);
    const auto found = log->find_topic("t");
    ASSERT_FALSE(found.has_value());
    EXPECT_TRUE(found.error().is(errc::unknown_topic)) << found.error().to_string();
    EXPECT_EQ(log->topics().value().size(), 1U);
    EXPECT_THAT(read(*log, stays), ElementsAre("k=v"));
  }
  put(*other, stays, "k", "after");
  EXPECT_THAT(read(*stock, stays), ElementsAre("k=v", "k=after"));
}

TEST_P(LogContract, deletion_leaves_the_name_to_another_topic_with_another_number) {
  auto stock = connect("stock");
  auto other = connect("stock", "other");
  const auto old = make_topic(*stock, "t");
  for (const char* const value : {"1", "2", "3"}) {
    put(*stock, old, "k", value);
  }
  EXPECT_THAT(read(*other, old, offset(2)), ElementsAre("k=3"));
  ASSERT_TRUE(stock->delete_topic(old.topic));
  world().synchronize();
  // Another kind and other settings, too: nothing of the old one is left.
  const auto made = other->create_topic({"t", 2, TopicKind::private_topic, "stock"});
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_NE(made->id, old.topic);
  world().synchronize();
  const TopicPartition now{made->id, partition(0)};
  EXPECT_EQ(stock->find_topic("t").value().id, made->id);
  EXPECT_EQ(stock->end_offset(now).value(), offset(0));
  put(*stock, now, "k", "new");
  EXPECT_THAT(read(*other, now), ElementsAre("k=new"));
  expect_replaced_everywhere(*other, old, other->group("g").value());
  // Again and again.
  ASSERT_TRUE(stock->delete_topic(now.topic));
  world().synchronize();
  const auto third = make_topic(*other, "t");
  put(*stock, third, "k", "third");
  EXPECT_THAT(read(*other, third), ElementsAre("k=third"));
  expect_replaced_everywhere(*stock, now, stock->group("g").value());
  expect_replaced_everywhere(*stock, old, stock->group("g").value());
}

TEST_P(LogContract, deletion_takes_the_positions_of_groups_along) {
  auto log = connect();
  const auto old = make_topic(*log, "t");
  const auto stays = make_topic(*log, "stays");
  const GroupId group = log->group("g").value();
  put(*log, old, "k", "v");
  Transaction moves;
  moves.set_position(group, old, offset(1));
  moves.set_position(group, stays, offset(0));
  ASSERT_TRUE(commit(*log, moves));
  ASSERT_TRUE(log->delete_topic(old.topic));
  const auto positions = log->groups().value().front().positions;
  ASSERT_EQ(positions.size(), 1U);
  EXPECT_EQ(positions.front().partition, stays);
  const auto now = make_topic(*log, "t");
  EXPECT_EQ(log->position(group, now).value(), std::nullopt);
}

TEST_P(LogContract, deletion_refuses_a_transaction_as_a_whole) {
  auto log = connect();
  const auto gone = make_topic(*log, "t");
  const auto stays = make_topic(*log, "stays");
  Transaction transaction;
  transaction.append(stays, {0, "k", "v", {}});
  transaction.append(gone, {0, "k", "v", {}});
  ASSERT_TRUE(log->delete_topic(gone.topic));
  expect_replaced(log->commit(transaction), "commit");
  EXPECT_THAT(read(*log, stays), ElementsAre());
}

TEST_P(LogContract, deletion_is_for_the_owner_and_tools_of_topics_that_nobody_restores_from) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  auto tool = connect(std::string(any_service));
  const auto events = make_topic(*stock, "t");
  const auto expect_refused = [](Log& log, TopicId topic, const ErrorCode& code) {
    const Status refused = log.delete_topic(topic);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(code)) << refused.error().to_string();
  };
  expect_refused(*orders, events.topic, errc::not_owner);
  const auto state = stock->create_topic(
      {"stock.left.changelog", 1, TopicKind::private_topic, "stock"}, compacted());
  ASSERT_TRUE(state) << state.error().to_string();
  expect_refused(*tool, state->id, errc::invalid_argument);
  const auto ranges = make_topic(*stock, "stock.left.system.ranges", 1, TopicKind::private_topic);
  expect_refused(*tool, ranges.topic, errc::invalid_argument);
  const auto notes = tool->create_topic(
      {"__millrace.notes", 1, TopicKind::commands, std::string(library_service)});
  ASSERT_TRUE(notes) << notes.error().to_string();
  expect_refused(*tool, notes->id, errc::invalid_argument);
  expect_refused(*tool, TopicId{{77}}, errc::unknown_topic);
  put(*stock, events, "k", "v");
  EXPECT_THAT(read(*orders, events), ElementsAre("k=v"));
  ASSERT_TRUE(tool->delete_topic(events.topic));
  EXPECT_TRUE(tool->delete_topic(events.topic)) << "once more changes nothing";
}

TEST_P(LogContract, deletion_leaves_the_outcome_of_a_commit_that_is_repeated) {
  auto log = connect();
  const auto gone = make_topic(*log, "t");
  const auto stays = make_topic(*log, "stays");
  Transaction transaction;
  transaction.append(gone, {0, "k", "v", {}});
  transaction.append(stays, {0, "k", "v", {}});
  transaction.set_sequence("producer", 1);
  const auto first = commit(*log, transaction);
  ASSERT_TRUE(first) << first.error().to_string();
  ASSERT_TRUE(log->delete_topic(gone.topic));
  const auto again = log->commit(transaction);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->position, first->position);
  ASSERT_EQ(again->partitions.size(), 2U);
  transaction.set_sequence("producer", 2);
  expect_replaced(log->commit(transaction), "a commit that is not repeated");
  EXPECT_THAT(read(*log, stays), ElementsAre("k=v"));
}

TEST_P(LogContract, deletion_is_news_for_those_who_wait_for_the_topic) {
  auto log = connect();
  auto other = connect("stock", "other");
  const auto gone = make_topic(*log, "t");
  const auto waiter = other->waiter();
  const Interest interest{gone, offset(0)};
  ASSERT_TRUE(log->delete_topic(gone.topic));
  WaitOutcome outcome = WaitOutcome::interrupted;
  // What wakes all may come before.
  while (outcome == WaitOutcome::interrupted) {
    outcome = waiter->wait({&interest, 1}, far_away());
  }
  EXPECT_EQ(outcome, WaitOutcome::ready);
  FetchBuffer buffer;
  expect_replaced(other->fetch(gone, offset(0), 1U << 16U, buffer), "fetch");
}

}  // namespace
}  // namespace millrace::log
