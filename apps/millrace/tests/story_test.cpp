// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "story.hpp"

#include <gtest/gtest.h>

#include "commands/commands.hpp"
#include "json.hpp"
#include "shop.hpp"
#include "story_reader.hpp"
#include "story_text.hpp"

namespace millrace::cli {
namespace {

using log::TopicKind;

StoryRecord event(std::string id, std::string cause, std::uint64_t position) {
  StoryRecord record;
  record.service = "orders";
  record.topic = "orders";
  record.type = "Type" + id;
  record.id = std::move(id);
  record.cause = std::move(cause);
  record.position = position;
  record.offset = static_cast<std::int64_t>(position);
  return record;
}

class OrderStory : public testing::Test {
 protected:
  void SetUp() override {
    shop.topic("requests", "storefront", TopicKind::events);
    shop.topic("orders", "orders", TopicKind::events);
    shop.topic("stock", "stock", TopicKind::events);
    shop.topic("stock.lines", "stock", TopicKind::private_topic);
    shop.topic("stock.shelves", "stock", TopicKind::events);
    shop.publish({"requests", 1, "536365", "OrderRequested", "q1", "", "c-1"});
    shop.publish({"requests", 0, "536366", "OrderRequested", "q2", "", "c-2"});
    shop.publish({"orders", 1, "536365", "OrderValidated", "o1", "q1", "c-1"});
    shop.keep("stock.lines", 0, "85123A", "o1", "c-1", std::string("\x01\x02", 2));
    shop.publish({"stock", 1, "536365", "StockReserved", "s1", "o1", "c-1"});
    shop.publish({"stock.shelves", 0, "85123A", "ShelfChanged", "h1", "o1", "c-1"});
    shop.publish({"orders", 1, "536365", "OrderConfirmed", "o2", "s1", "c-1"});
  }
  Shop shop;
};

TEST(Story, is_in_the_order_of_commits) {
  const Story story = build_story({event("b", "a", 20), event("a", "", 10), event("c", "b", 30)});
  ASSERT_EQ(story.records.size(), 3U);
  EXPECT_EQ(story.records[0].id, "a");
  EXPECT_EQ(story.records[2].id, "c");
}

TEST(Story, hangs_a_record_below_the_one_that_caused_it) {
  const Story story = build_story({event("a", "", 1), event("b", "a", 2), event("c", "a", 3)});
  EXPECT_EQ(story.roots, std::vector<std::size_t>{0});
  EXPECT_EQ(story.children[0], (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(story.parents[2], std::optional<std::size_t>(0));
}

TEST(Story, a_record_with_an_unknown_cause_is_a_root) {
  const Story story = build_story({event("a", "elsewhere", 1)});
  EXPECT_EQ(story.roots, std::vector<std::size_t>{0});
  EXPECT_NE(story_tree(story, "x").find("caused by elsewhere"), std::string::npos);
}

TEST(Story, a_circle_of_causes_is_cut_at_its_first_record) {
  const Story story =
      build_story({event("a", "c", 1), event("b", "a", 2), event("c", "b", 3), event("d", "c", 4)});
  EXPECT_EQ(story.roots, std::vector<std::size_t>{0});
  EXPECT_EQ(lines_of(story_tree(story, "x")).size(), 5U);
}

TEST(Story, an_event_that_names_itself_as_cause_is_a_root) {
  const Story story = build_story({event("a", "a", 1)});
  EXPECT_EQ(story.roots, std::vector<std::size_t>{0});
}

TEST(Story, a_private_record_hangs_on_the_last_public_event_behind_it) {
  StoryRecord line = event("a", "", 2);
  line.kind = TopicKind::private_topic;
  line.type.clear();
  const Story story = build_story({event("a", "", 1), line});
  EXPECT_EQ(story.children[0], std::vector<std::size_t>{1});
}

TEST(Story, a_dead_letter_hangs_on_the_record_it_was_and_its_replay_on_the_dead_letter) {
  StoryRecord letter = event("a", "", 2);
  letter.topic = "orders.dead-letters";
  letter.dead_letter = "not a sale";
  StoryRecord replay = event("a", "", 3);
  replay.topic = "orders.retry";
  replay.replay_of = letter.name();
  const Story story = build_story({event("a", "", 1), letter, replay});
  EXPECT_EQ(story.roots, std::vector<std::size_t>{0});
  EXPECT_EQ(story.children[0], std::vector<std::size_t>{1});
  EXPECT_EQ(story.children[1], std::vector<std::size_t>{2});
}

TEST(Story, a_replay_hangs_on_no_dead_letter_that_came_after_it) {
  StoryRecord replay = event("a", "", 2);
  replay.topic = "orders.retry";
  StoryRecord letter = event("a", "", 3);
  letter.topic = "orders.dead-letters";
  letter.dead_letter = "not a sale";
  replay.replay_of = letter.name();
  const Story story = build_story({event("a", "", 1), replay, letter});
  EXPECT_EQ(story.children[0], (std::vector<std::size_t>{1, 2}));
}

TEST(Story, a_long_chain_of_causes_is_printed_without_running_out_of_stack) {
  std::vector<StoryRecord> records;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    records.push_back(event(std::to_string(i), i == 0 ? "" : std::to_string(i - 1), i));
  }
  EXPECT_EQ(lines_of(story_tree(build_story(std::move(records)), "x")).size(), 2001U);
}

// A record of a log that keeps no order of commits.
StoryRecord placed(std::string id, std::string cause, const std::string& topic, std::int64_t offset,
                   std::int64_t time_ms) {
  StoryRecord record = event(std::move(id), std::move(cause), 0);
  record.topic = topic;
  record.offset = offset;
  record.timestamp_ms = time_ms;
  return record;
}

std::string ids_of(const Story& story) {
  std::string ids;
  for (const StoryRecord& record : story.records)
    ids += record.id;
  return ids;
}

TEST(Story, without_an_order_of_commits_has_causes_before_what_they_led_to) {
  const Story story =
      build_story({placed("c", "b", "a-topic", 0, 5), placed("b", "a", "b-topic", 0, 5),
                   placed("a", "", "c-topic", 0, 5)});
  EXPECT_FALSE(story.in_commit_order);
  EXPECT_EQ(ids_of(story), "abc");
  EXPECT_EQ(story.parents[1], std::optional<std::size_t>(0));
  EXPECT_EQ(story.parents[2], std::optional<std::size_t>(1));
}

TEST(Story, of_a_copied_log_that_has_a_record_before_its_cause_has_the_cause_first) {
  StoryRecord cause = event("a", "", 3);
  cause.topic = "requests";
  const Story story = build_story({cause, event("b", "a", 1), event("c", "b", 2)});
  EXPECT_FALSE(story.in_commit_order);
  EXPECT_EQ(story.parents[1], std::optional<std::size_t>(0));
  EXPECT_EQ(story.records[0].id, "a");
}

TEST(Story, without_an_order_of_commits_goes_by_time_where_no_cause_decides) {
  EXPECT_EQ(ids_of(build_story({placed("a", "", "x", 0, 1), placed("d", "", "y", 0, 4),
                                placed("c", "a", "z", 0, 3), placed("b", "a", "w", 0, 2)})),
            "abcd");
}

TEST(Story, keeps_the_order_of_offsets_within_a_partition_whatever_their_times) {
  EXPECT_EQ(ids_of(build_story({placed("a", "", "x", 0, 9), placed("b", "", "x", 1, 1),
                                placed("c", "", "y", 0, 5)})),
            "cab");
}

TEST(Story, of_causes_that_contradict_the_offsets_holds_each_record_once) {
  EXPECT_EQ(ids_of(build_story({placed("a", "b", "x", 0, 1), placed("b", "", "x", 1, 2),
                                placed("c", "b", "y", 0, 1)}))
                .size(),
            3U);
}

TEST_F(OrderStory, is_found_by_its_correlation_id) {
  const auto records = collect_story(*shop.tool, "c-1", true);
  ASSERT_TRUE(records);
  EXPECT_EQ(records->size(), 6U);
}

TEST_F(OrderStory, is_found_by_the_order_id) {
  const auto records = collect_story(*shop.tool, "536365", true);
  ASSERT_TRUE(records);
  EXPECT_EQ(records->size(), 6U);
}

TEST_F(OrderStory, is_found_by_the_id_of_any_event_of_it) {
  const auto records = collect_story(*shop.tool, "s1", true);
  ASSERT_TRUE(records);
  EXPECT_EQ(records->size(), 6U);
}

TEST_F(OrderStory, leaves_out_private_records_when_asked) {
  const auto records = collect_story(*shop.tool, "c-1", false);
  ASSERT_TRUE(records);
  EXPECT_EQ(records->size(), 5U);
}

TEST_F(OrderStory, of_an_id_that_nobody_knows_is_an_error) {
  const auto records = collect_story(*shop.tool, "nobody", true);
  ASSERT_FALSE(records);
  EXPECT_TRUE(records.error().is(errc::not_found));
}

TEST_F(OrderStory, of_a_key_shared_by_many_processes_asks_for_one_of_them) {
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    shop.publish({"stock.shelves", 0, "22423", "ShelfChanged", "x" + n, "", "many-" + n});
  }
  const auto records = collect_story(*shop.tool, "22423", true);
  ASSERT_FALSE(records);
  EXPECT_NE(records.error().message().find("many-0"), std::string::npos);
}

TEST_F(OrderStory, is_printed_as_a_tree) {
  Screen screen;
  ASSERT_TRUE(trace(*shop.tool, {"536365", false, false}, screen.out));
  const auto lines = lines_of(screen.text);
  ASSERT_EQ(lines.size(), 7U) << screen.text;
  const std::string summary = "536365: 6 records in 5 topics of 3 services, correlation c-1";
  EXPECT_EQ(lines[0],
            shop.on_kafka() ? summary + "; causes first: there is no order of commits" : summary);
  EXPECT_EQ(lines[1],
            "1  OrderRequested           storefront  requests-1:0       "
            "2010-12-01T08:26:00.000Z");
  EXPECT_TRUE(lines[2].starts_with("2  └─ OrderValidated        orders ")) << lines[2];
  EXPECT_TRUE(lines[3].starts_with("3     ├─ (private)          stock ")) << lines[3];
  EXPECT_TRUE(lines[4].starts_with("4     ├─ StockReserved")) << lines[4];
  // The order has passed its cause when the shelf changes, or not: no commit says.
  const char* const confirmed =
      shop.on_kafka() ? "5     │  └─ OrderConfirmed" : "6     │  └─ OrderConfirmed";
  const char* const changed = shop.on_kafka() ? "6     └─ ShelfChanged" : "5     └─ ShelfChanged";
  EXPECT_TRUE(lines[5].starts_with(confirmed)) << lines[5];
  EXPECT_TRUE(lines[6].starts_with(changed)) << lines[6];
}

TEST_F(OrderStory, is_printed_as_json_in_order_with_parents) {
  Screen screen;
  ASSERT_TRUE(trace(*shop.tool, {"536365", true, true}, screen.out));
  ASSERT_TRUE(is_json(screen.text)) << screen.text;
  EXPECT_NE(screen.text.find("\"correlations\":[\"c-1\"]"), std::string::npos);
  EXPECT_NE(screen.text.find(shop.on_kafka() ? "\"order\":\"causes\"" : "\"order\":\"commits\""),
            std::string::npos);
  EXPECT_EQ(screen.text.find("\"position\":") == std::string::npos, shop.on_kafka());
  EXPECT_NE(screen.text.find("\"type\":\"OrderConfirmed\",\"id\":\"o2\",\"cause\":\"s1\","
                             "\"correlation\":\"c-1\",\"parent\":2,\"depth\":3"),
            std::string::npos)
      << screen.text;
}

}  // namespace
}  // namespace millrace::cli
