// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/evolution.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builds.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;
using testing::HasSubstr;

Topology counts(const string& topic, const string& store) {
  return built([&](auto& builder) {
    builder.template stream<string, Placed>(topic).group_by_key().count(store);
  });
}

Manifest manifest_of(const Topology& topology) {
  const auto evolution =
      evolve("shop", first_manifest(topology.plan()), std::nullopt, nothing_taken);
  EXPECT_TRUE(evolution);
  return evolution->manifest;
}

TEST(Evolve, adopts_the_names_of_the_build_where_there_is_no_manifest) {
  const Manifest manifest = manifest_of(counts("orders", "counts"));
  EXPECT_EQ(manifest.revision, 1);
  ASSERT_EQ(manifest.parts.size(), 1U);
  EXPECT_EQ(manifest.parts[0].number, 1);
  EXPECT_EQ(manifest.parts[0].name, "counts");
  EXPECT_THAT(manifest.parts[0].sources, ElementsAre("orders"));
  EXPECT_EQ(manifest.parts[0].stores[0].changelog, "shop.counts.changelog");
  EXPECT_EQ(manifest.parts[0].stores[0].value, "int64");
}

TEST(Evolve, gives_a_new_part_a_name_that_nothing_in_the_log_has) {
  const Manifest before = manifest_of(counts("orders", "counts"));
  const Topology topology = counts("returns", "returned");
  const TakenNames taken{[](const string& group) { return group == "shop/returned"; },
                         [](const string& topic) { return topic == "shop.returned.changelog"; },
                         [](const string&) { return false; }};
  auto evolution = evolve("shop", first_manifest(topology.plan()), before, taken);
  ASSERT_TRUE(evolution) << evolution.error().message();
  ASSERT_EQ(evolution->manifest.parts.size(), 2U);
  EXPECT_EQ(evolution->manifest.parts[0].state, "removed");
  const Manifest::Part& part = evolution->manifest.parts[1];
  EXPECT_EQ(part.number, 2);
  EXPECT_EQ(part.name, "returned-2");
  EXPECT_EQ(part.stores[0].changelog, "shop.returned-2.changelog");
  EXPECT_THAT(evolution->fresh, ElementsAre(1U));
  Plan named = topology.plan();
  take_names(*evolution, named);
  EXPECT_EQ(named.sub_topologies[0].name, "returned-2");
  EXPECT_EQ(named.stores[0].changelog, "shop.returned-2.changelog");
  for (const log::TopicSpec& topic : named.own_topics)
    EXPECT_NE(topic.name, "shop.returned.changelog");
}

TEST(Evolve, never_continues_a_part_that_was_reset) {
  const Topology topology = counts("orders", "counts");
  Manifest before = manifest_of(topology);
  before.parts[0].state = "reset";
  const auto evolution = evolve("shop", first_manifest(topology.plan()), before, nothing_taken);
  ASSERT_TRUE(evolution);
  ASSERT_EQ(evolution->manifest.parts.size(), 2U);
  EXPECT_EQ(evolution->manifest.parts[1].name, "counts-2");
  EXPECT_EQ(evolution->manifest.parts[1].stores[0].changelog, "shop.counts-2.changelog");
}

// What build after build makes of the manifest; each of its changes is named.
TEST(Evolve, names_whatever_it_changes_in_the_manifest) {
  const auto processor = [](auto& builder, const string& name) {
    builder.template stream<string, Placed>("orders").template process<Ticker>(name);
  };
  const auto expect_notes = [](const Topology& now, const Manifest& before) {
    const auto evolution = evolve("shop", first_manifest(now.plan()), before, nothing_taken);
    ASSERT_TRUE(evolution) << evolution.error().message();
    EXPECT_TRUE(evolution->changed);
    EXPECT_FALSE(evolution->notes.empty());
  };
  const Topology one = built([&](auto& builder) { processor(builder, "tick"); });
  const Topology two = built([&](auto& builder) {
    processor(builder, "tick");
    processor(builder, "tock");
  });
  const Topology other_order = built([&](auto& builder) {
    processor(builder, "tock");
    processor(builder, "tick");
  });
  const Topology writing = built([&](auto& builder) {
    processor(builder, "tick");
    builder.template stream<string, Placed>("orders").to_private("passed");
  });
  expect_notes(two, manifest_of(one));
  expect_notes(one, manifest_of(two));
  expect_notes(other_order, manifest_of(two));
  expect_notes(writing, manifest_of(one));
  expect_notes(one, manifest_of(writing));
  Manifest unlisted = manifest_of(one);
  unlisted.parts[0].processors.reset();
  expect_notes(one, unlisted);
  // As a reset leaves it.
  Manifest untyped = manifest_of(writing);
  untyped.channels[0].key.clear();
  untyped.channels[0].value.clear();
  expect_notes(writing, untyped);
  Manifest counted = manifest_of(one);
  counted.parts[0].partitions = 4;
  expect_notes(one, counted);
}

