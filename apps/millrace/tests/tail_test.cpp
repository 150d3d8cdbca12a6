// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <thread>

#include "commands/commands.hpp"
#include "hollow_log.hpp"
#include "json.hpp"
#include "shop.hpp"
#include "text.hpp"

namespace millrace::cli {
namespace {

using log::TopicKind;

class Tail : public testing::Test {
 protected:
  void SetUp() override {
    shop.topic("orders", "orders", TopicKind::events);
    shop.topic("orders.state", "orders", TopicKind::private_topic);
    for (int i = 0; i < 30; ++i) {
      const std::string n = std::to_string(i);
      Event event{"orders", i % 2, i % 3 == 0 ? "third" : "other", "Happened", "e" + n, "", "c"};
      event.value = "{\"n\": " + n + "}";
      event.timestamp_ms = 1'000'000 + i * 1000;
      shop.publish(event);
    }
  }
  std::vector<std::string> lines(const TailOptions& options) {
    Screen screen;
    const Status done = tail(*shop.tool, options, screen.session);
    EXPECT_TRUE(done) << done.error().to_string();
    return lines_of(screen.text);
  }
  static std::string number(std::int64_t n) { return "{\"n\":" + std::to_string(n) + "}"; }
  TailOptions all() {
    TailOptions options;
    options.topics = {"orders"};
    options.from = TailStart{};
    return options;
  }
  Shop shop;
};

TEST_F(Tail, prints_partitions_in_the_order_of_commits) {
  const auto printed = lines(all());
  ASSERT_EQ(printed.size(), 30U);
  for (std::size_t i = 0; i < printed.size(); ++i) {
    EXPECT_TRUE(printed[i].ends_with(number(static_cast<std::int64_t>(i)))) << printed[i];
  }
}

TEST_F(Tail, passes_batches_that_compaction_left_without_a_record) {
  log::HollowLog compacted(*shop.tool);
  for (const bool follow : {false, true}) {
    TailOptions options = all();
    options.follow = follow;
    options.limit = 30;
    Screen screen;
    const Status done = tail(compacted, options, screen.session);
    ASSERT_TRUE(done) << done.error().to_string();
    const auto printed = lines_of(screen.text);
    ASSERT_EQ(printed.size(), 30U);
    for (std::size_t i = 0; i < printed.size() && !shop.on_kafka(); ++i) {
      EXPECT_TRUE(printed[i].ends_with(number(static_cast<std::int64_t>(i)))) << printed[i];
    }
  }
}

TEST_F(Tail, stays_in_columns_that_fit_a_terminal) {
  Event event{"orders", 0, "a-key-that-is-longer", "Happened", "e30", "", "c"};
  event.value = "{\"text\":\"" + std::string(500, 'x') + "\"}";
  shop.publish(event);
  Screen screen;
  Output terminal(screen.text, 70);
  Session session(terminal, screen.notes, screen.stop);
  ASSERT_TRUE(tail(*shop.tool, all(), session));
  const auto printed = lines_of(screen.text);
  ASSERT_EQ(printed.size(), 31U);
  for (const std::string& line : printed)
    EXPECT_LE(display_width(line), 70U) << line;
  EXPECT_TRUE(printed.back().ends_with("…")) << printed.back();
  EXPECT_EQ(printed[28].find("Happened"), printed[29].find("Happened"));
}

TEST_F(Tail, prints_the_last_ten_records_unless_the_options_say_otherwise) {
  TailOptions options;
  options.topics = {"orders"};
  const auto printed = lines(options);
  ASSERT_EQ(printed.size(), 10U);
  EXPECT_TRUE(printed.front().ends_with(number(20))) << printed.front();
  EXPECT_TRUE(printed.back().ends_with(number(29))) << printed.back();
}

TEST_F(Tail, finds_the_last_records_of_a_key_however_far_back) {
  TailOptions options;
  options.topics = {"orders"};
  options.key = "third";
  options.limit = 9;
  const auto printed = lines(options);
  ASSERT_EQ(printed.size(), 9U);
  EXPECT_TRUE(printed.front().ends_with(number(3))) << printed.front();
}

TEST_F(Tail, prints_one_partition) {
  TailOptions options = all();
  options.partition = 1;
  const auto printed = lines(options);
  ASSERT_EQ(printed.size(), 15U);
  EXPECT_TRUE(printed.front().starts_with("orders-1:0 ")) << printed.front();
}

TEST_F(Tail, of_a_partition_that_is_not_there_is_an_error) {
  TailOptions options = all();
  options.partition = 2;
  Screen screen;
  const Status done = tail(*shop.tool, options, screen.session);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("0 to 1"), std::string::npos);
}

TEST_F(Tail, begins_at_an_offset_of_each_partition) {
  TailOptions options = all();
  options.from = TailStart{TailStart::Kind::offset, 13};
  EXPECT_EQ(lines(options).size(), 4U);
}

TEST_F(Tail, begins_at_a_time) {
  TailOptions options = all();
  options.from = TailStart{TailStart::Kind::time, 1'000'000 + 25 * 1000};
  const auto printed = lines(options);
  ASSERT_EQ(printed.size(), 5U);
  EXPECT_TRUE(printed.front().ends_with(number(25))) << printed.front();
}

TEST_F(Tail, prints_all_topics_in_the_order_of_commits) {
  shop.topic("stock", "stock", TopicKind::events);
  shop.topic("payments", "payments", TopicKind::events);
  std::vector<std::string> published;
  for (int i = 0; i < 40; ++i) {
    const char* const names[] = {"stock", "payments", "orders"};
    // Their times go back, and the order stays that of the commits.
    Event event{names[i * i % 3], i % 2, "k", "Moved", "m" + std::to_string(i), "", "c"};
    event.value = number(100 + i);
    event.timestamp_ms = 900'000 - i;
    shop.publish(event);
    published.push_back(event.value);
  }
  TailOptions options;
  options.all = true;
  options.from = TailStart{};
  const auto printed = lines(options);
  ASSERT_EQ(printed.size(), 70U);
  // On Kafka partitions have an order each, and none together.
  for (std::size_t i = 0; i < published.size() && !shop.on_kafka(); ++i) {
    EXPECT_TRUE(printed[30 + i].ends_with(published[i])) << printed[30 + i];
  }
  options.partition = 1;
  EXPECT_EQ(lines(options).size(), 35U);
}

TEST_F(Tail, from_the_end_prints_nothing_that_was_there) {
  TailOptions options = all();
  options.from = TailStart{TailStart::Kind::end, 0};
  EXPECT_TRUE(lines(options).empty());
}

TEST_F(Tail, stops_at_its_limit) {
  TailOptions options = all();
  options.limit = 3;
  EXPECT_EQ(lines(options).size(), 3U);
}

TEST_F(Tail, prints_json_lines) {
  TailOptions options = all();
  options.json = true;
  options.headers = true;
  options.limit = 1;
  const auto printed = lines(options);
  ASSERT_EQ(printed.size(), 1U);
  ASSERT_TRUE(is_json(printed[0])) << printed[0];
  EXPECT_NE(printed[0].find("\"value\":{\"n\":0}"), std::string::npos) << printed[0];
  EXPECT_NE(printed[0].find("{\"key\":\"ce_id\",\"value\":\"e0\"}"), std::string::npos);
}

TEST_F(Tail, follows_until_its_limit_of_records_has_come) {
  TailOptions options = all();
  options.follow = true;
  options.limit = 32;
  Screen screen;
  std::thread writer([this] {
    shop.publish({"orders", 0, "k", "Happened", "n1", "", "c", "30"});
    shop.publish({"orders", 1, "k", "Happened", "n2", "", "c", "31"});
  });
  const Status done = tail(*shop.tool, options, screen.session);
  writer.join();
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(lines_of(screen.text).size(), 32U);
}

TEST_F(Tail, ends_when_the_user_asks) {
  TailOptions options = all();
  options.follow = true;
  Screen screen;
  screen.stop = true;
  EXPECT_TRUE(tail(*shop.tool, options, screen.session));
}

TEST_F(Tail, of_an_unknown_topic_suggests_what_was_meant) {
  TailOptions options;
  options.topics = {"order"};
  Screen screen;
  const Status done = tail(*shop.tool, options, screen.session);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("did you mean 'orders'?"), std::string::npos)
      << done.error().message();
}

