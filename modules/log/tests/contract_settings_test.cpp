// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <thread>

#include "log_contract.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<TopicSettings> change(Log& log, TopicId topic, const std::vector<std::string>& texts) {
  std::vector<SettingChange> changes;
  for (const std::string& text : texts) {
    MILLRACE_ASSIGN(changes.emplace_back(), parse_setting_change(text));
  }
  return log.alter_topic(topic, changes);
}

TopicSettings settings_now(Log& log, TopicId topic) {
  const auto found = log.topic_settings(topic);
  if (!found) {
    ADD_FAILURE() << found.error().to_string();
    return {};
  }
  return *found;
}

void expect_alter_fails(Log& log, TopicId topic, const std::vector<std::string>& texts,
                        ErrorCode code, const std::string& part) {
  const TopicSettings before = settings_now(log, topic);
  const auto altered = change(log, topic, texts);
  ASSERT_FALSE(altered.has_value()) << texts.front();
  EXPECT_TRUE(altered.error().is(code)) << altered.error().to_string();
  EXPECT_THAT(altered.error().message(), HasSubstr(part));
  EXPECT_EQ(settings_now(log, topic), before) << texts.front();
}

TEST_P(LogContract, settings_are_those_that_the_topic_was_created_with) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  TopicSettings wanted;
  wanted.compacts = wanted.deletes = true;
  wanted.retention_ms = 86'400'000;
  wanted.retention_bytes = 1U << 30U;
  wanted.min_compaction_lag_ms = 1'000;
  wanted.delete_retention_ms = 2'000;
  wanted.segment_bytes = 16U << 20U;
  const auto made = stock->create_topic({"t", 2, TopicKind::events, "stock"}, wanted);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(settings_now(*stock, made->id), wanted);
  EXPECT_EQ(settings_now(*orders, orders->find_topic("t")->id), wanted);
}

TEST_P(LogContract, settings_keep_every_record_unless_others_are_asked_for) {
  auto log = connect();
  const TopicSettings made = settings_now(*log, make_topic(*log, "t").topic);
  EXPECT_FALSE(made.compacts);
  EXPECT_FALSE(made.deletes);
  EXPECT_EQ(made.retention_ms, std::nullopt);
  EXPECT_EQ(made.retention_bytes, std::nullopt);
  EXPECT_EQ(made.delete_retention_ms, TopicSettings::default_delete_retention_ms);
}

TEST_P(LogContract, settings_are_not_compared_when_the_topic_is_created_again) {
  auto log = connect();
  const TopicSpec spec{"t", 1, TopicKind::events, "stock"};
  const auto made = log->create_topic(spec, compacted());
  ASSERT_TRUE(made) << made.error().to_string();
  const auto again = connect("stock", "later")->create_topic(spec);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->id, made->id);
  EXPECT_TRUE(settings_now(*log, made->id).compacts) << "those of a topic that exists stay";
}

TEST_P(LogContract, settings_that_do_not_go_together_make_no_topic) {
  auto log = connect();
  TopicSettings wrong;
  wrong.retention_ms = 5;
  const auto made = log->create_topic({"t", 1, TopicKind::events, "stock"}, wrong);
  ASSERT_FALSE(made.has_value());
  EXPECT_TRUE(made.error().is(errc::invalid_argument)) << made.error().to_string();
  EXPECT_FALSE(log->find_topic("t").has_value());
}