TEST(Evolve, refuses_state_whose_inputs_were_all_exchanged) {
  const auto evolution = evolve("shop", first_manifest(counts("returns", "counts").plan()),
                                manifest_of(counts("orders", "counts")), nothing_taken);
  ASSERT_FALSE(evolution);
  EXPECT_EQ(evolution.error().code(), errc::topology_changed);
  EXPECT_THAT(evolution.error().message(), HasSubstr("inputs of part counts"));
}

TEST(Evolve, shows_all_that_differs_in_columns) {
  const auto before = built([](auto& builder) {
    builder.template stream<string, Placed>("orders").to_table("last");
    builder.template stream<string, Paid>("payments").to_table("paid");
  });
  const auto now = built([](auto& builder) {
    builder.template stream<string, Placed>("orders").group_by_key().count("last");
    builder.template stream<string, Paid>("payments").group_by_key().count("paid");
  });
  const auto evolution =
      evolve("shop", first_manifest(now.plan()), manifest_of(before), nothing_taken);
  ASSERT_FALSE(evolution);
  EXPECT_THAT(evolution.error().message(), HasSubstr("--store last --store paid"));
  EXPECT_THAT(evolution.error().message(), HasSubstr("\n  value of store last"));
  EXPECT_THAT(evolution.error().message(), HasSubstr("\n  value of store paid"));
}

Topology with_last() {
  return built([](auto& builder) {
    auto orders = builder.template stream<string, Placed>("orders");
    orders.group_by_key().count("counts");
    orders.to_table("last");
  });
}

TEST(Evolve, removes_no_store_while_others_may_write_its_changelog) {
  const Manifest before = manifest_of(with_last());
  TakenNames taken = nothing_taken;
  taken.has_members = [](const string& group) { return group == "shop/counts"; };
  const auto shared =
      evolve("shop", first_manifest(counts("orders", "counts").plan()), before, taken);
  ASSERT_TRUE(shared);
  EXPECT_FALSE(shared->changed);
  EXPECT_THAT(shared->notes, ElementsAre(HasSubstr("stays as long as other instances run")));
  const auto alone =
      evolve("shop", first_manifest(counts("orders", "counts").plan()), before, nothing_taken);
  ASSERT_TRUE(alone);
  EXPECT_TRUE(alone->changed);
}

TEST(Evolve, gives_two_stores_of_a_new_part_two_changelogs) {
  const Topology both = built([](auto& builder) {
    auto orders = builder.template stream<string, Placed>("orders");
    orders.group_by_key().count("a");
    orders.group_by_key().count("a-2");
  });
  TakenNames taken = nothing_taken;
  taken.topic = [](const string& topic) { return topic == "shop.a.changelog"; };
  const auto evolution = evolve("shop", first_manifest(both.plan()),
                                manifest_of(counts("returns", "returned")), taken);
  ASSERT_TRUE(evolution);
  const auto& stores = evolution->manifest.parts.back().stores;
  ASSERT_EQ(stores.size(), 2U);
  EXPECT_NE(stores[0].changelog, stores[1].changelog);
}

TEST(Evolve, takes_no_table_of_another_topic_for_a_store_that_was_renamed) {
  const auto joined = [](const string& topic, const string& table) {
    return built([&](auto& builder) {
      const auto payments = builder.template table<string, Paid>(topic, table);
      builder.template stream<string, Placed>("orders")
          .join(payments, [](const Placed& placed, const Paid&) { return placed; })
          .to("shop.paid");
    });
  };
  const auto evolution = evolve("shop", first_manifest(joined("cards", "by-card").plan()),
                                manifest_of(joined("cash", "in-cash")), nothing_taken);
  EXPECT_TRUE(evolution) << evolution.error().message();
}

TEST(Evolve, takes_the_name_of_the_manifest_from_no_topic_of_the_user) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").to_private("manifest");
  const auto plan = builder.build();
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message(), HasSubstr("to_private(\"manifest\")"));
  EXPECT_THAT(plan.error().message(), HasSubstr("choose another one"));
}

}  // namespace
}  // namespace millrace::stream::test
