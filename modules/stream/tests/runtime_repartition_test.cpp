// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Records of a repartition may be removed once they were read. Parts that read one are rebuilt all
// the same, and a part that nobody continues holds no record of one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/stream/topology_diff.hpp"
#include "runtime_repartitions.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;

class Repartition : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Repartition, testing::ValuesIn(runtime_backends()), backend_name);

/// What the topic holds by now is removed.
void remove_all(Driver& driver, const string& topic) {
  for (const log::TopicPartition partition : partitions_of(driver, topic))
    driver.world().remove_before(partition, driver.tool().end_offset(partition).value());
}

/// For each partition of the topic the smallest position of any group.
Positions smallest_positions(Driver& driver, const string& topic) {
  const auto partitions = partitions_of(driver, topic);
  Positions smallest(partitions.size());
  const auto groups = driver.tool().groups().value();
  for (const log::GroupInfo& group : groups) {
    const Positions positions = positions_of(driver, group.name, topic);
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      if (positions[i]) smallest[i] = std::min(smallest[i].value_or(*positions[i]), *positions[i]);
    }
  }
  return smallest;
}

Error end_of(Driver& driver) {
  std::optional<Error> ended;
  driver.run_until([&] {
    const auto step = driver.step();
    if (!step) ended = step.error();
    return ended.has_value();
  });
  return *ended;
}

TEST_P(Repartition, a_reset_rebuilds_a_store_whose_input_was_removed_behind_its_reader) {
  for (const char* const store : {"counts", "by-amount", "updates"}) {
    SCOPED_TRACE(store);
    auto driver = open_chain(make_world());
    ASSERT_THAT(chain_totals(*driver), ElementsAre(6, 6, 6));
    for (const string& topic : chain_topics)
      remove_all(*driver, topic);
    driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {store})); });
    driver->run_until_idle();
    EXPECT_THAT(chain_totals(*driver), ElementsAre(6, 6, 6));
    order(*driver, 6, 9);
    EXPECT_THAT(chain_totals(*driver), ElementsAre(9, 9, 9));
  }
}

std::vector<string> chosen_with(Driver& driver, const string& store,
                                const std::vector<string>& lost) {
  const auto chosen = choose_parts(**read_manifest(driver.tool(), "shop"), {store}, lost);
  if (!chosen) throw std::runtime_error(chosen.error().to_string());
  std::vector<string> parts;
  for (const Manifest::Part& part : chosen->parts)
    parts.push_back(part.name);
  return parts;
}

TEST_P(Repartition, a_reset_takes_in_what_writes_lost_records_and_nothing_beside_it) {
  auto driver = open_chain(make_world());
  for (const char* const store : {"counts", "by-amount", "updates"})
    EXPECT_THAT(chosen_with(*driver, store, chain_topics),
                testing::UnorderedElementsAre("counts", "by-amount", "updates"))
        << store;
  EXPECT_THAT(chosen_with(*driver, "returned", chain_topics), ElementsAre("returned"));
  EXPECT_THAT(chosen_with(*driver, "updates", {}), ElementsAre("updates"));
  EXPECT_THAT(chosen_with(*driver, "updates", {chain_topics[0]}), ElementsAre("updates"));
}

TEST_P(Repartition, a_store_that_was_not_asked_for_loses_nothing_that_its_inputs_lost) {
  auto driver = open_chain(make_world());
  remove_all(*driver, "orders");
  remove_all(*driver, chain_topics[0]);
  driver->deploy(chain(), [&] {
    const Status refused = reset(*driver, {"by-amount"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), millrace::errc::invalid_argument);
    EXPECT_THAT(refused.error().message(),
                testing::AllOf(testing::HasSubstr("topic orders"),
                               testing::HasSubstr("add --store counts")));
  });
  order(*driver, 6, 9);
  EXPECT_THAT(chain_totals(*driver), ElementsAre(9, 9, 9));
  driver->deploy(chain(), [&] {
    const auto log = connect_shop(driver->world());
    const auto done = reset_topology(*log, "shop", {"by-amount", "counts"}, false);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_THAT(done->removed, ElementsAre(testing::HasSubstr("topic orders, partition")));
  });
  driver->run_until_idle();
  EXPECT_THAT(chain_totals(*driver), ElementsAre(3, 3, 3));
}

