// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/connect/copy.hpp"

#include <gtest/gtest.h>

#include "copy_fixture.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::connect {
namespace {

class Copy : public CopyTest {};
INSTANTIATE_TEST_SUITE_P(Logs, Copy, testing::ValuesIn(all_kinds()), kinds_name);

TEST_P(Copy, keeps_all_that_a_record_has) {
  make_topic(*source, "orders", "orders");
  // Time 0 and header names with a zero byte are left out: librdkafka can pass on neither.
  const std::string binary("\0\xff\n%", 4);
  write(*source, "orders", 0,
        {{1'291'191'960'000, "k", "v", {{"b", "1"}, {"a", "2"}, {"b", std::nullopt}, {"", ""}}},
         {1, "gone", std::nullopt, {}},
         {5, std::nullopt, "no key", {}},
         {4, "", "", {{"empty", ""}}},
         {7, binary, binary, {{"\xff\n%", binary}}},
         {8, std::nullopt, std::nullopt, {}}});
  write(*source, "orders", 1, {{9, "large", std::string(1'000'000, 'x'), {}}});
  const CopySummary summary = copied();
  EXPECT_EQ(summary.records, 7);
  EXPECT_EQ(summary.verified_records, 7);
  expect_same("orders");
}

TEST_P(Copy, takes_settings_along_except_retention_to_a_cluster_that_deletes_by_record_time) {
  log::TopicSettings settings = log::compacted();
  settings.deletes = true;
  settings.retention_ms = 86'400'000;
  settings.retention_bytes = 1U << 30U;
  settings.delete_retention_ms = 5'000;
  make_topic(*source, "orders", "orders", 2, log::TopicKind::events, settings);
  write(*source, "orders", 0, numbered(0, 3));
  EXPECT_EQ(copied().records, 3);
  log::Log& copy = target->service("reader");
  if (copy.identity().starts_with("kafka/")) {
    settings.deletes = false;
    settings.retention_ms.reset();
    settings.retention_bytes.reset();
  }
  EXPECT_EQ(copy.topic_settings(copy.find_topic("orders")->id).value(), settings);
}

TEST_P(Copy, is_refused_into_a_topic_that_would_remove_what_is_copied) {
  make_topic(*source, "orders", "orders", 2);
  write(*source, "orders", 0, numbered(0, 3));
  make_topic(*target, "orders", "orders", 2, log::TopicKind::events, log::compacted());
  EXPECT_EQ(refused(), log::errc::topic_mismatch);
}

TEST_P(Copy, keeps_the_specs_of_topics_of_all_services) {
  make_topic(*source, "orders", "orders", 3);
  make_topic(*source, "stock.commands", "stock", 2, log::TopicKind::commands);
  make_topic(*source, "stock.shelves.changelog", "stock", 2, log::TopicKind::private_topic,
             log::compacted());
  write(*source, "stock.shelves.changelog", 1, numbered(0, 5));
  EXPECT_EQ(copied().topics, 3U);
  EXPECT_EQ(copied().topics, 3U) << "a second run continues, whatever age commands have there";
  for (const char* name : {"orders", "stock.commands", "stock.shelves.changelog"}) {
    EXPECT_EQ(target->service("reader").find_topic(name)->spec,
              source->service("reader").find_topic(name)->spec);
  }
  log::Log& copy = target->service("reader");
  EXPECT_TRUE(copy.topic_settings(copy.find_topic("stock.shelves.changelog")->id)->compacts);
  EXPECT_FALSE(copy.topic_settings(copy.find_topic("orders")->id)->compacts);
  expect_same("stock.shelves.changelog");
}

TEST_P(Copy, keeps_many_small_commits_in_many_steps) {
  make_topic(*source, "orders", "orders");
  make_topic(*source, "payments", "payments");
  for (int i = 0; i < 120; i += 3) {
    write(*source, "orders", i % 2, numbered(i, i + 2));
    write(*source, "payments", i % 2, numbered(i + 2, i + 3));
  }
  run.request.transaction_bytes = 100;
  EXPECT_EQ(copied().records, 120);
  expect_same("orders");
  expect_same("payments");
}

TEST_P(Copy, lets_groups_go_on_with_the_record_they_would_have_read_next) {
  make_topic(*source, "orders", "orders");
  make_topic(*source, "empty", "orders");
  for (int i = 0; i < 30; i += 3)
    write(*source, "orders", 0, numbered(i, i + 3));
  log::Log& log = source->service("orders");
  set_position(*source, "a/at-start", "orders", 0, nth(log, "orders", 0, 0));
  set_position(*source, "b/in-a-batch", "orders", 0, nth(log, "orders", 0, 4));
  set_position(*source, "c/between-batches", "orders", 0, nth(log, "orders", 0, 5).next());
  set_position(*source, "d/at-the-next-batch", "orders", 0, nth(log, "orders", 0, 6));
  set_position(*source, "e/behind-the-last-record", "orders", 0, nth(log, "orders", 0, 29).next());
  const auto partition = log::TopicPartition{log.find_topic("orders")->id, log::partition(0)};
  set_position(*source, "f/at-the-end", "orders", 0, *log.end_offset(partition));
  set_position(*source, "g/of-nothing", "empty", 1, nth(log, "empty", 1, 0));
  const CopySummary summary = copied();
  EXPECT_EQ(summary.positions, 7U);
  EXPECT_EQ(summary.groups, 7U);
  for (const char* group : {"a/at-start", "b/in-a-batch", "c/between-batches",
                            "d/at-the-next-batch", "e/behind-the-last-record", "f/at-the-end"}) {
    expect_same_rest(group, "orders", 0);
  }
  expect_same_rest("g/of-nothing", "empty", 1);
  write(*target, "orders", 0, numbered(30, 31));
  const auto left =
      contents(*target->tool(), "orders", 0, position_of(*target, "f/at-the-end", "orders", 0));
  EXPECT_EQ(left, numbered(30, 31));
}

TEST_P(Copy, keeps_that_a_group_reads_no_more) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 4));
  set_position(*source, "stock/earlier", "orders", 0, log::reads_no_more);
  copied();
  const bool forgets = target->tool()->position_retention_ms().has_value();
  const auto expected = forgets ? std::nullopt : std::optional(log::reads_no_more);
  EXPECT_EQ(position_of(*target, "stock/earlier", "orders", 0), expected);
  EXPECT_EQ(copied().records, 0);
}

