// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Names that change from build to build, in the manifest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builds.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Optional;

TEST(Renames, keep_number_name_and_changelog) {
  const Manifest manifest = after({[](auto& builder) { count(builder, "counts"); },
                                   [](auto& builder) {
                                     count(builder, "totals");
                                     builder.was("totals", "counts");
                                   }});
  ASSERT_EQ(manifest.parts.size(), 1U);
  const Manifest::Part& part = manifest.parts[0];
  EXPECT_EQ(part.number, 1);
  EXPECT_EQ(part.name, "counts");
  ASSERT_EQ(part.stores.size(), 1U);
  EXPECT_EQ(part.stores[0].name, "totals");
  EXPECT_EQ(part.stores[0].changelog, "shop.counts.changelog");
  EXPECT_THAT(part.stores[0].was, Optional(ElementsAre("counts")));
  EXPECT_EQ(manifest.version, 3);
}

TEST(Renames, reach_the_plan_that_runs) {
  Topology topology = built([](auto& builder) {
    count_countries(builder, "by-land");
    builder.was("by-land", "by-country");
  });
  const auto evolution =
      evolved(topology, after({[](auto& builder) { count_countries(builder, "by-country"); }}));
  ASSERT_TRUE(evolution) << evolution.error().message();
  EXPECT_THAT(evolution->notes, Contains(HasSubstr("private topic shop.by-country.repartition is "
                                                   "called shop.by-land.repartition now")));
  Plan named = topology.plan();
  take_names(*evolution, named);
  EXPECT_EQ(named.stores[0].name, "by-land");
  EXPECT_EQ(named.stores[0].changelog, "shop.by-country.changelog");
  EXPECT_EQ(named.sinks[0].topic.name, "shop.by-country.repartition");
  EXPECT_EQ(named.sources[1].topic, "shop.by-country.repartition");
  EXPECT_EQ(named.own_topics[0].name, "shop.by-country.repartition");
  EXPECT_EQ(named.sub_topologies[1].name, "by-country");
}

TEST(Renames, of_renamed_stores_are_chained) {
  const Declare a = [](auto& builder) { count_countries(builder, "a"); };
  const Declare b = [](auto& builder) {
    count_countries(builder, "b");
    builder.was("b", "a");
  };
  // Some authors name the last name alone, some all, and some only the first.
  const auto c = [](std::vector<string> was) -> Declare {
    return [was](auto& builder) {
      count_countries(builder, "c");
      for (const string& old : was)
        builder.was("c", old);
    };
  };
  for (const std::vector<Declare>& builds : std::vector<std::vector<Declare>>{
           {a, b, c({"b"})}, {a, b, c({"b", "a"})}, {a, b, c({"a"})}, {a, c({"b", "a"})}}) {
    const Manifest manifest = after(builds);
    ASSERT_EQ(manifest.parts.size(), 2U);
    EXPECT_EQ(manifest.parts[1].name, "a");
    ASSERT_EQ(manifest.parts[1].stores.size(), 1U);
    EXPECT_EQ(manifest.parts[1].stores[0].name, "c");
    EXPECT_EQ(manifest.parts[1].stores[0].changelog, "shop.a.changelog");
    ASSERT_EQ(manifest.channels.size(), 1U);
    EXPECT_EQ(manifest.channels[0].topic, "shop.a.repartition");
    EXPECT_THAT(manifest.channels[0].name, Optional(string("shop.c.repartition")));
  }
}

TEST(Renames, are_taken_back_by_the_build_before) {
  const Declare a = [](auto& builder) { count_countries(builder, "a"); };
  const Declare b = [](auto& builder) {
    count_countries(builder, "b");
    builder.was("b", "a");
  };
  const Manifest back = after({a, b, a});
  EXPECT_EQ(back.parts[1].stores[0].name, "a");
  EXPECT_THAT(back.parts[1].stores[0].was, Optional(ElementsAre("b")));
  EXPECT_EQ(back.channels[0].name, std::nullopt);
  const Manifest forth = after({a, b, a, b});
  ASSERT_EQ(forth.parts.size(), 2U);
  EXPECT_EQ(forth.parts[1].stores.size(), 1U);
  EXPECT_EQ(forth.parts[1].stores[0].name, "b");
  ASSERT_EQ(forth.channels.size(), 1U);
  EXPECT_THAT(forth.channels[0].name, Optional(string("shop.b.repartition")));
}

