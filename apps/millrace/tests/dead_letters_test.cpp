// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "dead_letters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "millrace/log/errors.hpp"
#include "millrace/stream/manifest.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

using log::TopicKind;
using testing::EndsWith;
using testing::HasSubstr;

class DeadLetters : public testing::Test {
 protected:
  void SetUp() override {
    shop.topic("orders.dead-letters", "orders", TopicKind::events);
    shop.topic("orders.retry", "orders", TopicKind::commands);
    shop.topic("requests", "storefront", TopicKind::commands);
    for (int i = 0; i < 3; ++i)
      shop.publish(letter(i));
  }
  static Event letter(int i) {
    const std::string n = std::to_string(i);
    Event event{"orders.dead-letters", 1, "A" + n, "OrderRequested", "q" + n, "", "c" + n};
    event.value = "{\"order_id\":\"A" + n + "\"}";
    event.more_headers = {{"dl-reason", "not a sale"},
                          {"dl-code", "retail.not_a_sale"},
                          {"dl-topic", "requests"},
                          {"dl-partition", "1"},
                          {"dl-offset", n},
                          {"dl-attempts", "1"},
                          {"dl-sub-topology", "orders.life"},
                          {"dl-build", "0.1.0"}};
    return event;
  }
  // The outcomes, or what went wrong as the only line.
  std::vector<std::string> replay(const ReplayOptions& options) {
    std::vector<std::string> outcomes;
    const Status done =
        replay_dead_letters(*shop.tool, "orders", options, [&](const ReplayOutcome& one) {
          outcomes.push_back(one.dead_letter + (one.was_replayed ? " was " : " -> ") + one.retry);
        });
    if (!done) outcomes = {std::string(done.error().code().name)};
    return outcomes;
  }
  static ReplayOptions one(std::int64_t offset) {
    ReplayOptions options;
    options.letters = {{1, offset}};
    return options;
  }
  static ReplayOptions all() {
    ReplayOptions options;
    options.all = true;
    return options;
  }
  Shop shop;
};

TEST_F(DeadLetters, go_back_to_the_retry_topic_with_key_value_and_place) {
  EXPECT_EQ(replay(one(1)),
            std::vector<std::string>{"orders.dead-letters-1:1 -> orders.retry-1:0"});
  log::FetchBuffer buffer;
  const auto retry = shop.tool->find_topic("orders.retry");
  ASSERT_TRUE(shop.tool->fetch({retry->id, log::partition(1)}, log::offset(0), 1000, buffer));
  ASSERT_EQ(buffer.records.size(), 1U);
  const log::RecordView& record = buffer.records[0];
  EXPECT_EQ(record.key, "A1");
  EXPECT_EQ(record.value, "{\"order_id\":\"A1\"}");
  EXPECT_EQ(record.headers.find("ce_id"), "q1");
  EXPECT_EQ(record.headers.find("dl-topic"), "requests");
  EXPECT_EQ(record.headers.find("dl-offset"), "1");
  EXPECT_EQ(record.headers.find("dl-sub-topology"), "orders.life");
  EXPECT_EQ(record.headers.find("dl-attempts"), "1");
  EXPECT_EQ(record.headers.find("dl-replay-of"), "orders.dead-letters-1:1");
  EXPECT_FALSE(record.headers.find("dl-reason"));
  EXPECT_FALSE(record.headers.find("dl-build"));
}

TEST_F(DeadLetters, whose_time_the_log_refused_go_back_with_the_records_own_time) {
  Event event{"orders.dead-letters", 1, "A3", "OrderRequested", "q3", "", "c3"};
  event.timestamp_ms = 5'000;
  event.more_headers = {{"dl-reason", "the time"},     {"dl-topic", "requests"},
                        {"dl-partition", "1"},         {"dl-offset", "3"},
                        {"dl-sub-topology", "orders"}, {"dl-timestamp", "9000000"}};
  shop.publish(event);
  replay(one(3));
  log::FetchBuffer buffer;
  const auto retry = shop.tool->find_topic("orders.retry");
  ASSERT_TRUE(shop.tool->fetch({retry->id, log::partition(1)}, log::offset(0), 1000, buffer));
  ASSERT_EQ(buffer.records.size(), 1U);
  EXPECT_EQ(buffer.records[0].timestamp_ms, 9'000'000);
  EXPECT_FALSE(buffer.records[0].headers.find("dl-timestamp"));
}

