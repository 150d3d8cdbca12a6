// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "log_contract.hpp"

// Commands are kept for 7 days, and until their service has read them.
namespace millrace::log {
namespace {

using testing::ElementsAre;

constexpr std::int64_t day_ms = 24 * 3'600'000;

class Commands {
 public:
  Commands(LogFixture& world, Log& owner, TopicPartition partition)
      : world_(world), owner_(owner), partition_(partition) {}

  /// Time passes, and the owner does what it does beside its work.
  void pass(std::int64_t ms) {
    world_.advance_ms(ms);
    for (int i = 0; i < 8; ++i) {
      // Passes over topics are done in intervals.
      world_.advance_ms(61'000);
      world_.synchronize();
      EXPECT_TRUE(owner_.maintain().has_value());
      EXPECT_TRUE(owner_.maintain_storage().has_value());
    }
  }
  void read_up_to(GroupId group, Offset next) {
    Transaction transaction;
    transaction.set_position(group, partition_, next);
    const auto committed = owner_.commit(transaction);
    ASSERT_TRUE(committed) << committed.error().to_string();
    ASSERT_TRUE(owner_.position(group, partition_).has_value());
  }
  [[nodiscard]] Offset first() {
    const auto found = owner_.start_offset(partition_);
    EXPECT_TRUE(found) << found.error().to_string();
    return found.value_or(offset(-1));
  }

 private:
  LogFixture& world_;
  Log& owner_;
  TopicPartition partition_;
};

TEST_P(LogContract, commands_stay_for_seven_days_and_until_their_service_has_read_them) {
  auto owner = connect("stock");
  auto sender = connect("orders");
  const auto at = make_topic(*owner, "stock.commands", 1, TopicKind::commands);
  auto member = join(*owner, "stock/main", {"0_0"});
  come_to_rest({&member});
  const GroupId group = owner->group("stock/main").value();
  const TopicPartition there{sender->find_topic("stock.commands")->id, partition(0)};
  Commands commands(world(), *owner, at);

  const Offset one = put(*sender, there, "k", "one").partitions.at(0).first;
  commands.read_up_to(group, one);
  commands.pass(8 * day_ms);
  const Offset two = put(*sender, there, "k", "two").partitions.at(0).first;
  commands.pass(8 * day_ms);
  EXPECT_THAT(read(*owner, at, commands.first()), ElementsAre("k=one", "k=two"))
      << "the service has read none of them";

  const Offset three = put(*sender, there, "k", "three").partitions.at(0).first;
  commands.read_up_to(group, two);
  commands.pass(day_ms);
  EXPECT_LE(commands.first(), two) << "the service has not read it";
  if (world().removes_commands()) {
    EXPECT_EQ(commands.first(), two);
  }
  // What was read may be young.
  commands.read_up_to(group, offset(three.value + 1));
  commands.pass(5 * day_ms);
  const auto kept = read(*owner, at, commands.first());
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.back(), "k=three");
}

TEST_P(LogContract, commands_are_kept_for_ever_when_their_topic_is_set_so) {
  auto owner = connect("stock");
  const auto at = make_topic(*owner, "stock.commands", 1, TopicKind::commands);
  auto member = join(*owner, "stock/main", {"0_0"});
  come_to_rest({&member});
  const SettingChange changes[] = {{"cleanup.policy", "keep"}, {"retention.ms", "-1"}};
  ASSERT_TRUE(owner->alter_topic(at.topic, changes));
  Commands commands(world(), *owner, at);
  const Offset one = put(*owner, at, "k", "one").partitions.at(0).first;
  commands.pass(8 * day_ms);
  const Offset two = put(*owner, at, "k", "two").partitions.at(0).first;
  commands.read_up_to(owner->group("stock/main").value(), offset(two.value + 1));
  commands.pass(8 * day_ms);
  EXPECT_EQ(commands.first(), one);
}

}  // namespace
}  // namespace millrace::log
