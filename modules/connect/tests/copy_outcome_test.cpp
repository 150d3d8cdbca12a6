// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "copy_logs.hpp"
#include "millrace/connect/copy.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"

// Copies whose commits have an unknown outcome, of logs that lose records by rule, of large
// records, and of two copiers at once.
namespace millrace::connect {
namespace {

std::unique_ptr<CopyLog> five_orders() {
  auto log = make_copy_log("file");
  make_topic(*log, "orders", "orders");
  for (int i = 0; i < 5; ++i)
    write(*log, "orders", 0, {{i, "k", std::to_string(i), {}}});
  return log;
}

TEST(CopyOutcome, unknown_is_asked_again_and_takes_effect_once) {
  const auto source = five_orders();
  const auto target = make_copy_log("sparse");
  const auto from = source->tool();
  const auto to = target->tool();
  CopyRun run;
  run.request.transaction_bytes = 1;
  dynamic_cast<SparseLog&>(*to).unknown_outcomes = 3;
  const auto done = run.copy(*from, *to);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_TRUE(done->differences.empty());
  EXPECT_EQ(contents(*to, "orders", 0), contents(*from, "orders", 0));
}

TEST(CopyOutcome, that_stays_unknown_ends_the_run_and_the_next_continues) {
  const auto source = five_orders();
  const auto target = make_copy_log("sparse");
  CopyRun run;
  run.request.transaction_bytes = 1;
  {
    const auto from = source->tool();
    const auto to = target->tool();
    dynamic_cast<SparseLog&>(*to).unknown_outcomes = 100;
    const auto done = run.copy(*from, *to);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), log::errc::outcome_unknown);
  }
  const auto done = run.copy(*source, *target);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->earlier, 1);
  EXPECT_EQ(done->records, 4);
  EXPECT_TRUE(done->differences.empty());
}

// On a cluster the parts of a commit can be read one after the other.
TEST(CopyOutcome, a_copier_that_takes_over_waits_for_what_the_last_one_committed) {
  for (const bool of_positions : {false, true}) {
    SCOPED_TRACE(of_positions ? "positions are late" : "records are late");
    const auto source = five_orders();
    const auto target = make_copy_log("sparse");
    CopyRun run;
    run.request.transaction_bytes = 1;
    const auto from = source->tool();
    {
      const auto to = target->tool();
      dynamic_cast<SparseLog&>(*to).unknown_outcomes = 100;
      ASSERT_FALSE(run.copy(*from, *to));
    }
    const auto to = target->tool();
    auto& sparse = dynamic_cast<SparseLog&>(*to);
    if (of_positions) {
      sparse.hides_positions = true;
    } else {
      const log::TopicPartition partition{to->find_topic("orders")->id, log::partition(0)};
      sparse.hidden = {{partition, nth(*to, "orders", 0, 0)}};
    }
    sparse.late = 10;
    const auto done = run.copy(*from, *to);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(sparse.late, 0);
    EXPECT_EQ(done->earlier, 1);
    EXPECT_EQ(done->records, 4);
    EXPECT_TRUE(done->differences.empty());
  }
}

// A busy cluster may take longer to mark a commit than a question for an end waits.
TEST(CopyOutcome, is_seen_before_the_copier_asks_for_an_end) {
  const auto source = make_copy_log("file");
  make_topic(*source, "orders", "orders");
  for (int i = 0; i < 5; ++i) {
    write(*source, "orders", 0, {{i, "k", std::to_string(i), {}}});
  }
  set_position(*source, "stock", "orders", 0, log::offset(5));
  const auto target = make_copy_log("sparse");
  CopyRun run;
  run.request.transaction_bytes = 1;
  const auto from = source->tool();
  const auto to = target->tool();
  dynamic_cast<SparseLog&>(*to).waits_until_seen = 3;
  const auto done = run.copy(*from, *to);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->records, 5);
  EXPECT_TRUE(done->verified);
  EXPECT_TRUE(done->differences.empty());
}

TEST(CopyCompaction, may_take_away_what_a_later_record_of_the_key_replaces_and_tombstones) {
  const auto source = make_copy_log("file");
  make_topic(*source, "stock.state.changelog", "stock", 1, log::TopicKind::private_topic,
             log::compacted());
  const std::vector<Content> records = {{1, "a", "1", {}},
                                        {2, "b", "1", {}},
                                        {3, "c", "1", {}},
                                        {4, "a", "2", {}},
                                        {5, "c", std::nullopt, {}}};
  write(*source, "stock.state.changelog", 0, records);
  const auto target = make_copy_log("sparse");
  CopyRun run;
  ASSERT_TRUE(run.copy(*source, *target));
  const auto from = source->tool();
  const auto to = target->tool();
  const auto compare_without = [&](std::vector<std::size_t> numbers) {
    auto& sparse = dynamic_cast<SparseLog&>(*to);
    std::vector<std::pair<log::TopicPartition, log::Offset>> hidden;
    const log::TopicPartition partition{to->find_topic("stock.state.changelog")->id,
                                        log::partition(0)};
    for (const std::size_t number : numbers)
      hidden.emplace_back(partition, nth(*to, "stock.state.changelog", 0, number));
    sparse.hidden = std::move(hidden);
    auto compared = run.compare(*from, *to);
    sparse.hidden.clear();
    return compared;
  };
  const auto good = compare_without({0, 2, 4});
  ASSERT_TRUE(good) << good.error().to_string();
  EXPECT_EQ(good->differences, std::vector<std::string>());
  EXPECT_EQ(good->compacted, 3);
  EXPECT_EQ(compare_without({1})->differences.size(), 1U);
  EXPECT_EQ(compare_without({3})->differences.size(), 1U);
  EXPECT_EQ(compare_without({0, 3})->differences.size(), 1U);
}