TEST_P(Copy, continues_with_what_came_later_and_moves_the_positions) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 4));
  set_position(*source, "stock", "orders", 0, nth(source->service("orders"), "orders", 0, 2));
  EXPECT_EQ(copied().records, 4);
  EXPECT_EQ(copied().records, 0);
  write(*source, "orders", 0, numbered(4, 6));
  write(*source, "orders", 1, numbered(6, 7));
  make_topic(*source, "payments", "payments");
  write(*source, "payments", 0, numbered(0, 2));
  set_position(*source, "stock", "orders", 0, nth(source->service("orders"), "orders", 0, 5));
  const CopySummary summary = copied();
  EXPECT_EQ(summary.records, 5);
  EXPECT_EQ(summary.earlier, 4);
  expect_same("orders");
  expect_same("payments");
  expect_same_rest("stock", "orders", 0);
}

TEST_P(Copy, stopped_by_the_user_continues_where_it_was) {
  make_topic(*source, "orders", "orders");
  for (int i = 0; i < 20; ++i)
    write(*source, "orders", i % 2, numbered(i, i + 1));
  run.request.transaction_bytes = 1;
  run.stop = true;
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(refused(), errc::stopped);
  run.stop = false;
  EXPECT_EQ(copied().records, 17);
  expect_same("orders");
}

TEST_P(Copy, takes_only_the_topics_that_match_and_their_positions) {
  make_topic(*source, "orders", "orders");
  make_topic(*source, "payments", "payments");
  write(*source, "orders", 0, numbered(0, 2));
  write(*source, "payments", 0, numbered(0, 2));
  set_position(*source, "stock", "orders", 0, nth(source->service("orders"), "orders", 0, 1));
  set_position(*source, "stock", "payments", 0, nth(source->service("orders"), "payments", 0, 1));
  run.request.topics = "pay*";
  const CopySummary summary = copied();
  EXPECT_EQ(summary.topics, 1U);
  EXPECT_EQ(summary.positions, 1U);
  EXPECT_FALSE(target->service("reader").find_topic("orders"));
  run.request.topics = "nothing*";
  EXPECT_EQ(refused(), errc::not_found);
}

TEST_P(Copy, refuses_a_target_that_holds_something_else) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 2));
  make_topic(*target, "orders", "orders");
  write(*target, "orders", 1, numbered(0, 1));
  EXPECT_EQ(refused(), errc::not_ours);
  EXPECT_NE(message.find("orders-1"), std::string::npos) << message;
  EXPECT_FALSE(target->service("reader").find_topic("__millrace.copy"));
}

