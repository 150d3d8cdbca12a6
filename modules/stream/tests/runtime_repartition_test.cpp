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
#include "runtime_migrations.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;

class Repartition : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Repartition, testing::ValuesIn(runtime_backends()), backend_name);

/// Three parts, each behind the one before: those of counts, by-amount and updates.
Topology chain() {
  return topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    orders(builder)
        .group_by([](const Deposited& order) { return order.amount; })
        .count("by-amount")
        .to_stream()
        .group_by([](std::int64_t) { return string("all"); })
        .count("updates");
    returns(builder).group_by_key().count("returned");
  });
}

const std::vector<string> chain_topics = {"shop.by-amount.repartition", "shop.updates.repartition"};

std::vector<std::int64_t> chain_totals(Driver& driver) {
  return {counted(driver),
          driver.store<std::int64_t, std::int64_t>("by-amount").get(100).value_or(0),
          counted(driver, "updates")};
}

std::vector<log::TopicPartition> partitions_of(Driver& driver, const string& topic) {
  const auto found = driver.tool().find_topic(topic);
  if (!found) throw std::runtime_error(found.error().to_string());
  std::vector<log::TopicPartition> partitions;
  for (std::int32_t i = 0; i < found->spec.partitions; ++i)
    partitions.push_back({found->id, log::partition(i)});
  return partitions;
}

/// What the topic holds by now is removed.
void remove_all(Driver& driver, const string& topic) {
  for (const log::TopicPartition partition : partitions_of(driver, topic))
    driver.world().remove_before(partition, driver.tool().end_offset(partition).value());
}

/// The group of the live part that has the store.
string group_with(Driver& driver, const string& store) {
  const auto manifest = read_manifest(driver.tool(), "shop");
  for (const Manifest::Part& part : (*manifest)->parts) {
    for (const Manifest::Store& one : part.stores) {
      if (part.state == "live" && one.name == store) return "shop/" + part.name;
    }
  }
  throw std::runtime_error("no live part has " + store);
}

using Positions = std::vector<std::optional<log::Offset>>;

Positions positions_of(Driver& driver, const string& group, const string& topic) {
  return driver.tool()
      .positions(driver.tool().group(group).value(), partitions_of(driver, topic))
      .value();
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

/// Repartitions have as many partitions as what was given back.
std::unique_ptr<Driver> open_shops(std::unique_ptr<RuntimeWorld> world, Topology topology) {
  auto driver = open_shop(std::move(world), std::move(topology));
  driver->declare_topic("returns", "counter", 4);
  driver->run_until_idle();
  return driver;
}

std::unique_ptr<Driver> open_chain(std::unique_ptr<RuntimeWorld> world) {
  auto driver = open_shops(std::move(world), chain());
  give_back(*driver, 0, 3);
  order(*driver, 0, 6);
  return driver;
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

TEST_P(Repartition, a_reset_takes_in_what_writes_to_the_part_and_nothing_beside_it) {
  auto driver = open_chain(make_world());
  ASSERT_TRUE(driver->instance().close());
  for (const char* const store : {"counts", "by-amount", "updates"}) {
    const auto chosen = choose_parts(**read_manifest(driver->tool(), "shop"), {store});
    ASSERT_TRUE(chosen);
    std::vector<string> parts;
    for (const Manifest::Part& part : chosen->parts)
      parts.push_back(part.name);
    EXPECT_THAT(parts, testing::UnorderedElementsAre("counts", "by-amount", "updates")) << store;
  }
  const auto alone = choose_parts(**read_manifest(driver->tool(), "shop"), {"returned"});
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->parts.size(), 1U);
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

TEST_P(Repartition, a_part_that_was_reset_holds_none_of_it) {
  auto driver = open_chain(make_world());
  const string old = group_with(*driver, "updates");
  const string old_counts = group_with(*driver, "counts");
  Positions in_orders;
  driver->deploy(chain(), [&] {
    in_orders = positions_of(*driver, old_counts, "orders");
    ASSERT_TRUE(reset(*driver, {"updates"}));
  });
  order(*driver, 6, 9);
  ASSERT_NE(group_with(*driver, "updates"), old);
  for (const string store : {"by-amount", "updates"}) {
    const string topic = "shop." + store + ".repartition";
    EXPECT_EQ(smallest_positions(*driver, topic),
              positions_of(*driver, group_with(*driver, store), topic));
  }
  EXPECT_EQ(positions_of(*driver, old_counts, "orders"), in_orders)
      << "a rebuild takes other inputs as they were taken";
}

TEST_P(Repartition, parts_that_were_migrated_hold_none_of_it) {
  auto driver = open_shops(make_world(), moving(true, false));
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

TEST_P(Repartition, a_reset_needs_no_positions_that_a_cluster_has_forgotten) {
  auto driver = open_chain(make_world());
  driver->deploy(chain(), [&] {
    driver->world().lose_positions(driver->tool().group(group_with(*driver, "updates")).value());
    ASSERT_TRUE(reset(*driver, {"updates"}));
  });
  driver->run_until_idle();
  EXPECT_THAT(chain_totals(*driver), ElementsAre(6, 6, 6));
}

TEST_P(Repartition, a_reset_of_what_a_build_without_a_manifest_left_ends_all_its_groups) {
  const auto world = make_world();
  const auto log = connect_shop(*world);
  const auto topic = log->create_topic({moved_topic, 2, log::TopicKind::private_topic, "shop"});
  ASSERT_TRUE(topic);
  const log::TopicPartition partition{topic->id, log::partition(1)};
  const log::GroupId ours = log->group("shop/moved").value();
  const log::GroupId other = log->group("shopping/moved").value();
  log::Transaction transaction;
  transaction.append(partition, {1'000, "customer-1", "value", {}});
  transaction.set_position(ours, partition, log::offset(1));
  transaction.set_position(other, partition, log::offset(1));
  ASSERT_TRUE(log->commit(transaction));
  hear_of_all(*log);
  ASSERT_TRUE(reset_topology(*log, "shop", {}, false));
  hear_of_all(*log);
  EXPECT_EQ(log->position(ours, partition).value(), log::reads_no_more);
  EXPECT_EQ(log->position(other, partition).value(), log::offset(1));
}

}  // namespace
}  // namespace millrace::stream::test