TEST_P(Repartition, a_reader_alone_is_rebuilt_from_what_is_still_there) {
  auto driver = open_chain(make_world());
  remove_all(*driver, "orders");
  driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {"by-amount"})); });
  driver->run_until_idle();
  EXPECT_THAT(chain_totals(*driver), ElementsAre(6, 6, 6));
}

TEST_P(Repartition, a_part_is_reset_after_what_an_earlier_reset_left_was_removed) {
  auto driver = open_chain(make_world());
  driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {})); });
  order(*driver, 6, 9);
  for (const string& topic : chain_topics)
    remove_all(*driver, topic);
  driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {"updates"})); });
  order(*driver, 9, 12);
  EXPECT_THAT(chain_totals(*driver), ElementsAre(12, 12, 12));
}

// What writes to a store of before is rebuilt with it, though it is read no more.
TEST_P(Repartition, a_reset_follows_a_repartition_that_an_earlier_build_read) {
  const auto counts_and = [](bool moved) {
    return topology([=](auto& builder) {
      auto input = orders(builder);
      input.group_by_key().count("counts");
      auto by_key = returns(builder);
      if (moved) by_key = by_key.merge(input.repartition("moved"));
      by_key.group_by_key().count("returned");
    });
  };
  auto driver = open_shops(make_world(), counts_and(true));
  give_back(*driver, 0, 3);
  order(*driver, 0, 6);
  ASSERT_EQ(counted(*driver, "returned"), 9);
  remove_all(*driver, "shop.moved.repartition");
  driver->deploy(counts_and(false));
  driver->run_until_idle();
  driver->deploy(counts_and(true), [&] { ASSERT_TRUE(reset(*driver, {"returned"})); });
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver, "returned"), 9);
  EXPECT_EQ(counted(*driver), 6);
}

const string moved_topic = "shop.moved.repartition";

/// What was moved is counted in a part of its own, or together with what was given back, or both.
Topology moving(bool alone, bool together) {
  return topology([=](auto& builder) {
    auto input = orders(builder);
    input.group_by_key().count("counts");
    auto given_back = returns(builder);
    auto moved = input.repartition("moved");
    if (alone) moved.group_by_key().count("moved");
    if (together) given_back = given_back.merge(moved);
    given_back.group_by_key().count("returned");
  });
}

TEST_P(Repartition, another_reader_has_a_position_before_it_reads) {
  auto driver = open_shops(make_world(), moving(true, false));
  if (forgets_positions(*driver)) GTEST_SKIP() << "it would have to be committed again and again";
  order(*driver, 0, 6);
  const Positions before = positions_of(*driver, "shop/moved", moved_topic);
  driver->deploy(apart());
  driver->run_until_idle();
  driver->deploy(moving(false, true));
  for (const auto& position : positions_of(*driver, group_with(*driver, "returned"), moved_topic))
    EXPECT_EQ(position, log::offset(0));
  EXPECT_EQ(positions_of(*driver, "shop/moved", moved_topic), before)
      << "a part that was removed may come back";
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver, "returned"), 6);
}

TEST_P(Repartition, another_reader_of_what_lost_records_is_refused_until_it_is_written_again) {
  auto driver = open_shops(make_world(), moving(true, false));
  if (forgets_positions(*driver)) GTEST_SKIP() << "nothing is removed for having been read there";
  order(*driver, 0, 6);
  driver->deploy(apart());
  driver->run_until_idle();
  remove_all(*driver, moved_topic);
  const Error refused = driver->refused(moving(false, true));
  EXPECT_EQ(refused.code(), errc::topology_changed);
  EXPECT_THAT(refused.message(), testing::HasSubstr("topology reset shop --store counts`"));
  const auto tool = connect_shop(driver->world(), "tool");
  const auto diff = diff_topology(*tool, moving(false, true).describe("json"));
  ASSERT_FALSE(diff);
  EXPECT_EQ(diff.error().code(), errc::topology_changed);
  driver->deploy(moving(false, true), [&] { ASSERT_TRUE(reset(*driver, {"counts"})); });
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
  EXPECT_EQ(counted(*driver, "returned"), 9);
}