TEST_P(Copy, refuses_a_target_with_another_topic_of_that_name) {
  make_topic(*source, "orders", "orders", 2);
  make_topic(*target, "orders", "orders", 3);
  EXPECT_EQ(refused(), log::errc::topic_mismatch);
}

TEST_P(Copy, refuses_a_target_that_has_gone_on) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 2));
  copied();
  write(*target, "orders", 0, numbered(2, 3));
  EXPECT_EQ(refused(), errc::not_ours);
}

TEST_P(Copy, refuses_to_set_back_a_group_that_has_gone_on) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 4));
  set_position(*source, "stock", "orders", 0, nth(source->service("orders"), "orders", 0, 1));
  copied();
  const log::Offset third = nth(target->service("orders"), "orders", 0, 2);
  set_position(*target, "stock", "orders", 0, third);
  EXPECT_EQ(refused(), errc::not_ours);
  EXPECT_EQ(position_of(*target, "stock", "orders", 0), third);
}

TEST_P(Copy, refuses_a_copy_of_another_source) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 2));
  copied();
  source = make_copy_log(GetParam().source);
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 2));
  EXPECT_EQ(refused(), errc::not_ours);
}

void delete_topic(CopyLog& log, const std::string& name) {
  log::Log& owner = log.service("orders");
  const Status deleted = owner.delete_topic(owner.find_topic(name).value().id);
  ASSERT_TRUE(deleted) << deleted.error().to_string();
  // On Kafka it learns of it then.
  ASSERT_TRUE(log.service("reader").maintain());
}

TEST_P(Copy, refuses_to_continue_with_another_topic_of_a_name) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 2));
  copied();
  delete_topic(*source, "orders");
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 5));
  EXPECT_EQ(refused(), errc::not_ours);
  EXPECT_NE(message.find("orders of the source was deleted"), std::string::npos) << message;
}

// The map would name offsets that are of other records, or of none.
TEST_P(Copy, refuses_to_continue_into_another_topic_of_a_name) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 4));
  copied();
  delete_topic(*target, "orders");
  const auto refused_again = [&](const char* then) {
    EXPECT_EQ(refused(), errc::not_ours) << then;
    EXPECT_NE(message.find("orders of the target was deleted"), std::string::npos) << message;
  };
  refused_again("it is missing");
  write(*source, "orders", 0, numbered(4, 6));
  refused_again("there is more to copy");
  make_topic(*target, "orders", "orders");
  refused_again("it is empty");
  write(*target, "orders", 0, numbered(0, 9));
  refused_again("it has more records than before");
}

/// Both logs have two records, and the target has the map of an earlier build, without numbers of
/// topics.
void begin_as_an_earlier_build(CopyLog& source, CopyLog& target, const auto& records) {
  for (CopyLog* const log : {&source, &target}) {
    make_topic(*log, "orders", "orders");
    write(*log, "orders", 0, records);
  }
  const auto tool = target.tool();
  const log::Topic map =
      tool->create_topic({"__millrace.copy", 1, log::TopicKind::private_topic, "millrace"}).value();
  const auto first = [](log::Log& log) { return std::to_string(nth(log, "orders", 0, 0).value); };
  const std::string from = "source " + source.tool()->identity() + "\n";
  const std::string steps[] = {
      "millrace-copy 1 1\n" + from + "copied orders 0 " + first(*source.tool()) + "+2\n",
      "millrace-copy 1 2\n" + from + "landed orders 0 " + first(*tool) + "\n"};
  log::Transaction earlier;
  for (const std::string& step : steps)
    earlier.append({map.id, log::partition(0)}, {0, "step", step, {}});
  earlier.set_position(tool->group("millrace.copy").value(), {map.id, log::partition(0)},
                       log::offset(2));
  const auto committed = tool->commit(earlier);
  ASSERT_TRUE(committed) << committed.error().to_string();
}

TEST_P(Copy, that_an_earlier_build_began_knows_its_topics_from_the_next_run_on) {
  begin_as_an_earlier_build(*source, *target, numbered(0, 2));
  EXPECT_EQ(copied().records, 0);
  delete_topic(*source, "orders");
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 3));
  EXPECT_EQ(refused(), errc::not_ours);
}