TEST(Renames, are_known_to_a_new_log_so_that_the_build_before_can_come) {
  const Declare b = [](auto& builder) {
    count_countries(builder, "b");
    ticking("tock", "tick")(builder);
    builder.was("b", "a");
  };
  const Manifest born = after({b});
  EXPECT_THAT(born.parts[1].stores[0].was, Optional(ElementsAre("a")));
  EXPECT_EQ(born.version, 3);
  const Manifest back = after({b, [](auto& builder) {
                                 count_countries(builder, "a");
                                 ticking("tick")(builder);
                               }});
  ASSERT_EQ(back.parts.size(), 2U);
  ASSERT_EQ(back.parts[1].stores.size(), 1U);
  EXPECT_EQ(back.parts[1].stores[0].name, "a");
  EXPECT_EQ(back.parts[1].stores[0].changelog, "shop.b.changelog");
  EXPECT_THAT(back.parts[0].processors->front().timers, Optional(string("tock")));
}

TEST(Renames, write_nothing_when_repeated_or_on_a_new_log) {
  const Declare b = [](auto& builder) {
    count_countries(builder, "b");
    builder.was("b", "a");
  };
  const Manifest born = after({b});
  EXPECT_EQ(born.parts[1].stores[0].changelog, "shop.b.changelog");
  for (const Manifest& manifest :
       {born, after({[](auto& builder) { count_countries(builder, "a"); }, b})}) {
    const auto evolution = evolved(built(b), manifest);
    ASSERT_TRUE(evolution);
    EXPECT_FALSE(evolution->changed);
  }
}

TEST(Renames, leave_an_old_name_to_another_store) {
  const Declare again = [](auto& builder) {
    count_countries(builder, "b");
    builder.template stream<string, Paid>("payments")
        .group_by([](const Paid& paid) { return paid.amount; })
        .count("a");
  };
  const Manifest manifest = after({[](auto& builder) { count_countries(builder, "a"); },
                                   [](auto& builder) {
                                     count_countries(builder, "b");
                                     builder.was("b", "a");
                                   },
                                   again});
  ASSERT_EQ(manifest.channels.size(), 2U);
  EXPECT_EQ(manifest.channels[0].topic, "shop.a.repartition");
  EXPECT_EQ(manifest.channels[1].topic, "shop.a.repartition-2");
  ASSERT_EQ(manifest.parts.size(), 4U);
  EXPECT_THAT(manifest.parts[3].sources, ElementsAre("shop.a.repartition-2"));
  EXPECT_NE(manifest.parts[3].stores[0].changelog, "shop.a.changelog");
  const auto same = evolved(built(again), manifest);
  ASSERT_TRUE(same) << same.error().message();
  EXPECT_FALSE(same->changed);
}

TEST(Renames, of_a_store_beside_the_one_that_it_was_are_refused) {
  const auto evolution = evolved(built([](auto& builder) {
                                   count(builder, "b");
                                   builder.was("b", "a");
                                 }),
                                 after({[](auto& builder) {
                                   count(builder, "a");
                                   count(builder, "b");
                                 }}));
  ASSERT_FALSE(evolution);
  EXPECT_EQ(evolution.error().code(), errc::topology_changed);
  EXPECT_THAT(evolution.error().message(), HasSubstr("\n  stores that became one  a, b    b"));
}

TEST(Renames, that_are_not_said_are_refused_with_the_words_to_say) {
  const auto evolution = evolved(built([](auto& builder) { count(builder, "totals"); }),
                                 after({[](auto& builder) { count(builder, "counts"); }}));
  ASSERT_FALSE(evolution);
  EXPECT_THAT(evolution.error().message(), HasSubstr("builder.was(\"totals\", \"counts\")"));
  const auto two = evolved(built([](auto& builder) {
                             count(builder, "c");
                             count(builder, "d");
                           }),
                           after({[](auto& builder) {
                             count(builder, "a");
                             count(builder, "b");
                           }}));
  ASSERT_FALSE(two);
  EXPECT_THAT(two.error().message(),
              AllOf(HasSubstr("builder.was(NEW, OLD)"), Not(HasSubstr("builder.was(\""))));
}

