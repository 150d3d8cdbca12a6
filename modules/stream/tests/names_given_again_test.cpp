// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Names in the manifest that several builds give to different things.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builds.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

TEST(Renames, find_a_name_in_that_of_its_topic_wherever_else_it_stands) {
  for (const string& name :
       std::vector<string>{"rep", "a", "shop", "repartition", ".", "shop.shop"}) {
    const Topology topology = built([&](auto& builder) {
      count_countries(builder, name);
      builder.was(name, "counts");
    });
    const Manifest shape = first_manifest(topology.plan());
    ASSERT_EQ(shape.channels.size(), 1U);
    EXPECT_THAT(shape.channels[0].was, Optional(ElementsAre("shop.counts.repartition"))) << name;
  }
}

TEST(Renames, leave_it_open_which_store_a_name_means_that_was_given_again) {
  const Declare a = [](auto& builder) { count_countries(builder, "a"); };
  const Declare b = [](auto& builder) {
    count_countries(builder, "b");
    builder.was("b", "a");
  };
  const Declare both = [](auto& builder) {
    count_countries(builder, "b");
    count_countries(builder, "a");
  };
  // The first build means b, one without b means a, and both declare the same.
  const auto back = evolved(built(a), after({a, b, both}));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code(), errc::topology_changed);
  EXPECT_THAT(back.error().message(),
              AllOf(HasSubstr("\n  stores of one name          b, a "),
                    HasSubstr("\n  private topics of one name  shop.b.repartition, ")));
  const Declare c = [](auto& builder) {
    count_countries(builder, "c");
    builder.was("c", "a");
  };
  EXPECT_FALSE(evolved(built(c), after({a, b, both})));
  EXPECT_TRUE(evolved(built(b), after({a, b, both})));
  // As the refusal says.
  const Declare b_and_c = [](auto& builder) {
    count_countries(builder, "b");
    count_countries(builder, "c");
    builder.was("c", "a");
  };
  EXPECT_TRUE(evolved(built(c), after({a, b, both, b_and_c})));
  EXPECT_FALSE(evolved(built(a), after({a, b, both, b_and_c})));
}

// Orders in a part of their own beside one of returns with these stores.
Declare shop(const string& of_orders, const string& was, const std::vector<string>& of_returns) {
  return [=](TopologyBuilder& builder) {
    if (!of_orders.empty()) count(builder, of_orders);
    if (!was.empty()) builder.was(of_orders, was);
    for (const string& store : of_returns)
      count(builder, store, "returns");
  };
}

TEST(Renames, of_a_part_that_is_gone_are_none_of_another_part) {
  const std::vector<Declare> gone{shop("a", "", {"c"}), shop("b", "a", {"c"}), shop("", "", {"c"})};
  std::vector<Declare> builds = gone;
  builds.push_back(shop("", "", {"c", "b"}));
  const Manifest before = after(builds);
  Topology topology = built(shop("", "", {"c", "b", "a"}));
  const auto evolution = evolved(topology, before);
  ASSERT_TRUE(evolution) << evolution.error().message();
  ASSERT_EQ(evolution->manifest.parts.size(), 2U);
  EXPECT_EQ(evolution->manifest.parts[0].stores[0].name, "b");
  std::vector<string> names;
  for (const Manifest::Store& store : evolution->manifest.parts[1].stores)
    names.push_back(store.name);
  ASSERT_THAT(names, ElementsAre("c", "b", "a"));
  Plan named = topology.plan();
  take_names(*evolution, named);
  EXPECT_EQ(named.stores[1].changelog, before.parts[1].stores[1].changelog);
  EXPECT_NE(named.stores[2].changelog, "shop.a.changelog");
  // Where it comes back, it is found by each of its names.
  builds = gone;
  builds.push_back(shop("a", "", {"c"}));
  EXPECT_EQ(after(builds).parts[0].stores[0].name, "a");
  EXPECT_EQ(after(builds).parts[0].stores[0].changelog, "shop.a.changelog");
  // Its name in the log is another store's now.
  const auto refused = evolved(built(shop("a", "", {"c", "b"})), before);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("\n  name of a store of part a  b       a"));
}

TEST(Renames, to_a_name_that_is_left_of_a_removed_store_keep_the_topic) {
  const Manifest manifest = after({[](auto& builder) { count_countries(builder, "totals"); },
                                   [](auto& builder) {
                                     count_countries(builder, "totals");
                                     count_countries(builder, "totals2");
                                   },
                                   [](auto& builder) { count_countries(builder, "totals2"); },
                                   [](auto& builder) {
                                     count_countries(builder, "totals");
                                     builder.was("totals", "totals2");
                                   }});
  ASSERT_EQ(manifest.parts.size(), 3U);
  EXPECT_EQ(manifest.parts[1].state, "removed");
  EXPECT_EQ(manifest.parts[2].stores[0].changelog, "shop.totals2.changelog");
  EXPECT_THAT(manifest.parts[2].sources, ElementsAre("shop.totals2.repartition"));
  EXPECT_THAT(manifest.channels[1].name, Optional(string("shop.totals.repartition")));
}

Declare ticking_both(const string& first, const string& second, const string& was = {}) {
  return [=](TopologyBuilder& builder) {
    const auto orders = builder.stream<string, Placed>("orders");
    for (const string& name : {first, second})
      orders.process<Ticker>(name);
    if (!was.empty()) builder.was(first, was);
  };
}

TEST(Renames, of_a_processor_leave_its_timers_to_it_when_another_takes_its_name) {
  const std::vector<Declare> builds{ticking("a"), ticking("b", "a"), ticking_both("b", "a")};
  const Manifest manifest = after(builds);
  ASSERT_EQ(manifest.parts[0].processors->size(), 2U);
  EXPECT_THAT(manifest.parts[0].processors->at(0).timers, Optional(string("a")));
  EXPECT_THAT(manifest.parts[0].processors->at(1).timers, Optional(string("a-2")));
  EXPECT_FALSE(evolved(built(ticking_both("b", "a")), manifest)->changed);
  const auto back = evolved(built(ticking("a")), manifest);
  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().message(), HasSubstr("\n  processors of part a of one name  b, a "));
}

TEST(Renames, of_a_processor_leave_its_timers_to_it_when_another_part_takes_its_name) {
  const Manifest manifest =
      after({ticking("a"), ticking("b", "a"), [](auto& builder) {
               ticking("b")(builder);
               builder.template stream<string, Placed>("returns").template process<Ticker>("a");
             }});
  ASSERT_EQ(manifest.parts.size(), 2U);
  EXPECT_THAT(manifest.parts[0].processors->at(0).timers, Optional(string("a")));
  EXPECT_THAT(manifest.parts[1].processors->at(0).timers, Optional(string("a-2")));
}

TEST(Renames, of_a_processor_beside_the_one_that_it_was_are_refused) {
  const auto evolution = evolved(built(ticking("b", "a")), after({ticking_both("a", "b")}));
  ASSERT_FALSE(evolution);
  EXPECT_THAT(evolution.error().message(),
              HasSubstr("\n  processors of part a that became one  a, b    b"));
}

}  // namespace
}  // namespace millrace::stream::test
