// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/earlier_ranges.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "millrace/base/clock.hpp"
#include "millrace/base/fault_file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/memory_log.hpp"
#include "runtime/inputs.hpp"

namespace millrace::stream::runtime {
namespace {

/// A part `after` that reads two topics and is rebuilt in the place of `before`.
class EarlierRangesTest : public testing::Test {
 protected:
  EarlierRangesTest() {
    spec_.name = "after";
    resolved_.spec = &spec_;
    resolved_.group = log_->group("shop/after").value();
    resolved_.partitions = 1;
    for (const char* name : {"left", "right"})
      resolved_.inputs.push_back({topic(name, log::TopicKind::events), {0}, false, false});
    resolved_.earlier.push_back(
        {"before",
         {"left", "right"},
         log_->group("shop/before").value(),
         topic("shop.before.system.ranges", log::TopicKind::private_topic)});
  }

  log::Topic topic(const std::string& name, log::TopicKind kind) {
    return log_->create_topic({name, 1, kind, "shop"}).value();
  }
  static log::TopicPartition partition(const log::Topic& topic) {
    return {topic.id, log::partition(0)};
  }
  [[nodiscard]] log::TopicPartition partition(std::size_t input) const {
    return partition(resolved_.inputs[input].topic);
  }
  [[nodiscard]] log::TopicPartition ranges_partition() const {
    return partition(resolved_.earlier.front().ranges.value());
  }
  void commit(log::Transaction& transaction) { EXPECT_TRUE(log_->commit(transaction)); }
  void set_positions(log::GroupId group, std::int64_t left, std::int64_t right) {
    log::Transaction transaction;
    transaction.set_position(group, partition(0), log::offset(left));
    transaction.set_position(group, partition(1), log::offset(right));
    commit(transaction);
  }
  void append(std::size_t input, int records) {
    log::Transaction transaction;
    for (int i = 0; i < records; ++i)
      transaction.append(partition(input), {1'000, "key", "value", {}});
    commit(transaction);
  }
  /// After one range in which the old part took the left topic to `left_end` and one record of the
  /// right one. By the range alone, and by time, the left one comes first.
  bool takes_right_first(std::vector<InputRanges::Topic> topics, std::int64_t left_end) {
    append(0, 2);
    append(1, 1);
    InputRangesWriter writer(std::move(topics));
    writer.add({left_end, 1});
    log::Transaction transaction;
    transaction.append(ranges_partition(), {0, {}, writer.bytes(), {}});
    commit(transaction);
    set_positions(resolved_.earlier.front().group, 0, 1);
    Inputs inputs(shared_, resolved_, log::partition(0));
    if (!inputs.start() || !inputs.fill()) return false;
    Input* const next = inputs.choose();
    return next != nullptr && next->order() == 1;
  }

  ManualClock clock_;
  log::MemoryBroker broker_{clock_, true};
  std::unique_ptr<log::Log> log_ = [this] {
    log::LogOptions options;
    options.service = "shop";
    return broker_.connect(std::move(options));
  }();
  FaultFileSystem files_;
  SeededRandom random_{7};
  Plan topology_;
  InstanceOptions options_ = [] {
    InstanceOptions options;
    options.fetch_bytes = 64U << 10U;
    return options;
  }();
  Instance::Environment environment_{clock_, files_, random_, {}};
  Shared shared_{.log = *log_,
                 .topology = topology_,
                 .options = options_,
                 .environment = environment_,
                 .transaction = {},
                 .sinks = {},
                 .dead_letters = {},
                 .retry = {},
                 .source = "/shop",
                 .cycle_over = false};
  SubTopology spec_;
  ResolvedSubTopology resolved_;
};

TEST_F(EarlierRangesTest, that_are_taken_already_are_passed_over_in_several_turns) {
  append(0, 2);
  append(1, 1);
  set_positions(resolved_.earlier.front().group, 2, 1);
  set_positions(resolved_.group, 1, 1);
  InputRangesWriter writer({{"left"}, {"right"}});
  while (writer.bytes().size() < 512)
    writer.add({1, 0});
  for (int i = 0; i < 100; ++i) {
    log::Transaction transaction;
    for (int k = 0; k < 20; ++k)
      transaction.append(ranges_partition(), {0, {}, writer.bytes(), {}});
    commit(transaction);
  }
  Inputs inputs(shared_, resolved_, log::partition(0));
  ASSERT_TRUE(inputs.start());
  int turns = 0;
  do {
    ASSERT_TRUE(inputs.fill());
    ASSERT_LT(++turns, 100);
  } while (inputs.passes());
  EXPECT_GT(turns, 1);
  Input* const next = inputs.choose();
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->order(), 0U);
}

TEST_F(EarlierRangesTest, of_a_topic_that_was_deleted_say_nothing_of_that_with_its_name) {
  resolved_.inputs[0].stored_id = 4;
  resolved_.inputs[1].stored_id = 5;
  EXPECT_TRUE(takes_right_first({{"left", 7}, {"right", 5}}, 2));
}

// An earlier build does not say which topic it means, but this one has no such end.
TEST_F(EarlierRangesTest, that_end_behind_their_topic_are_of_one_that_was_deleted) {
  EXPECT_TRUE(takes_right_first({{"left"}, {"right"}}, 500));
}

// The part before had fewer tasks.
TEST_F(EarlierRangesTest, are_not_looked_for_in_partitions_that_they_do_not_have) {
  resolved_.partitions = 2;
  log::Transaction transaction;
  for (InputTopic& input : resolved_.inputs) {
    input.topic =
        log_->create_topic({"wide-" + input.topic.spec.name, 2, log::TopicKind::events, "shop"})
            .value();
    transaction.append({input.topic.id, log::partition(1)}, {1'000, "key", "value", {}});
  }
  commit(transaction);
  Inputs inputs(shared_, resolved_, log::partition(1));
  ASSERT_TRUE(inputs.start());
  ASSERT_TRUE(inputs.fill());
  EXPECT_FALSE(inputs.passes());
  EXPECT_NE(inputs.choose(), nullptr);
}

TEST_F(EarlierRangesTest, end_with_a_position_at_the_end_of_their_topic) {
  append(0, 1);
  append(1, 1);
  set_positions(resolved_.earlier.front().group, 1, 0);
  Inputs inputs(shared_, resolved_, log::partition(0));
  ASSERT_TRUE(inputs.start());
  const auto take = [&](std::size_t order) {
    ASSERT_TRUE(inputs.fill());
    Input* const next = inputs.choose();
    ASSERT_NE(next, nullptr);
    EXPECT_EQ(next->order(), order);
    inputs.take(*next);
  };
  const auto is_over = [&] {
    log::Transaction transaction;
    inputs.stage(transaction, 0);
    const auto& positions = transaction.positions();
    return std::any_of(positions.begin(), positions.end(), [&](const auto& position) {
      return position.partition == ranges_partition() &&
             position.next == log_->end_offset(ranges_partition()).value();
    });
  };
  take(0);
  EXPECT_FALSE(is_over());
  // It is behind the last range once the next record is asked for; a refused commit takes it back.
  EXPECT_NE(inputs.choose(), nullptr);
  EXPECT_TRUE(is_over());
  inputs.rewind();
  EXPECT_FALSE(is_over());
  take(0);
  inputs.committed(0);
  take(1);
  EXPECT_TRUE(is_over());
}

// All parts that lived had passed them, and one of these is rebuilt.
TEST_F(EarlierRangesTest, of_a_part_that_reads_no_more_are_followed_to_the_end_of_their_topic) {
  append(0, 1);
  append(1, 1);
  set_positions(resolved_.earlier.front().group, log::reads_no_more.value,
                log::reads_no_more.value);
  InputRangesWriter writer({{"left"}, {"right"}});
  writer.add({0, 1});
  log::Transaction transaction;
  transaction.append(ranges_partition(), {0, {}, writer.bytes(), {}});
  commit(transaction);
  Inputs inputs(shared_, resolved_, log::partition(0));
  ASSERT_TRUE(inputs.start());
  for (const std::size_t order : {1U, 0U}) {
    ASSERT_TRUE(inputs.fill());
    Input* const next = inputs.choose();
    ASSERT_NE(next, nullptr);
    EXPECT_EQ(next->order(), order);
    inputs.take(*next);
  }
  ASSERT_TRUE(inputs.fill());
  EXPECT_EQ(inputs.choose(), nullptr);
  log::Transaction next;
  inputs.stage(next, 0);
  EXPECT_TRUE(std::any_of(next.positions().begin(), next.positions().end(),
                          [&](const auto& position) {
                            return position.partition == ranges_partition() &&
                                   position.next == log::offset(1);
                          }))
      << "the rebuild is over";
}

// A cluster forgets positions that are not committed again.
TEST_F(EarlierRangesTest, that_are_done_are_committed_once_and_then_with_all_positions) {
  std::vector<Input> inputs;
  for (const InputTopic& input : resolved_.inputs)
    inputs.emplace_back(input, spec_.name, log::partition(0), inputs.size());
  auto opened = EarlierRanges::open(shared_, resolved_, log::partition(0), inputs);
  ASSERT_TRUE(opened);
  EarlierRanges& earlier = **opened;
  const auto positions = [&](bool all) {
    log::Transaction transaction;
    earlier.stage(transaction, all);
    return transaction.positions().size();
  };
  // The part before had taken nothing.
  EXPECT_TRUE(earlier.done());
  EXPECT_TRUE(earlier.to_be_committed());
  EXPECT_EQ(positions(false), 1U);
  earlier.committed();
  EXPECT_FALSE(earlier.to_be_committed());
  EXPECT_EQ(positions(false), 0U);
  EXPECT_EQ(positions(true), 1U);
}

}  // namespace
}  // namespace millrace::stream::runtime