TEST_F(Tail, begins_where_each_partition_has_its_first_record_of_a_time) {
  // A record that came late, and one that is ahead: what follows them counts by its own time.
  shop.publish({"orders", 0, "k", "Happened", "late", "", "c", "{\"n\": 30}", 1'000'000});
  shop.publish({"orders", 1, "k", "Happened", "ahead", "", "c", "{\"n\": 31}", 9'000'000});
  shop.publish({"orders", 1, "k", "Happened", "after", "", "c", "{\"n\": 32}", 1'000'000});
  TailOptions options = all();
  options.from = TailStart{TailStart::Kind::time, 5'000'000};
  const auto printed = lines(options);
  ASSERT_EQ(printed.size(), 2U) << "one partition has none";
  EXPECT_TRUE(printed[0].ends_with(number(31))) << printed[0];
  EXPECT_TRUE(printed[1].ends_with(number(32))) << printed[1];
}

TEST_F(Tail, begins_so_long_ago) {
  // The tool's clock is the real one.
  const std::int64_t now_ms = real_clock().wall_ms();
  shop.clock.advance_ms(now_ms - shop.clock.wall_ms());
  constexpr std::int64_t hour_ms = 3'600'000;
  shop.publish({"orders", 0, "k", "Happened", "a", "", "c", "{\"n\": 30}", now_ms - 3 * hour_ms});
  shop.publish({"orders", 0, "k", "Happened", "b", "", "c", "{\"n\": 31}", now_ms - hour_ms});
  TailOptions options = all();
  options.from = TailStart{TailStart::Kind::ago, 2 * hour_ms};
  const auto printed = lines(options);
  ASSERT_EQ(printed.size(), 1U);
  EXPECT_TRUE(printed[0].ends_with(number(31))) << printed[0];
}

