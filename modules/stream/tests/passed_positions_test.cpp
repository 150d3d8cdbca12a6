// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/passed_positions.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {
namespace {

/// A part `before` that was reset, and parts that live. All topics have one partition.
class PassedPositionsTest : public testing::Test {
 protected:
  void add_part(const std::string& name, const std::string& state,
                std::vector<std::string> sources) {
    Manifest::Part part;
    part.number = static_cast<std::int64_t>(manifest_.parts.size()) + 1;
    part.name = name;
    part.state = state;
    part.sources = std::move(sources);
    manifest_.parts.push_back(std::move(part));
  }
  log::TopicPartition partition_of(const std::string& topic) {
    const auto kind =
        topic.starts_with("shop.by-") ? log::TopicKind::private_topic : log::TopicKind::commands;
    return {log_->create_topic({topic, 1, kind, "shop"}).value().id, log::partition(0)};
  }
  void set_position(const std::string& part, const std::string& topic, log::Offset next) {
    log::Transaction transaction;
    transaction.set_position(log_->group("shop/" + part).value(), partition_of(topic), next);
    ASSERT_TRUE(log_->commit(transaction));
  }
  void set_position(const std::string& part, const std::string& topic, std::int64_t next) {
    set_position(part, topic, log::offset(next));
  }
  std::optional<log::Offset> position(const std::string& part, const std::string& topic) {
    return log_->position(log_->group("shop/" + part).value(), partition_of(topic)).value();
  }
  bool left() {
    ++manifest_.revision;
    EXPECT_TRUE(write_manifest(*log_, "shop", manifest_, {}).value());
    return end_passed_positions(*log_, "shop").value();
  }

