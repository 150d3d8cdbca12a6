// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "record_text.hpp"

#include <gtest/gtest.h>

#include "merged_reader.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

using log::TopicKind;

class RecordText : public testing::Test {
 protected:
  void SetUp() override {
    shop.topic("orders", "orders", TopicKind::events);
    shop.topic("orders.state", "orders", TopicKind::private_topic);
    shop.topic("orders.dead-letters", "orders", TopicKind::events);
  }
  // The last record of partition 0 in text and in JSON.
  std::string line(const std::string& topic, bool headers = false) {
    return shown(topic, [&](std::string& out, const FoundRecord& found) {
      append_record_line(out, found, headers);
    });
  }
  std::string json(const std::string& topic) {
    std::string text = shown(topic, [&](std::string& out, const FoundRecord& found) {
      append_record_json(out, found, false);
    });
    EXPECT_TRUE(is_json(text)) << text;
    return text;
  }
  template <class Show>
  std::string shown(const std::string& name, Show show) {
    const auto topic = shop.tool->find_topic(name);
    EXPECT_TRUE(topic);
    std::string text;
    MergedReader reader(*shop.tool, {{&*topic, log::partition(0), log::offset(0)}});
    EXPECT_TRUE(reader.read([&](const FoundRecord& found) {
      text.clear();
      show(text, found);
      return true;
    }));
    return text;
  }
  void write(const std::string& topic, const log::Record& record) {
    log::Transaction transaction;
    transaction.append({shop.tool->find_topic(topic)->id, log::partition(0)}, record);
    ASSERT_TRUE(shop.service("orders").commit(transaction));
  }
  Shop shop;
};

TEST_F(RecordText, has_place_time_key_type_and_value) {
  Event event{"orders", 0, "536365", "OrderConfirmed", "o2", "s1", "c-1"};
  event.value = "{ \"order_id\": \"536365\" }";
  shop.publish(event);
  EXPECT_EQ(line("orders"),
            "orders-0:0  2010-12-01T08:26:00.000Z  536365  OrderConfirmed  "
            "{\"order_id\":\"536365\"}\n");
}

TEST_F(RecordText, shows_headers_when_asked) {
  shop.publish({"orders", 0, "k", "Happened", "o2", "", "c-1"});
  EXPECT_NE(line("orders", true).find("\n    correlationid: c-1\n"), std::string::npos);
}

TEST_F(RecordText, of_a_private_record_is_escaped_bytes_with_a_note) {
  shop.keep("orders.state", 0, std::string("a\0b", 3), "o1", "c-1", std::string("5\x01", 2));
  EXPECT_TRUE(line("orders.state").ends_with("a\\x00b  5\\x01 (binary, 2 bytes)\n"))
      << line("orders.state");
}

TEST_F(RecordText, of_a_private_record_has_its_context_in_json) {
  shop.keep("orders.state", 0, "k", "o1", "c-1", std::string("5\x01", 2));
  const std::string text = json("orders.state");
  EXPECT_NE(text.find("\"id\":\"o1\",\"correlation\":\"c-1\",\"value_hex\":\"3501\""),
            std::string::npos)
      << text;
}

TEST_F(RecordText, does_not_take_a_private_digit_for_json) {
  shop.keep("orders.state", 0, "k", "o1", "c-1", "5");
  EXPECT_NE(json("orders.state").find("\"value_hex\":\"35\""), std::string::npos);
}

TEST_F(RecordText, of_a_tombstone_says_so) {
  write("orders", {0, "k", std::nullopt, {}});
  EXPECT_TRUE(line("orders").ends_with("k  (tombstone)\n"));
  EXPECT_NE(json("orders").find("\"value\":null"), std::string::npos);
}

TEST_F(RecordText, of_a_record_without_key_and_headers_is_shown_all_the_same) {
  write("orders", {0, std::nullopt, "plain words", {}});
  EXPECT_TRUE(line("orders").ends_with("-  plain words\n")) << line("orders");
  EXPECT_NE(json("orders").find("\"key\":null,\"value\":\"plain words\""), std::string::npos);
}

TEST_F(RecordText, of_bytes_in_a_public_topic_is_hex_in_json) {
  write("orders", {0, "k", "\xff\xfe", {}});
  EXPECT_NE(json("orders").find("\"value_hex\":\"fffe\""), std::string::npos);
  EXPECT_TRUE(line("orders").ends_with("\\xff\\xfe (binary, 2 bytes)\n")) << line("orders");
}

TEST_F(RecordText, of_a_long_value_is_cut_with_a_note) {
  write("orders", {0, "k", std::string(10'000, 'x'), {}});
  EXPECT_TRUE(line("orders").ends_with("xx (cut, of 10000 bytes)\n"));
}

TEST_F(RecordText, of_a_dead_letter_says_why) {
  Event event{"orders.dead-letters", 0, "A1", "OrderRequested", "q1", "", "c-1"};
  event.more_headers = {{"dl-reason", "not a sale"}, {"dl-code", "retail.not_a_sale"},
                        {"dl-topic", "requests"},    {"dl-partition", "3"},
                        {"dl-offset", "7"},          {"dl-attempts", "2"}};
  shop.publish(event);
  EXPECT_NE(line("orders.dead-letters")
                .find("\n    dead letter: not a sale (retail.not_a_sale), from requests-3:7\n"),
            std::string::npos)
      << line("orders.dead-letters");
  EXPECT_NE(json("orders.dead-letters")
                .find("\"dead_letter\":{\"reason\":\"not a sale\",\"code\":\"retail.not_a_sale\","
                      "\"topic\":\"requests\",\"partition\":3,\"offset\":7,\"attempts\":2}"),
            std::string::npos)
      << json("orders.dead-letters");
}

}  // namespace
}  // namespace millrace::cli