TEST_P(Repartition,
       what_is_removed_before_another_reader_has_a_position_is_reported_and_passed_over) {
  auto driver = open_shops(make_world(), moving(true, false));
  if (forgets_positions(*driver)) GTEST_SKIP() << "nothing is removed for having been read there";
  order(*driver, 0, 6);
  driver->deploy(apart());
  driver->run_until_idle();
  const auto partitions = partitions_of(*driver, moved_topic);
  bool removed = false;
  driver->world().refuse_records(log::errc::unavailable, [&](const log::RecordView&) {
    if (!removed) remove_all(*driver, moved_topic);
    removed = true;
    return false;
  });
  driver->deploy(moving(false, true));
  driver->world().refuse_records({}, {});
  ASSERT_TRUE(removed);
  const auto starts = driver->log().start_offsets(partitions).value();
  EXPECT_EQ(positions_of(*driver, group_with(*driver, "returned"), moved_topic),
            Positions(starts.begin(), starts.end()));
  EXPECT_THAT(driver->events(), testing::Contains(testing::AllOf(
                                    testing::HasSubstr("warn: records are missing: part "),
                                    testing::HasSubstr("topology reset shop --store returned`"))));
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver, "returned"), 3);
}

TEST_P(Repartition,
       what_is_removed_while_a_new_reader_dies_ends_its_task_until_it_is_written_again) {
  auto driver = open_shops(make_world(), moving(true, false));
  if (forgets_positions(*driver)) GTEST_SKIP() << "nothing is removed for having been read there";
  order(*driver, 0, 6);
  driver->deploy(apart());
  driver->run_until_idle();
  bool removed = false;
  driver->world().refuse_records(log::errc::unavailable, [&](const log::RecordView&) {
    if (removed) return false;
    removed = true;
    remove_all(*driver, moved_topic);
    // The manifest is committed, and the first offsets are not looked at any more.
    driver->world().fail_commits(log::errc::closed, 1);
    return false;
  });
  EXPECT_THROW(driver->deploy(moving(false, true)), testkit::TestError);
  ASSERT_TRUE(removed);
  driver->world().refuse_records({}, {});
  {
    Beside instance(driver->world(), moving(false, true));
    EXPECT_EQ(instance.run(), log::errc::out_of_range.name);
    EXPECT_THAT(instance.message(),
                testing::AllOf(testing::HasSubstr("is at offset 0 in topic " + moved_topic),
                               testing::HasSubstr("topology reset shop --store returned`")));
  }
  ASSERT_TRUE(reset(*driver, {"returned"}));
  driver->restart_after_end();
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
  EXPECT_EQ(counted(*driver, "returned"), 9);
}

// Another part passed what came to a partition in which it had read nothing.
TEST_P(Repartition, a_part_that_comes_back_does_not_leave_out_what_was_removed) {
  auto driver = open_shops(make_world(), moving(true, false));
  if (forgets_positions(*driver)) GTEST_SKIP() << "nothing is removed for having been read there";
  driver->pipe("orders", string("customer-0"), Deposited{100}, 1'000);
  driver->run_until_idle();
  const Positions before = positions_of(*driver, "shop/moved", moved_topic);
  driver->deploy(apart());
  driver->run_until_idle();
  driver->deploy(moving(false, true));
  order(*driver, 0, 6);
  driver->deploy(apart());
  driver->run_until_idle();
  const auto partitions = partitions_of(*driver, moved_topic);
  int removed = 0;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const log::Offset end = driver->tool().end_offset(partitions[i]).value();
    if (before[i] || end == log::Offset{}) continue;
    driver->world().remove_before(partitions[i], end);
    ++removed;
  }
  ASSERT_GT(removed, 0);
  driver->deploy(moving(true, false));
  const Error ended = end_of(*driver);
  EXPECT_EQ(ended.code(), log::errc::out_of_range);
  EXPECT_THAT(ended.message(),
              testing::AllOf(testing::HasSubstr("part moved of service shop has no position"),
                             testing::HasSubstr("topology reset shop --store moved`")));
}

TEST_P(Repartition, a_part_that_was_reset_holds_none_of_it) {
  auto driver = open_chain(make_world());
  if (forgets_positions(*driver)) GTEST_SKIP() << "no position holds anything there";
  const string old = group_with(*driver, "updates");
  const string old_counts = group_with(*driver, "counts");
  Positions in_orders;
  driver->deploy(chain(), [&] {
    in_orders = positions_of(*driver, old_counts, "orders");
    ASSERT_TRUE(reset(*driver, {"counts"}));
  });
  EXPECT_EQ(positions_of(*driver, old_counts, "orders"), in_orders)
      << "a rebuild takes other inputs as they were taken";
  order(*driver, 6, 9);
  ASSERT_NE(group_with(*driver, "updates"), old);
  for (const string store : {"by-amount", "updates"}) {
    const string topic = "shop." + store + ".repartition";
    EXPECT_EQ(smallest_positions(*driver, topic),
              positions_of(*driver, group_with(*driver, store), topic));
  }
}