TEST_F(DeadLetters, are_replayed_once_however_often_asked) {
  replay(one(1));
  EXPECT_EQ(replay(one(1)),
            std::vector<std::string>{"orders.dead-letters-1:1 was orders.retry-1:0"});
  EXPECT_EQ(shop.read("orders.retry", 1).size(), 1U);
}

TEST_F(DeadLetters, are_replayed_once_more_when_asked_to) {
  replay(one(1));
  ReplayOptions again = one(1);
  again.again = true;
  EXPECT_EQ(replay(again),
            std::vector<std::string>{"orders.dead-letters-1:1 -> orders.retry-1:" + shop.nth(1)});
}

TEST_F(DeadLetters, with_the_name_of_one_that_was_deleted_after_its_replay_are_not_replayed_yet) {
  if (shop.on_kafka()) {
    GTEST_SKIP() << "topics are not deleted there";
  }
  EXPECT_EQ(replay(all()).size(), 3U);
  log::Log& orders = shop.service("orders");
  ASSERT_TRUE(orders.delete_topic(orders.find_topic("orders.dead-letters").value().id));
  shop.topic("orders.dead-letters", "orders", TopicKind::events);
  shop.publish(letter(0));
  EXPECT_EQ(replay(one(0)),
            std::vector<std::string>{"orders.dead-letters-1:0 -> orders.retry-1:3"});
  shop.publish(letter(1));
  EXPECT_EQ(replay(all()), std::vector<std::string>{"orders.dead-letters-1:1 -> orders.retry-1:4"});
  EXPECT_TRUE(replay(all()).empty());
}

TEST_F(DeadLetters, an_older_one_can_be_replayed_after_a_newer_one) {
  replay(one(2));
  EXPECT_EQ(replay(one(0)),
            std::vector<std::string>{"orders.dead-letters-1:0 -> orders.retry-1:" + shop.nth(1)});
}

TEST_F(DeadLetters, all_of_them_are_those_not_replayed_yet) {
  replay(one(1));
  EXPECT_EQ(replay(all()),
            (std::vector<std::string>{"orders.dead-letters-1:0 -> orders.retry-1:" + shop.nth(1),
                                      "orders.dead-letters-1:2 -> orders.retry-1:" + shop.nth(2)}));
  EXPECT_TRUE(replay(all()).empty());
}

TEST_F(DeadLetters, a_dry_run_writes_nothing) {
  ReplayOptions dry = all();
  dry.dry_run = true;
  EXPECT_EQ(replay(dry).size(), 3U);
  EXPECT_TRUE(shop.read("orders.retry", 1).empty());
}

TEST_F(DeadLetters, can_be_corrected_on_the_way_back) {
  ReplayOptions corrected = one(0);
  corrected.value = "{}";
  replay(corrected);
  EXPECT_EQ(shop.read("orders.retry", 1),
            (std::vector<std::pair<std::string, std::string>>{{"A0", "{}"}}));
}

TEST_F(DeadLetters, a_corrected_value_is_for_one_of_them) {
  ReplayOptions corrected = all();
  corrected.value = "{}";
  EXPECT_EQ(replay(corrected), std::vector<std::string>{"base.invalid_argument"});
}

TEST_F(DeadLetters, that_are_not_there_cannot_be_replayed) {
  EXPECT_EQ(replay(one(3)), std::vector<std::string>{"base.not_found"});
}