TEST(CopyRemoval, may_take_what_groups_have_read_from_a_repartition_and_nothing_else) {
  for (const std::string topic : {"stock.by-key.repartition", "stock.own"}) {
    SCOPED_TRACE(topic);
    const auto source = make_copy_log("file");
    make_topic(*source, topic, "stock", 1, log::TopicKind::private_topic);
    write(*source, topic, 0,
          {{1, "a", "1", {}},
           {2, "a", "2", {}},
           {3, "b", "1", {}},
           {4, "b", "2", {}},
           {5, "c", "1", {}}});
    const auto target = make_copy_log("sparse");
    CopyRun run;
    ASSERT_TRUE(run.copy(*source, *target));
    const auto from = source->tool();
    const auto to = target->tool();
    const log::TopicPartition partition{to->find_topic(topic)->id, log::partition(0)};
    dynamic_cast<SparseLog&>(*to).removed_before[partition] = nth(*to, topic, 0, 3);
    const auto compared = run.compare(*from, *to);
    ASSERT_TRUE(compared) << compared.error().to_string();
    const bool good = topic.ends_with("repartition");
    EXPECT_EQ(compared->differences.size(), good ? 0U : 1U);
    EXPECT_EQ(compared->verified_records, good ? 2 : 0);
  }
}

// The partitions of a sparse log begin behind 0.
TEST(CopyRemoval, from_a_repartition_of_the_source_is_reported) {
  for (const std::string kind : {"file", "sparse"}) {
    const auto source = make_copy_log(kind);
    for (const std::string topic : {"stock.by-key.repartition", "stock.own"})
      make_topic(*source, topic, "stock", 2, log::TopicKind::private_topic);
    const auto target = make_copy_log("file");
    CopyRun run;
    const auto done = run.copy(*source, *target);
    ASSERT_TRUE(done) << done.error().to_string();
    const std::vector<std::string> removed = {"stock.by-key.repartition"};
    EXPECT_EQ(done->removed, kind == "file" ? std::vector<std::string>() : removed);
  }
}

TEST(CopyPositions, of_groups_that_read_no_more_are_left_out_where_positions_are_forgotten) {
  const auto source = five_orders();
  set_position(*source, "stock/before", "orders", 0, log::reads_no_more);
  set_position(*source, "stock/now", "orders", 0, log::offset(0));
  const auto target = make_copy_log("sparse");
  const auto from = source->tool();
  const auto to = target->tool();
  dynamic_cast<SparseLog&>(*to).position_retention = 604'800'000;
  CopyRun run;
  const auto done = run.copy(*from, *to);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_TRUE(done->differences.empty());
  EXPECT_EQ(position_of(*target, "stock/before", "orders", 0), std::nullopt);
  EXPECT_NE(position_of(*target, "stock/now", "orders", 0), std::nullopt);
}

TEST(CopyLimits, follow_the_record_not_a_constant) {
  const auto source = make_copy_log("file");
  make_topic(*source, "orders", "orders");
  log::LogOptions options;
  options.service = "orders";
  options.member = "large";
  options.max_record_bytes = 32U << 20U;
  options.max_transaction_bytes = 64U << 20U;
  {
    const auto large = source->open(options);
    log::Transaction transaction;
    const std::string value(10U << 20U, 'x');
    transaction.append({large->find_topic("orders")->id, log::partition(0)},
                       {0, "k", std::string_view(value), {}});
    ASSERT_TRUE(large->commit(transaction));
  }
  const auto target = make_copy_log("file");
  CopyRun run;
  const auto done = run.copy(*source, *target);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->bytes, (10U << 20U) + 1);
  EXPECT_TRUE(done->differences.empty());
}

TEST(CopyClaim, keeps_a_second_copier_out) {
  const auto source = make_copy_log("file");
  make_topic(*source, "orders", "orders");
  const auto target = make_copy_log("sparse");
  const auto other = target->tool();
  const auto member = other->join(*other->group("millrace.copy"), {"copy"});
  ASSERT_TRUE((*member)->poll());
  CopyRun run;
  const auto done = run.copy(*source, *target);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), errc::busy);
}

}  // namespace
}  // namespace millrace::connect
