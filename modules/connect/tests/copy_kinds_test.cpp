// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <string>

#include "copy_fixture.hpp"

// What a copy does with topics of some kinds.
namespace millrace::connect {
namespace {

class CopyOfKinds : public CopyTest {};
INSTANTIATE_TEST_SUITE_P(Logs, CopyOfKinds, testing::ValuesIn(all_kinds()), kinds_name);

TEST_P(CopyOfKinds, keeps_commands_for_ever_where_the_source_does) {
  make_topic(*source, "stock.commands", "stock", 2, log::TopicKind::commands);
  log::Log& stock = source->service("stock");
  const log::SettingChange changes[] = {{"cleanup.policy", "keep"}, {"retention.ms", "-1"}};
  ASSERT_TRUE(stock.alter_topic(stock.find_topic("stock.commands")->id, changes));
  EXPECT_EQ(copied().topics, 1U);
  log::Log& copy = target->service("reader");
  EXPECT_FALSE(copy.topic_settings(copy.find_topic("stock.commands")->id)->deletes);
}

TEST_P(CopyOfKinds, leaves_out_ranges_of_inputs_which_name_offsets_of_their_log) {
  const std::string ranges = "stock.counter.system.ranges";
  make_topic(*source, "orders", "orders");
  make_topic(*source, ranges, "stock", 2, log::TopicKind::private_topic);
  write(*source, "orders", 0, numbered(0, 3));
  write(*source, ranges, 0, numbered(0, 3));
  set_position(*source, "stock/counter-2", "orders", 0, nth(*source->tool(), "orders", 0, 2));
  set_position(*source, "stock/counter-2", ranges, 0, nth(*source->tool(), ranges, 0, 1));
  const CopySummary summary = copied();
  EXPECT_EQ(summary.topics, 1U);
  EXPECT_EQ(summary.records, 3);
  EXPECT_EQ(summary.positions, 1U);
  EXPECT_FALSE(target->service("reader").find_topic(ranges));
}

}  // namespace
}  // namespace millrace::connect