TEST_P(Copy, that_an_earlier_build_began_is_not_continued_with_a_topic_that_ends_before) {
  begin_as_an_earlier_build(*source, *target, numbered(0, 2));
  delete_topic(*source, "orders");
  make_topic(*source, "orders", "orders");
  EXPECT_EQ(refused(), errc::not_ours);
  EXPECT_NE(message.find("orders of the source was deleted"), std::string::npos) << message;
}

TEST_P(Copy, refuses_a_source_on_which_services_work_unless_it_is_forced) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 2));
  log::Log& stock = source->service("stock");
  const auto member = stock.join(*stock.group("stock/gatherer"), {"gatherer/0"});
  ASSERT_TRUE(member);
  ASSERT_TRUE((*member)->poll());
  EXPECT_EQ(refused(), errc::busy);
  EXPECT_NE(message.find("stock/gatherer"), std::string::npos) << message;
  run.request.force = true;
  EXPECT_EQ(copied().records, 2);
}

TEST_P(Copy, refuses_a_target_on_which_services_work) {
  make_topic(*source, "orders", "orders");
  log::Log& stock = target->service("stock");
  const auto member = stock.join(*stock.group("stock/gatherer"), {"gatherer/0"});
  ASSERT_TRUE(member);
  ASSERT_TRUE((*member)->poll());
  run.request.force = true;
  EXPECT_EQ(refused(), errc::busy);
}

TEST_P(Copy, refuses_to_copy_a_log_to_itself) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 1));
  const auto a = source->tool();
  const auto b = source->tool();
  EXPECT_FALSE(run.copy(*a, *b));
  EXPECT_EQ(contents(*a, "orders", 0).size(), 1U);
}

TEST_P(Copy, finds_each_kind_of_difference) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, {{1, "k", "v", {{"h", "1"}}}, {2, "k", "v", {}}});
  write(*source, "orders", 1, numbered(0, 2));
  set_position(*source, "stock", "orders", 0, nth(source->service("orders"), "orders", 0, 1));
  copied();
  const std::vector<std::pair<std::vector<Content>, std::string>> others = {
      {{{9, "k", "v", {{"h", "1"}}}, {2, "k", "v", {}}}, "the time"},
      {{{1, "K", "v", {{"h", "1"}}}, {2, "k", "v", {}}}, "the key"},
      {{{1, "k", "V", {{"h", "1"}}}, {2, "k", "v", {}}}, "the value"},
      {{{1, "k", "v", {{"h", "2"}}}, {2, "k", "v", {}}}, "the headers"},
      {{{1, "k", "v", {{"h", "1"}}}, {2, "k", std::nullopt, {}}}, "the value"},
      {{{1, "k", "v", {{"h", "1"}}}}, "a record more"},
      {{{1, "k", "v", {{"h", "1"}}}, {2, "k", "v", {}}, {3, "k", "v", {}}}, "not copied yet"},
  };
  for (const auto& [records, what] : others) {
    auto original = std::exchange(source, make_copy_log(GetParam().source));
    make_topic(*source, "orders", "orders");
    write(*source, "orders", 0, records);
    write(*source, "orders", 1, numbered(0, 2));
    const auto compared = run.compare(*source, *target);
    ASSERT_TRUE(compared) << compared.error().to_string();
    ASSERT_EQ(compared->differences.size(), 1U);
    EXPECT_NE(compared->differences[0].find("orders-0: "), std::string::npos);
    EXPECT_NE(compared->differences[0].find(what), std::string::npos) << compared->differences[0];
    source = std::move(original);
  }
  EXPECT_TRUE(run.compare(*source, *target)->differences.empty());
  set_position(*target, "stock", "orders", 0, nth(target->service("orders"), "orders", 0, 0));
  const auto moved = run.compare(*source, *target);
  ASSERT_EQ(moved->differences.size(), 1U);
  EXPECT_NE(moved->differences[0].find("group stock"), std::string::npos);
}

TEST_P(Copy, tells_what_it_would_do_and_does_nothing) {
  make_topic(*source, "orders", "orders");
  write(*source, "orders", 0, numbered(0, 3));
  const auto from = source->tool();
  const auto without = plan_copy(*from, nullptr, run.request);
  ASSERT_TRUE(without) << without.error().to_string();
  EXPECT_EQ(without->topics, 1U);
  const auto to = target->tool();
  ASSERT_TRUE(plan_copy(*from, to.get(), run.request));
  EXPECT_TRUE(to->topics().value().empty());
  EXPECT_FALSE(to->find_topic("__millrace.copy"));
}

}  // namespace
}  // namespace millrace::connect