TEST_P(Repartition, parts_that_were_migrated_hold_none_of_it) {
  auto driver = open_shops(make_world(), moving(true, false));
  if (forgets_positions(*driver)) GTEST_SKIP() << "no position holds anything there";
  give_back(*driver, 0, 3);
  order(*driver, 0, 6);
  deploy_by_migration(*driver, moving(true, true));
  order(*driver, 6, 9);
  EXPECT_EQ(smallest_positions(*driver, moved_topic),
            positions_of(*driver, group_with(*driver, "moved"), moved_topic));
  EXPECT_EQ(counted(*driver, "moved"), 9);
}

TEST_P(Repartition, a_part_that_comes_back_still_holds_what_it_has_not_read) {
  auto driver = open_shops(make_world(), moving(true, false));
  order(*driver, 0, 6);
  const Positions before = positions_of(*driver, "shop/moved", moved_topic);
  driver->deploy(apart(), [&] { ASSERT_TRUE(reset(*driver, {"returned"})); });
  order(*driver, 6, 9);
  EXPECT_EQ(positions_of(*driver, "shop/moved", moved_topic), before);
  driver->deploy(moving(true, false));
  order(*driver, 9, 12);
  EXPECT_EQ(counted(*driver, "moved"), 9);
}

TEST_P(Repartition, what_a_rebuilt_part_will_read_stays_until_it_has_a_position) {
  auto driver = open_chain(make_world());
  if (forgets_positions(*driver)) GTEST_SKIP() << "no position holds anything there";
  const string old = group_with(*driver, "updates");
  driver->deploy(chain(), [&] {
    ASSERT_TRUE(reset(*driver, {"updates"}));
    for (const auto& position : positions_of(*driver, old, chain_topics[1]))
      EXPECT_EQ(position, log::offset(0));
  });
  for (const auto& position :
       positions_of(*driver, group_with(*driver, "updates"), chain_topics[1]))
    EXPECT_EQ(position, log::offset(0));
  for (const auto& position : positions_of(*driver, old, chain_topics[1]))
    EXPECT_EQ(position, log::reads_no_more);
}

TEST_P(Repartition, a_start_sets_no_position_of_a_part_that_continues) {
  auto driver = open_chain(make_world());
  if (forgets_positions(*driver)) GTEST_SKIP() << "each task has all positions there";
  const string group = group_with(*driver, "by-amount");
  const Positions before = positions_of(*driver, group, chain_topics[0]);
  ASSERT_EQ(std::count(before.begin(), before.end(), std::nullopt), 3);
  driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {"updates"})); });
  const Positions after = positions_of(*driver, group, chain_topics[0]);
  EXPECT_EQ(std::count(after.begin(), after.end(), std::nullopt), 3)
      << "another instance may commit its first one meanwhile";
}

// It came while the reset was written, and starts its tasks again after it.
TEST_P(Repartition, a_task_whose_part_reads_no_more_ends_and_says_why) {
  auto driver = open_chain(make_world());
  driver->deploy(chain(), [&] {
    const auto log = connect_shop(driver->world());
    log::Transaction transaction;
    transaction.set_position(log->group(group_with(*driver, "by-amount")).value(),
                             partitions_of(*driver, chain_topics[0]).front(), log::reads_no_more);
    ASSERT_TRUE(log->commit(transaction));
    Beside instance(driver->world(), chain());
    EXPECT_EQ(instance.run(), errc::topology_changed.name);
  });
}

TEST_P(Repartition, a_reset_needs_no_positions_that_a_cluster_has_forgotten) {
  auto driver = open_chain(make_world());
  if (!forgets_positions(*driver)) GTEST_SKIP() << "none is forgotten there";
  driver->deploy(chain(), [&] {
    driver->world().lose_positions(driver->tool().group(group_with(*driver, "updates")).value());
    ASSERT_TRUE(reset(*driver, {"updates"}));
  });
  driver->run_until_idle();
  EXPECT_THAT(chain_totals(*driver), ElementsAre(6, 6, 6));
}

}  // namespace
}  // namespace millrace::stream::test