  ManualClock clock_;
  log::MemoryBroker broker_{clock_, true};
  std::unique_ptr<log::Log> log_ = [this] {
    log::LogOptions options;
    options.service = "shop";
    return broker_.connect(std::move(options));
  }();
  Manifest manifest_ = [] {
    Manifest manifest;
    manifest.version = 1;
    manifest.plan_version = 1;
    return manifest;
  }();
};

TEST_F(PassedPositionsTest, are_those_that_each_live_reader_has_behind_it) {
  add_part("before", "reset", {"shop.orders"});
  add_part("after", "live", {"shop.orders"});
  add_part("beside", "live", {"shop.orders"});
  add_part("gone", "removed", {"shop.orders"});
  set_position("before", "shop.orders", 7);
  set_position("after", "shop.orders", 9);
  EXPECT_TRUE(left()) << "one has no position";
  set_position("beside", "shop.orders", 6);
  EXPECT_TRUE(left());
  EXPECT_EQ(position("before", "shop.orders"), log::offset(7));
  set_position("beside", "shop.orders", 7);
  EXPECT_FALSE(left());
  EXPECT_EQ(position("before", "shop.orders"), log::reads_no_more);
  EXPECT_EQ(position("after", "shop.orders"), log::offset(9));
  EXPECT_EQ(position("beside", "shop.orders"), log::offset(7));
  EXPECT_EQ(position("gone", "shop.orders"), std::nullopt);
  EXPECT_FALSE(left()) << "once is enough";
}

// No position would hold them.
TEST_F(PassedPositionsTest, are_kept_where_a_reader_has_taken_none_of_the_records) {
  add_part("before", "reset", {"shop.orders"});
  add_part("after", "live", {"shop.orders"});
  set_position("before", "shop.orders", 0);
  log::Transaction transaction;
  transaction.append(partition_of("shop.orders"), {1'000, "key", "value", {}});
  ASSERT_TRUE(log_->commit(transaction));
  EXPECT_TRUE(left());
  EXPECT_EQ(position("before", "shop.orders"), log::offset(0));
  set_position("after", "shop.orders", 1);
  EXPECT_FALSE(left());
  EXPECT_EQ(position("before", "shop.orders"), log::reads_no_more);
}

// A part that has nothing to read in a partition has no position in it.
TEST_F(PassedPositionsTest, end_where_a_reader_has_no_position_and_nothing_to_read) {
  add_part("before", "reset", {"shop.orders"});
  add_part("after", "live", {"shop.orders"});
  set_position("before", "shop.orders", 0);
  EXPECT_FALSE(left());
  EXPECT_EQ(position("before", "shop.orders"), log::reads_no_more);
}

TEST_F(PassedPositionsTest, end_at_once_where_no_part_reads_the_topic_any_more) {
  add_part("before", "reset", {"shop.orders"});
  manifest_.parts.back().former_sources = {"shop.returns"};
  add_part("after", "live", {"shop.others"});
  set_position("before", "shop.orders", 7);
  set_position("before", "shop.returns", 3);
  EXPECT_FALSE(left());
  EXPECT_EQ(position("before", "shop.orders"), log::reads_no_more);
  EXPECT_EQ(position("before", "shop.returns"), log::reads_no_more);
}

// A rebuild of the one that is under way would have half of them.
TEST_F(PassedPositionsTest, of_a_part_end_together) {
  add_part("before", "reset", {"shop.orders", "shop.returns"});
  add_part("after", "live", {"shop.orders", "shop.returns"});
  set_position("before", "shop.orders", 7);
  set_position("before", "shop.returns", 3);
  set_position("after", "shop.orders", 7);
  EXPECT_TRUE(left());
  EXPECT_EQ(position("before", "shop.orders"), log::offset(7));
  set_position("after", "shop.returns", 3);
  EXPECT_FALSE(left());
  EXPECT_EQ(position("before", "shop.orders"), log::reads_no_more);
  EXPECT_EQ(position("before", "shop.returns"), log::reads_no_more);
}

TEST_F(PassedPositionsTest, in_the_retry_topic_are_those_that_all_live_parts_have_behind_them) {
  add_part("before", "reset", {"shop.orders"});
  add_part("beside", "live", {"shop.others"});
  set_position("before", "shop.orders", 7);
  set_position("before", "shop.retry", 2);
  partition_of("shop.others");
  EXPECT_TRUE(left());
  EXPECT_EQ(position("before", "shop.retry"), log::offset(2));
  set_position("beside", "shop.retry", 2);
  EXPECT_FALSE(left());
  EXPECT_EQ(position("before", "shop.retry"), log::reads_no_more);
}

TEST_F(PassedPositionsTest, in_the_retry_topic_do_not_wait_for_tasks_that_no_part_has) {
  const auto retry = log_->create_topic({"shop.retry", 4, log::TopicKind::commands, "shop"});
  for (const char* const name : {"shop.few", "shop.many"}) {
    const std::int32_t tasks = name == std::string("shop.few") ? 2 : 4;
    ASSERT_TRUE(log_->create_topic({name, tasks, log::TopicKind::commands, "shop"}));
  }
  add_part("before", "reset", {"shop.many"});
  add_part("few", "live", {"shop.few"});
  add_part("not yet", "live", {"shop.missing"});
  log::Transaction transaction;
  const log::GroupId before = log_->group("shop/before").value();
  const log::TopicPartition second{retry->id, log::partition(1)};
  const log::TopicPartition third{retry->id, log::partition(2)};
  transaction.set_position(before, third, log::offset(2));
  ASSERT_TRUE(log_->commit(transaction));
  EXPECT_FALSE(left());
  EXPECT_EQ(log_->position(before, third).value(), log::reads_no_more);
  transaction.clear();
  transaction.set_position(before, second, log::offset(2));
  ASSERT_TRUE(log_->commit(transaction));
  EXPECT_TRUE(left()) << "that task reads it";
}

// The first has nothing to hold, and the second says whether its own rebuild is over.
TEST_F(PassedPositionsTest, are_not_those_in_repartitions_and_in_topics_of_ranges) {
  add_part("before", "reset", {"shop.by-key.repartition", "shop.orders"});
  set_position("before", "shop.by-key.repartition", 5);
  set_position("before", "shop.before.system.ranges", 0);
  set_position("before", "shop.orders", 7);
  EXPECT_FALSE(left());
  EXPECT_EQ(position("before", "shop.by-key.repartition"), log::offset(5));
  EXPECT_EQ(position("before", "shop.before.system.ranges"), log::offset(0));
  EXPECT_EQ(position("before", "shop.orders"), log::reads_no_more);
}

}  // namespace
}  // namespace millrace::stream