TEST_F(DeadLetters, of_a_newer_build_are_refused_by_name_and_nothing_is_replayed) {
  Event event{"orders.dead-letters", 1, "A3", "OrderRequested", "q3", "", "c3"};
  event.more_headers = {{"dl-version", "2"}, {"dl-origin", "of later"}};
  shop.publish(event);
  const Status done = replay_dead_letters(*shop.tool, "orders", all(), [](const ReplayOutcome&) {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code().name, "log.incompatible");
  EXPECT_NE(done.error().message().find("orders.dead-letters-1:3: the dead letter has version 2, "
                                        "this program reads up to version 1"),
            std::string::npos)
      << done.error().message();
  EXPECT_EQ(replay(one(0)),
            std::vector<std::string>{"orders.dead-letters-1:0 -> orders.retry-1:0"});
}

TEST_F(DeadLetters, that_are_not_the_whole_record_go_back_only_with_what_is_missing) {
  for (const char* omitted : {"value", "value, headers"}) {
    Event event{"orders.dead-letters", 1, "A3", "OrderRequested", "q3", "", "c3"};
    event.more_headers = {{"dl-topic", "requests"},
                          {"dl-partition", "1"},
                          {"dl-offset", "7"},
                          {"dl-omitted", omitted}};
    shop.publish(event);
  }
  const Status done = replay_dead_letters(*shop.tool, "orders", all(), [](const ReplayOutcome&) {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code().name, "base.invalid_argument");
  EXPECT_NE(done.error().message().find(
                "orders.dead-letters-1:3: the dead letter is not the whole record (left out: "
                "value), so it cannot be replayed without --value; the record is at requests/1@7"),
            std::string::npos)
      << done.error().message();
  EXPECT_TRUE(shop.read("orders.retry", 1).empty());
  ReplayOptions with_value = one(3);
  with_value.value = "{}";
  EXPECT_EQ(replay(with_value),
            std::vector<std::string>{"orders.dead-letters-1:3 -> orders.retry-1:0"});
  ReplayOptions without_headers = one(4);
  without_headers.value = "{}";
  EXPECT_EQ(replay(without_headers), std::vector<std::string>{"base.invalid_argument"});
}

TEST_F(DeadLetters, that_no_task_would_read_are_refused_and_nothing_is_replayed) {
  log::Log& storefront = shop.service("storefront");
  ASSERT_TRUE(storefront.create_topic({"wide", 8, TopicKind::commands, "storefront"}));
  Event event{"orders.dead-letters", 1, "A3", "OrderRequested", "q3", "", "c3"};
  event.more_headers = {{"dl-topic", "wide"}, {"dl-partition", "5"}, {"dl-offset", "0"}};
  const std::int64_t wide = shop.publish(event);
  event.more_headers["dl-topic"] = "gone";
  const std::int64_t gone = shop.publish(event);
  event.more_headers["dl-topic"] = "requests";
  const std::int64_t no_partition = shop.publish(event);
  const auto refusal = [&](const ReplayOptions& options) {
    const Status done =
        replay_dead_letters(*shop.tool, "orders", options, [](const ReplayOutcome&) {});
    return done ? std::string() : done.error().to_string();
  };
  EXPECT_NE(refusal(all()).find("orders.dead-letters-1:" + std::to_string(wide) +
                                " cannot be replayed: its topic 'wide' has 8 partitions and "
                                "'orders.retry' has 2, so that no task reads it there; write its "
                                "value to 'wide' again"),
            std::string::npos)
      << refusal(all());
  EXPECT_NE(refusal(one(gone)).find("there is no topic 'gone'"), std::string::npos);
  EXPECT_NE(refusal(one(no_partition)).find("topic 'requests' has no partition '5'"),
            std::string::npos);
  for (const std::int32_t partition : {0, 1}) {
    EXPECT_TRUE(shop.read("orders.retry", partition).empty());
  }
}

TEST_F(DeadLetters, of_a_part_that_takes_them_no_more_are_refused_and_left_out_of_all) {
  stream::Manifest manifest;
  manifest.version = manifest.revision = manifest.plan_version = 1;
  const auto part = [](std::int64_t number, const std::string& name, const std::string& state,
                       const std::string& source) {
    stream::Manifest::Part one;
    one.number = number;
    one.name = name;
    one.state = state;
    one.sources = {source};
    return one;
  };
  manifest.parts = {
      part(1, "orders.life", "live", "requests"), part(2, "given-up", "reset", "requests"),
      part(3, "orders.other", "live", "elsewhere"), part(4, "orders.table", "live", "requests")};
  manifest.parts[3].stores = {
      {"asked", "table", "string", "string", "", "requests", false, {}, {}, {}}};
  ASSERT_TRUE(stream::write_manifest(shop.service("orders"), "orders", manifest, {}));
  Event event{"orders.dead-letters", 1, "A3", "OrderRequested", "q3", "", "c3"};
  event.more_headers = {{"dl-topic", "requests"}, {"dl-partition", "1"}, {"dl-offset", "0"}};
  std::map<std::string, std::int64_t> letters;
  letters["none"] = shop.publish(event);
  for (const char* const name : {"given-up", "orders.other", "of nobody", "orders.table"}) {
    event.more_headers["dl-sub-topology"] = name;
    letters[name] = shop.publish(event);
  }
  shop.topic("orders.between", "orders", TopicKind::private_topic);
  event.more_headers["dl-sub-topology"] = "given-up";
  event.more_headers["dl-topic"] = "orders.between";
  letters["private"] = shop.publish(event);
  const auto why = [&](const std::string& name) {
    const Status done = replay_dead_letters(*shop.tool, "orders", one(letters.at(name)),
                                            [](const ReplayOutcome&) {});
    return done ? std::string() : done.error().message();
  };
  EXPECT_THAT(why("given-up"), HasSubstr("'given-up' of service 'orders' is not in the topology "
                                         "any more (reset); write its value to 'requests' again"));
  EXPECT_THAT(why("orders.other"), HasSubstr("does not read 'requests' any more"));
  EXPECT_THAT(why("of nobody"), HasSubstr("is not known"));
  EXPECT_THAT(why("none"), HasSubstr("it names no part of service 'orders'"));
  EXPECT_THAT(why("orders.table"), HasSubstr("keeps 'requests' as a table; write its value to"));
  EXPECT_THAT(why("private"), EndsWith("(reset)"));
  EXPECT_TRUE(shop.read("orders.retry", 1).empty());
  std::size_t left_out = 0;
  std::size_t replayed = 0;
  ASSERT_TRUE(replay_dead_letters(*shop.tool, "orders", all(), [&](const ReplayOutcome& outcome) {
    ++(outcome.left_out.empty() ? replayed : left_out);
  }));
  EXPECT_EQ(left_out, 6U);
  EXPECT_EQ(replayed, 3U);
  EXPECT_EQ(shop.read("orders.retry", 1).size(), 3U);
}

TEST_F(DeadLetters, take_the_records_own_dl_headers_back_with_them) {
  Event event{"orders.dead-letters", 1, "A3", "OrderRequested", "q3", "", "c3"};
  event.more_headers = {{"dl-topic", "requests"},
                        {"dl-partition", "1"},
                        {"dl-offset", "7"},
                        {"dl-reason", "of this letter"},
                        {"dl-record-dl-reason", "theirs"},
                        {"dl-record-dl-omitted", "value"}};
  replay(one(shop.publish(event)));
  log::FetchBuffer buffer;
  const auto retry = shop.tool->find_topic("orders.retry");
  ASSERT_TRUE(shop.tool->fetch({retry->id, log::partition(1)}, log::offset(0), 1000, buffer));
  ASSERT_EQ(buffer.records.size(), 1U);
  const log::HeadersView headers = buffer.records[0].headers;
  EXPECT_EQ(headers.find("dl-record-dl-reason"), "theirs");
  EXPECT_EQ(headers.find("dl-record-dl-omitted"), "value");
  EXPECT_EQ(headers.find("dl-reason"), std::nullopt);
}

TEST_F(DeadLetters, can_go_back_with_an_empty_value) {
  ReplayOptions corrected = one(0);
  corrected.value = "";
  replay(corrected);
  EXPECT_EQ(shop.read("orders.retry", 1),
            (std::vector<std::pair<std::string, std::string>>{{"A0", ""}}));
}

TEST_F(DeadLetters, are_not_replayed_by_two_at_a_time) {
  const auto other = shop.connect({});
  const auto group = other->group("orders.replay");
  ASSERT_TRUE(group);
  auto membership = other->join(*group, {"replay"});
  ASSERT_TRUE(membership);
  ASSERT_TRUE((*membership)->poll());
  EXPECT_EQ(replay(one(0)), std::vector<std::string>{"base.busy"});
  membership->reset();
  EXPECT_EQ(replay(one(0)).front(), "orders.dead-letters-1:0 -> orders.retry-1:0");
}

TEST_F(DeadLetters, of_an_unknown_service_name_those_that_have_some) {
  const auto topic = dead_letters_topic(*shop.tool, "stock");
  ASSERT_FALSE(topic);
  EXPECT_NE(topic.error().message().find("orders"), std::string::npos);
}

TEST(ServiceOf, takes_a_service_or_its_dead_letter_topic) {
  EXPECT_EQ(service_of("orders"), "orders");
  EXPECT_EQ(service_of("orders.dead-letters"), "orders");
}

}  // namespace
}  // namespace millrace::cli
