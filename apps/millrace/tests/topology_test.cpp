// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "commands/commands.hpp"
#include "commands/migrate.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/stream/manifest.hpp"
#include "millrace/stream/topology.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;

struct Placed {
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Placed, (), (total))

class TopologyCommand : public testing::Test {
 protected:
  void SetUp() override {
    shop.topic("orders", "orders", log::TopicKind::events);
    start();
    instance.reset();
  }
  void start() {
    stream::TopologyBuilder builder("stock");
    builder.stream<std::string, Placed>("orders").group_by_key().count("counts");
    auto opened = stream::Instance::open(shop.service("stock"), *builder.build(), {},
                                         {shop.clock, real_file_system(), shop.random, {}});
    ASSERT_TRUE(opened) << opened.error().to_string();
    instance = *std::move(opened);
  }
  Shop shop;
  std::unique_ptr<stream::Instance> instance;
};

TEST_F(TopologyCommand, shows_parts_and_stores_with_their_types) {
  Screen screen;
  ASSERT_TRUE(show_topology(*shop.tool, {.service = "stock", .stores = {}}, screen.out));
  EXPECT_THAT(
      lines_of(screen.text),
      ElementsAre(
          "service stock: 1 part, revision 1", "", "PART    NUMBER  STATE  READS   STORES",
          "counts       1  live   orders  counts", "",
          "STORE   PART    KIND       KEY     VALUE  SERDE   WINDOW  CHANGELOG               STATE",
          "counts  counts  key-value  string  int64  binary       -  stock.counts.changelog  "
          "live"));
}

TEST_F(TopologyCommand, shows_the_manifest_as_json) {
  Screen screen;
  ASSERT_TRUE(
      show_topology(*shop.tool, {.service = "stock", .stores = {}, .json = true}, screen.out));
  EXPECT_TRUE(is_json(screen.text)) << screen.text;
  EXPECT_THAT(screen.text, HasSubstr(R"("changelog":"stock.counts.changelog")"));
}

TEST_F(TopologyCommand, says_that_a_service_is_not_known) {
  Screen screen;
  const Status shown = show_topology(*shop.tool, {.service = "sock", .stores = {}}, screen.out);
  ASSERT_FALSE(shown);
  EXPECT_EQ(shown.error().code(), errc::not_found);
  EXPECT_THAT(shown.error().message(), HasSubstr("no topology of a service sock"));
}

TEST_F(TopologyCommand, resets_a_part_and_tells_which) {
  Screen dry;
  ASSERT_TRUE(
      reset_topology(*shop.tool, {.service = "stock", .stores = {}, .dry_run = true}, dry.out));
  EXPECT_THAT(lines_of(dry.text),
              ElementsAre("PART    READS AGAIN  STORES", "counts  orders       counts",
                          "(would be rebuilt by the next start of stock; nothing was changed)"));
  Screen done;
  ASSERT_TRUE(reset_topology(shop.service("stock"),
                             {.service = "stock", .stores = {"counts"}, .json = true}, done.out));
  EXPECT_EQ(done.text,
            "{\"part\":\"counts\",\"done\":true,\"asked\":true,\"reads\":[\"orders\"],\"stores\":["
            "\"counts\"]}\n");
  start();
  Screen shown;
  ASSERT_TRUE(show_topology(*shop.tool, {.service = "stock", .stores = {}}, shown.out));
  EXPECT_THAT(shown.text, HasSubstr("counts         1  reset"));
  EXPECT_THAT(shown.text, HasSubstr("counts-2       2  live"));
}

TEST_F(TopologyCommand, names_the_parts_that_are_rebuilt_with_the_one_that_was_asked_for) {
  stream::TopologyBuilder builder("stock");
  auto orders = builder.stream<std::string, Placed>("orders");
  orders.group_by_key().count("counts");
  orders.group_by([](const Placed& placed) { return placed.total; }).count("totals");
  ASSERT_TRUE(stream::Instance::open(shop.service("stock"), *builder.build(), {},
                                     {shop.clock, real_file_system(), shop.random, {}}));
  Screen dry;
  ASSERT_TRUE(reset_topology(*shop.tool,
                             {.service = "stock", .stores = {"counts"}, .dry_run = true}, dry.out));
  EXPECT_THAT(lines_of(dry.text),
              ElementsAre("PART    READS AGAIN               STORES",
                          "counts  orders                    counts",
                          "totals  stock.totals.repartition  totals",
                          "rebuilt because topics connect them with counts: totals",
                          "(would be rebuilt by the next start of stock; nothing was changed)"));
  Screen json;
  ASSERT_TRUE(reset_topology(
      *shop.tool, {.service = "stock", .stores = {"counts"}, .dry_run = true, .json = true},
      json.out));
  EXPECT_THAT(json.text, HasSubstr(R"("part":"totals","done":false,"asked":false)"));
}

TEST_F(TopologyCommand, accepts_another_version_and_shows_it) {
  Screen dry;
  ASSERT_TRUE(accept_topology(
      *shop.tool, {.service = "stock", .name = "counts", .version = 2, .dry_run = true}, dry.out));
  EXPECT_THAT(lines_of(dry.text),
              ElementsAre("counts of part counts: version 1 is continued as version 2",
                          "(nothing was changed)"));
  Screen done;
  ASSERT_TRUE(accept_topology(shop.service("stock"),
                              {.service = "stock", .name = "counts", .version = 2, .json = true},
                              done.out));
  EXPECT_EQ(done.text,
            "{\"name\":\"counts\",\"part\":\"counts\",\"before\":1,\"version\":2,\"done\":true}\n");
  Screen shown;
  ASSERT_TRUE(show_topology(*shop.tool, {.service = "stock", .stores = {}}, shown.out));
  EXPECT_THAT(shown.text, HasSubstr("NAME    WAS  VERSION\ncounts    -        2"));
  const Status unknown = accept_topology(
      shop.service("stock"), {.service = "stock", .name = "shelves", .version = 2}, done.out);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), errc::not_found);
  EXPECT_THAT(unknown.error().message(), HasSubstr("it has: counts"));
}