TEST(TailStart, is_a_word_an_offset_a_time_or_a_duration_back) {
  EXPECT_EQ(parse_tail_start("beginning")->kind, TailStart::Kind::beginning);
  EXPECT_EQ(parse_tail_start("end")->kind, TailStart::Kind::end);
  EXPECT_EQ(parse_tail_start("42")->value, 42);
  EXPECT_EQ(parse_tail_start("1970-01-01T00:00:01Z")->value, 1000);
  EXPECT_EQ(parse_tail_start("1970-01-02")->value, 86'400'000);
  EXPECT_EQ(parse_tail_start("1970-01-02")->kind, TailStart::Kind::time);
  EXPECT_EQ(parse_tail_start("@1291191960000")->value, 1'291'191'960'000);
  EXPECT_EQ(parse_tail_start("@1291191960000")->kind, TailStart::Kind::time);
  EXPECT_EQ(parse_tail_start("@-5")->value, -5);
  for (const char* text : {"2h", "-2h", "2h ago", "120m", "7200s", "7200000ms"}) {
    const auto start = parse_tail_start(text);
    ASSERT_TRUE(start) << text;
    EXPECT_EQ(start->kind, TailStart::Kind::ago) << text;
    EXPECT_EQ(start->value, 7'200'000) << text;
  }
  EXPECT_EQ(parse_tail_start("1d")->value, 86'400'000);
  for (const char* text : {"-1", "yesterday", "1970-02-30", "2 h", "h", "--2h", "2w",
                           "9223372036854775807d", " ago", "@", "@1x", "@9223372036854775808"}) {
    EXPECT_FALSE(parse_tail_start(text)) << text;
  }
}

}  // namespace
}  // namespace millrace::cli
