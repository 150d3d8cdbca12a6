// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/evolution.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manifest/part_shape.hpp"
#include "millrace/stream/topology.hpp"
#include "shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;
using testing::HasSubstr;

const TakenNames nothing_taken{[](const string&) { return false; },
                               [](const string&) { return false; }};

template <class Declare>
Topology built(Declare declare) {
  TopologyBuilder builder("shop");
  declare(builder);
  auto plan = builder.build();
  EXPECT_TRUE(plan) << plan.error().to_string();
  return *std::move(plan);
}

Topology counts(const string& topic, const string& store) {
  return built([&](auto& builder) {
    builder.template stream<string, Placed>(topic).group_by_key().count(store);
  });
}

Manifest manifest_of(const Topology& topology) {
  const auto evolution = evolve("shop", first_manifest(topology), std::nullopt, nothing_taken);
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
                         [](const string& topic) { return topic == "shop.returned.changelog"; }};
  auto evolution = evolve("shop", first_manifest(topology), before, taken);
  ASSERT_TRUE(evolution) << evolution.error().message();
  ASSERT_EQ(evolution->manifest.parts.size(), 2U);
  EXPECT_EQ(evolution->manifest.parts[0].state, "removed");
  const Manifest::Part& part = evolution->manifest.parts[1];
  EXPECT_EQ(part.number, 2);
  EXPECT_EQ(part.name, "returned-2");
  EXPECT_EQ(part.stores[0].changelog, "shop.returned-2.changelog");
  EXPECT_THAT(evolution->fresh, ElementsAre(1U));
  Topology named = topology;
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
  const auto evolution = evolve("shop", first_manifest(topology), before, nothing_taken);
  ASSERT_TRUE(evolution);
  ASSERT_EQ(evolution->manifest.parts.size(), 2U);
  EXPECT_EQ(evolution->manifest.parts[1].name, "counts-2");
  EXPECT_EQ(evolution->manifest.parts[1].stores[0].changelog, "shop.counts-2.changelog");
}

TEST(Evolve, refuses_state_whose_inputs_were_all_exchanged) {
  const auto evolution = evolve("shop", first_manifest(counts("returns", "counts")),
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
  const auto evolution = evolve("shop", first_manifest(now), manifest_of(before), nothing_taken);
  ASSERT_FALSE(evolution);
  EXPECT_THAT(evolution.error().message(), HasSubstr("--store last --store paid"));
  EXPECT_THAT(evolution.error().message(), HasSubstr("\n  value of store last"));
  EXPECT_THAT(evolution.error().message(), HasSubstr("\n  value of store paid"));
}

}  // namespace
}  // namespace millrace::stream::test