TEST(Renames, of_a_processor_leave_its_timers_their_names) {
  Topology topology = built(ticking("watch", "ticker"));
  const auto evolution = evolved(topology, after({ticking("ticker")}));
  ASSERT_TRUE(evolution) << evolution.error().message();
  EXPECT_THAT(evolution->notes, ElementsAre(HasSubstr("processor ticker of part ticker")));
  Plan named = topology.plan();
  take_names(*evolution, named);
  EXPECT_EQ(named.nodes[1].name, "watch");
  EXPECT_EQ(named.nodes[1].timers, "ticker");
  const Manifest chained = after({ticking("a"), ticking("b", "a"), ticking("c", "b")});
  EXPECT_THAT(chained.parts[0].processors->front().timers, Optional(string("a")));
  const Manifest back = after({ticking("a"), ticking("b", "a"), ticking("a")});
  EXPECT_EQ(back.parts[0].processors->front().timers, std::nullopt);
}

TEST(Renames, of_a_processor_that_an_earlier_build_did_not_list_keep_its_timers) {
  Manifest before = after({ticking("ticker")});
  before.parts[0].processors.reset();
  const auto evolution = evolved(built(ticking("watch", "ticker")), before);
  ASSERT_TRUE(evolution) << evolution.error().message();
  EXPECT_THAT(evolution->manifest.parts[0].processors->front().timers, Optional(string("ticker")));
  const auto listed = evolved(built(ticking("ticker")), before);
  ASSERT_TRUE(listed);
  EXPECT_TRUE(listed->changed);
  EXPECT_EQ(listed->manifest.parts[0].processors->size(), 1U);
  const auto unclear = evolved(built([](auto& builder) {
                                 ticking("watch", "ticker")(builder);
                                 builder.was("watch", "clock");
                               }),
                               before);
  ASSERT_FALSE(unclear);
  EXPECT_THAT(unclear.error().message(), HasSubstr("\n  processor watch  not listed  was "));
}

TEST(Renames, are_shown_with_both_names_when_something_else_is_refused) {
  const auto bank = [](const string& store, const string& processor, std::int64_t version) {
    return [=](TopologyBuilder& builder) {
      count(builder, store);
      ticking(processor)(builder);
      builder.version(store, version).version(processor, version);
    };
  };
  const auto evolution = evolved(built([&](auto& builder) {
                                   bank("totals", "tock", 2)(builder);
                                   builder.was("totals", "counts").was("tock", "tick");
                                 }),
                                 after({bank("counts", "tick", 1)}));
  ASSERT_FALSE(evolution);
  EXPECT_THAT(evolution.error().message(),
              AllOf(HasSubstr("\n  version of store counts (totals here)  "),
                    HasSubstr("\n  version of processor tick (tock here)  "),
                    HasSubstr("millrace topology accept shop counts 2")));
}

TEST(Renames, of_a_store_leave_its_name_to_a_processor) {
  const Declare together = [](auto& builder) {
    count(builder, "bank");
    ticking("bank")(builder);
  };
  const auto evolution = evolved(built([](auto& builder) {
                                   count(builder, "accounts");
                                   ticking("bank")(builder);
                                   builder.was("accounts", "bank");
                                 }),
                                 after({together}));
  ASSERT_TRUE(evolution) << evolution.error().message();
  EXPECT_EQ(evolution->manifest.parts[0].stores[0].name, "accounts");
  EXPECT_EQ(evolution->manifest.parts[0].stores[0].changelog, "shop.bank.changelog");
  EXPECT_EQ(evolution->manifest.parts[0].processors->front().name, "bank");
}