template <class Declare>
std::string described(Declare declare) {
  stream::TopologyBuilder builder("stock");
  declare(builder.stream<std::string, Placed>("orders"));
  return builder.build()->describe("json");
}

TEST_F(TopologyCommand, shows_what_a_private_topic_was_called) {
  for (const auto& [name, was] :
       std::vector<std::pair<std::string, std::string>>{{"a", ""}, {"b", "a"}}) {
    stream::TopologyBuilder builder("stock");
    builder.stream<std::string, Placed>("orders")
        .group_by([](const Placed& placed) { return placed.total; })
        .count(name);
    if (!was.empty()) builder.was(name, was);
    const auto opened = stream::Instance::open(shop.service("stock"), *builder.build(), {},
                                               {shop.clock, real_file_system(), shop.random, {}});
    ASSERT_TRUE(opened) << opened.error().to_string();
  }
  Screen shown;
  ASSERT_TRUE(show_topology(*shop.tool, {.service = "stock", .stores = {}}, shown.out));
  EXPECT_THAT(shown.text, ContainsRegex("stock.b.repartition +stock.a.repartition +-"));
  EXPECT_THAT(shown.text, ContainsRegex("stock.a.repartition .* key -> binary +context"));
}

TEST_F(TopologyCommand, shows_what_a_build_would_change_and_changes_nothing) {
  const std::string added = described([](auto orders) {
    orders.group_by_key().count("counts");
    orders.to_table("last");
  });
  Screen people;
  ASSERT_TRUE(diff_topology(*shop.tool, added, false, people.out));
  EXPECT_THAT(
      lines_of(people.text),
      ElementsAre("store last of part counts is new and begins empty, where the part is now",
                  "(accepted by the next start of stock; nothing was changed)"));
  Screen tools;
  ASSERT_TRUE(diff_topology(*shop.tool, added, true, tools.out));
  EXPECT_EQ(tools.text,
            "{\"service\":\"stock\",\"change\":\"store last of part counts is new and begins "
            "empty, where the part is now\"}\n");
  Screen same;
  ASSERT_TRUE(diff_topology(*shop.tool,
                            described([](auto orders) { orders.group_by_key().count("counts"); }),
                            false, same.out));
  EXPECT_THAT(lines_of(same.text), ElementsAre("(service stock starts without a change)"));
  EXPECT_EQ((*stream::read_manifest(*shop.tool, "stock"))->revision, 1);
}

TEST_F(TopologyCommand, moves_parts_that_become_one_and_says_what_moved) {
  shop.topic("returns", "orders", log::TopicKind::events);
  const auto build = [](bool merged) {
    stream::TopologyBuilder builder("stock");
    const auto orders = builder.stream<std::string, Placed>("orders");
    const auto returns = builder.stream<std::string, Placed>("returns");
    (merged ? orders.merge(returns) : orders).group_by_key().count("counts");
    returns.group_by_key().count("returned");
    return *builder.build();
  };
  auto opened = stream::Instance::open(shop.service("stock"), build(false), {},
                                       {shop.clock, real_file_system(), shop.random, {}});
  ASSERT_TRUE(opened) << opened.error().to_string();
  opened->reset();
  const std::string merged = build(true).describe("json");
  Screen dry;
  ASSERT_TRUE(migrate_topology(*shop.tool, {.description = merged, .dry_run = true}, dry.out));
  EXPECT_THAT(lines_of(dry.text),
              ElementsAre("PART      CONTINUES         READS ON         STORES",
                          "counts-4  counts, returned  orders, returns  counts, returned",
                          "(would be moved; nothing was changed)"));
  Screen done;
  ASSERT_TRUE(
      migrate_topology(shop.service("stock"), {.description = merged, .json = true}, done.out));
  EXPECT_EQ(
      done.text,
      "{\"service\":\"stock\",\"part\":\"counts-4\",\"done\":true,\"continues\":[\"counts\","
      "\"returned\"],\"reads\":[\"orders\",\"returns\"],\"stores\":[\"counts\",\"returned\"]}\n");
  Screen again;
  ASSERT_TRUE(migrate_topology(shop.service("stock"), {.description = merged}, again.out));
  EXPECT_THAT(lines_of(again.text),
              ElementsAre("(there is nothing to migrate: service stock can be started)"));
}

TEST_F(TopologyCommand, tells_why_a_build_would_be_refused) {
  Screen screen;
  const std::string renamed = described([](auto orders) { orders.group_by_key().count("totals"); });
  const Status refused = diff_topology(*shop.tool, renamed, false, screen.out);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), stream::errc::topology_changed);
  EXPECT_THAT(refused.error().message(), HasSubstr("name of a store of part counts"));
  EXPECT_EQ(diff_topology(*shop.tool, "no JSON", false, screen.out).error().code(),
            errc::invalid_argument);
}

TEST_F(TopologyCommand, does_not_reset_while_an_instance_lives) {
  start();
  Screen screen;
  const Status done =
      reset_topology(shop.service("stock"), {.service = "stock", .stores = {}}, screen.out);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), errc::busy);
  EXPECT_THAT(done.error().message(), HasSubstr("stop all instances"));
}

}  // namespace
}  // namespace millrace::cli