TEST_P(LogContract, settings_change_for_all_handles_and_the_others_stay) {
  auto stock = connect("stock");
  auto other = connect("stock", "other");
  const auto topic_partition = make_topic(*stock, "t");
  const TopicId topic = topic_partition.topic;
  const TopicId theirs = other->find_topic("t")->id;
  Transaction transaction;
  transaction.append(topic_partition, {world().clock().wall_ms(), "k", "v", {}});
  ASSERT_TRUE(commit(*stock, transaction));
  const auto first = change(*stock, topic, {"cleanup.policy=delete", "retention.ms=86400000"});
  ASSERT_TRUE(first) << first.error().to_string();
  // Two members change different ones; neither loses what the other set.
  ASSERT_TRUE(change(*other, theirs, {"retention.bytes=1073741824"}));
  const auto last = change(*stock, topic, {"delete.retention.ms=5000"});
  ASSERT_TRUE(last) << last.error().to_string();
  for (const TopicSettings& seen :
       {*last, settings_now(*stock, topic), settings_now(*other, theirs)}) {
    EXPECT_TRUE(seen.deletes);
    EXPECT_EQ(seen.retention_ms, 86'400'000);
    EXPECT_EQ(seen.retention_bytes, 1U << 30U);
    EXPECT_EQ(seen.delete_retention_ms, 5'000);
  }
  EXPECT_THAT(read(*other, {theirs, partition(0)}), ElementsAre("k=v"));
}

TEST_P(LogContract, settings_of_a_handle_that_comes_later_are_the_changed_ones) {
  auto log = connect();
  const TopicId topic = make_topic(*log, "t").topic;
  ASSERT_TRUE(change(*log, topic, {"cleanup.policy=compact"}));
  ASSERT_TRUE(change(*log, topic, {"min.compaction.lag.ms=7"}));
  auto later = connect("stock", "later");
  const TopicSettings seen = settings_now(*later, later->find_topic("t")->id);
  EXPECT_TRUE(seen.compacts);
  EXPECT_EQ(seen.min_compaction_lag_ms, 7);
}

TEST_P(LogContract, settings_return_to_their_defaults) {
  auto log = connect();
  const TopicId topic = make_topic(*log, "t").topic;
  ASSERT_TRUE(change(*log, topic, {"cleanup.policy=delete", "retention.ms=86400000"}));
  const auto after = change(*log, topic, {"cleanup.policy=default", "retention.ms=default"});
  ASSERT_TRUE(after) << after.error().to_string();
  for (const TopicSettings& seen : {*after, settings_now(*log, topic)}) {
    EXPECT_FALSE(seen.deletes);
    EXPECT_EQ(seen.retention_ms, std::nullopt);
  }
}

TEST_P(LogContract, settings_stay_when_a_change_is_not_allowed) {
  auto log = connect();
  const TopicId topic = make_topic(*log, "t").topic;
  ASSERT_TRUE(change(*log, topic, {"cleanup.policy=compact"}));
  expect_alter_fails(*log, topic, {"delete.retention.ms=5", "retention.ms=5"},
                     errc::invalid_argument, "topic 't': retention.ms=5");
  const auto unknown = log->topic_settings(TopicId{{4'000}});
  ASSERT_FALSE(unknown.has_value());
  EXPECT_TRUE(unknown.error().is(errc::unknown_topic)) << unknown.error().to_string();
  EXPECT_TRUE(change(*log, TopicId{{4'000}}, {"retention.ms=5"}).error().is(errc::unknown_topic));
}

TEST_P(LogContract, settings_are_changed_by_the_owner_alone_and_by_tools_that_may_write_all) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  auto nobody = connect("", "tool");
  const TopicId topic = make_topic(*stock, "stock.commands", 1, TopicKind::commands).topic;
  for (Log* log : {orders.get(), nobody.get()}) {
    expect_alter_fails(*log, log->find_topic("stock.commands")->id, {"delete.retention.ms=5"},
                       errc::not_owner, "'stock.commands'");
  }
  auto tool = connect(std::string(any_service));
  ASSERT_TRUE(change(*tool, tool->find_topic("stock.commands")->id, {"delete.retention.ms=5"}));
  EXPECT_EQ(settings_now(*stock, topic).delete_retention_ms, 5);
}

TEST_P(LogContract, settings_of_state_are_compaction_and_nothing_else) {
  auto log = connect();
  const auto make = [&](const std::string& name) {
    const auto made = log->create_topic({name, 1, TopicKind::private_topic, "stock"}, compacted());
    return made.value().id;
  };
  for (const TopicId state : {make("stock.left.changelog"), make("stock.manifest")}) {
    for (const std::vector<std::string>& change :
         {std::vector<std::string>{"cleanup.policy=keep"},
          {"cleanup.policy=delete", "retention.ms=86400000"},
          {"cleanup.policy=compact,delete", "retention.bytes=1073741824"}}) {
      expect_alter_fails(*log, state, change, errc::invalid_argument, "cleanup.policy=compact");
    }
    const auto others =
        change(*log, state, {"min.compaction.lag.ms=3", "delete.retention.ms=86400000"});
    ASSERT_TRUE(others) << others.error().to_string();
    expect_alter_fails(*log, state, {"delete.retention.ms=4"}, errc::invalid_argument, "86400000");
    EXPECT_TRUE(settings_now(*log, state).compacts);
  }
}

TEST_P(LogContract, settings_that_keep_tombstones_leave_deletions_complete) {
  auto log = connect();
  const auto kept = log->create_topic(
      {"stock.kept.changelog", 1, TopicKind::private_topic, "stock"}, compacted());
  ASSERT_TRUE(kept) << kept.error().to_string();
  const TopicPartition at{kept->id, partition(0)};
  const TopicPartition no_partition{kept->id, partition(1)};
  const TopicPartition no_topic{TopicId{{4'000}}, partition(0)};
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(log->tombstones_complete_from(at), offset(0));
    Transaction deletion;
    deletion.append(at, {0, "k", std::nullopt, {}});
    ASSERT_TRUE(log->commit(deletion));
  }
  const auto beyond = log->tombstones_complete_from(no_partition);
  ASSERT_FALSE(beyond.has_value());
  EXPECT_TRUE(beyond.error().is(errc::unknown_partition)) << beyond.error().to_string();
  const auto unknown = log->tombstones_complete_from(no_topic);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_TRUE(unknown.error().is(errc::unknown_topic)) << unknown.error().to_string();
}

TEST_P(LogContract, settings_of_what_a_service_alone_reads_keep_all) {
  auto log = connect();
  // Not a changelog: only the end of a name counts, behind the name of the owner.
  const TopicId own = make_topic(*log, "stock.changelog.ranges", 1, TopicKind::private_topic).topic;
  expect_alter_fails(*log, own, {"cleanup.policy=compact"}, errc::invalid_argument,
                     "cleanup.policy=keep");
  expect_alter_fails(*log, own, {"cleanup.policy=delete", "retention.ms=86400000"},
                     errc::invalid_argument, "cleanup.policy=keep");
  // What is public may be called as its owner likes.
  const TopicId events = make_topic(*log, "stock.changelog").topic;
  EXPECT_TRUE(change(*log, events, {"cleanup.policy=delete", "retention.ms=86400000"}));
}

TEST_P(LogContract, settings_that_a_change_would_not_get_are_not_to_be_had_by_creation_either) {
  auto log = connect(std::string(any_service));
  TopicSettings deleting;
  deleting.deletes = true;
  deleting.retention_ms = 86'400'000;
  const auto expect_refused = [&](const TopicSpec& spec, const TopicSettings& settings) {
    const auto made = log->create_topic(spec, settings);
    ASSERT_FALSE(made.has_value()) << spec.name;
    EXPECT_TRUE(made.error().is(errc::invalid_argument)) << made.error().to_string();
    EXPECT_FALSE(log->find_topic(spec.name).has_value());
  };
  expect_refused({"stock.left.changelog", 1, TopicKind::private_topic, "stock"}, deleting);
  expect_refused({"stock.left.changelog", 1, TopicKind::private_topic, "stock"}, {});
  expect_refused({"stock.manifest", 1, TopicKind::private_topic, "stock"}, deleting);
  expect_refused({"stock.a.repartition", 1, TopicKind::private_topic, "stock"}, compacted());
  expect_refused({"stock.a.ranges", 1, TopicKind::private_topic, "stock"}, deleting);
  expect_refused({"stock.commands", 1, TopicKind::commands, "stock"}, compacted());
  expect_refused({"stock.dead-letters", 1, TopicKind::events, "stock"}, compacted());
  expect_refused({"__millrace.notes", 1, TopicKind::commands, std::string(library_service)},
                 deleting);
}

TEST_P(LogContract, settings_that_delete_without_a_limit_are_refused_in_each_order) {
  auto log = connect();
  const TopicId topic = make_topic(*log, "t").topic;
  expect_alter_fails(*log, topic, {"cleanup.policy=delete"}, errc::invalid_argument, "limit");
  expect_alter_fails(*log, topic, {"retention.ms=86400000"}, errc::invalid_argument, "keep");
  ASSERT_TRUE(change(*log, topic, {"retention.ms=86400000", "cleanup.policy=delete"}));
  expect_alter_fails(*log, topic, {"retention.ms=-1"}, errc::invalid_argument, "limit");
  ASSERT_TRUE(change(*log, topic, {"cleanup.policy=compact", "retention.ms=-1"}));
  ASSERT_TRUE(change(*log, topic, {"cleanup.policy=keep"}));
  EXPECT_EQ(settings_now(*log, topic).retention_ms, std::nullopt);
}

// Each change is made on what is there, not on what its author saw before.
TEST_P(LogContract, settings_that_two_change_at_once_are_all_kept) {
  if (!world().blocks() || !world().ordered()) {
    GTEST_SKIP() << "threads, and a log that many changes cost little";
  }
  auto first = connect("stock", "first");
  auto second = connect("stock", "second");
  const TopicId topic = make_topic(*first, "t").topic;
  constexpr int changes = 50;
  const auto change_often = [&](Log& log, const std::string& name) {
    for (int i = 1; i <= changes; ++i) {
      EXPECT_TRUE(change(log, topic, {name + "=" + std::to_string(10'000 * i)}));
    }
  };
  std::thread other([&] { change_often(*second, "segment.bytes"); });
  change_often(*first, "min.compaction.lag.ms");
  other.join();
  const TopicSettings now = settings_now(*first, topic);
  EXPECT_EQ(now.min_compaction_lag_ms, 10'000 * changes);
  EXPECT_EQ(now.segment_bytes, 10'000U * changes);
}

}  // namespace
}  // namespace millrace::log