TEST(BadTopology, tells_of_renames_that_cannot_be) {
  EXPECT_THAT(refused([](auto& builder) {
                count(builder, "counts");
                builder.was("totals", "counts");
              }),
              HasSubstr("was() or version() speaks of 'totals'"));
  EXPECT_THAT(refused([](auto& builder) {
                count(builder, "a");
                count(builder, "b");
                builder.was("b", "a");
              }),
              AllOf(HasSubstr("'b' was 'a', and 'a' is still there: give that one another name"),
                    Not(HasSubstr("leave was() out"))));
  EXPECT_THAT(refused([](auto& builder) {
                count(builder, "b");
                count(builder, "c");
                builder.was("b", "a").was("c", "a");
              }),
              HasSubstr("'c' was 'a', and so was 'b': only one of them continues it"));
  EXPECT_THAT(refused([](auto& builder) {
                count(builder, "b");
                builder.was("b", "b");
              }),
              HasSubstr("'b' was 'b': name what it was called before"));
}

Declare versioned(std::int64_t version) {
  return [=](TopologyBuilder& builder) {
    count(builder, "counts");
    builder.version("counts", version);
  };
}

TEST(Versions, that_differ_are_refused_with_what_can_be_done) {
  const auto higher = evolved(built(versioned(2)), after({versioned(1)}));
  ASSERT_FALSE(higher);
  EXPECT_THAT(higher.error().message(),
              AllOf(HasSubstr("\n  version of store counts  1       2"),
                    HasSubstr("millrace topology accept shop counts 2"),
                    HasSubstr("millrace topology reset shop --store counts")));
  const auto lower = evolved(built(versioned(1)), after({versioned(2)}));
  ASSERT_FALSE(lower);
  EXPECT_THAT(lower.error().message(), AllOf(HasSubstr("This build is older than the state"),
                                             HasSubstr("topology accept shop counts 1")));
  EXPECT_TRUE(evolved(built(versioned(2)), after({versioned(2)})));
}

TEST(Versions, of_processors_are_compared_too) {
  const auto with = [](std::int64_t version) -> Declare {
    return [=](TopologyBuilder& builder) {
      ticking("ticker")(builder);
      builder.version("ticker", version);
    };
  };
  const auto evolution = evolved(built(with(2)), after({with(1)}));
  ASSERT_FALSE(evolution);
  EXPECT_THAT(evolution.error().message(), HasSubstr("version of processor ticker  1       2"));
}

TEST(Versions, of_processors_are_compared_with_a_list_that_is_written_first) {
  const Declare raised = [](auto& builder) {
    ticking("ticker")(builder);
    builder.version("ticker", 2);
  };
  Manifest before = after({ticking("ticker")});
  before.parts[0].processors.reset();
  const auto unknown = evolved(built(raised), before);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(),
              AllOf(HasSubstr("\n  processor ticker  not listed  version 2"),
                    HasSubstr("first start a build that has them with the names and versions of "
                              "before"),
                    Not(HasSubstr("topology accept"))));
  // One that is new needs no list where there was none.
  const auto both = [&](auto& builder) {
    count(builder, "counts");
    raised(builder);
  };
  EXPECT_TRUE(evolved(built(both), after({[](auto& builder) { count(builder, "counts"); }})));
}

TEST(Versions, raise_that_of_the_manifest_only_when_they_are_used) {
  EXPECT_EQ(after({versioned(1)}).version, 1);
  EXPECT_EQ(after({versioned(2)}).version, 3);
  EXPECT_EQ(first_manifest(built(versioned(2)).plan()).version, 3);
}

TEST(BadTopology, tells_of_versions_that_cannot_be) {
  EXPECT_THAT(refused(versioned(0)), HasSubstr("version 0 of 'counts'"));
  EXPECT_THAT(refused(versioned((std::int64_t{1} << 53U) + 1)),
              HasSubstr("versions are counted from 1 to 9007199254740992"));
  EXPECT_THAT(refused([](auto& builder) {
                builder.template stream<string, Placed>("orders").repartition("again").to("copies");
                builder.version("again", 2);
              }),
              HasSubstr("only stores and processors have versions"));
  for (const std::int64_t first : {1, 2}) {
    EXPECT_THAT(refused([&](auto& builder) {
                  count(builder, "counts");
                  builder.version("counts", first).version("counts", 3);
                }),
                HasSubstr("'counts' is given two versions, " + std::to_string(first) + " and 3"));
  }
}

}  // namespace
}  // namespace millrace::stream::test
