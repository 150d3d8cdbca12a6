// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/feed.hpp"

#include <gtest/gtest.h>

#include "record_set_reader.hpp"

namespace millrace::log::kafka::wire {
namespace {

TEST(KafkaFeed, what_came_is_taken_once_and_in_order) {
  Feed feed({"t", 0}, offset(5));
  Feed::News news;
  EXPECT_FALSE(feed.take(news));
  EXPECT_TRUE(feed.put(set_of({raw_batch(5, {"a"})}), offset(9)));
  EXPECT_TRUE(feed.put(set_of({raw_batch(6, {"b"})}), offset(9)));
  ASSERT_TRUE(feed.take(news));
  ASSERT_EQ(news.sets.size(), 2U);
  EXPECT_EQ(take(news.sets[0], offset(5)).text, std::vector<std::string>{"5:a"});
  EXPECT_EQ(take(news.sets[1], offset(6)).text, std::vector<std::string>{"6:b"});
  EXPECT_EQ(news.last_stable, offset(9));
  EXPECT_FALSE(feed.take(news));
}

TEST(KafkaFeed, an_end_that_moved_is_news_and_one_that_did_not_is_none) {
  Feed feed({"t", 0}, offset(0));
  EXPECT_FALSE(feed.put(std::nullopt, offset(-1)));
  EXPECT_TRUE(feed.put(std::nullopt, offset(3)));
  EXPECT_FALSE(feed.put(std::nullopt, offset(3)));
  EXPECT_FALSE(feed.put(std::nullopt, offset(2))) << "a new leader that knows less yet";
  Feed::News news;
  ASSERT_TRUE(feed.take(news));
  EXPECT_EQ(news.last_stable, offset(3));
  EXPECT_TRUE(news.sets.empty());
}

TEST(KafkaFeed, who_waits_for_room_is_told_once_when_there_is_some) {
  Feed feed({"t", 0}, offset(0));
  RecordSet set = set_of({raw_batch(0, {std::string(1'000, 'x')})});
  const std::size_t bytes = set.bytes();
  EXPECT_TRUE(feed.has_room(bytes));
  EXPECT_TRUE(feed.put(std::move(set), offset(1)));
  EXPECT_TRUE(feed.has_room(bytes + 1));
  EXPECT_FALSE(feed.release(0)) << "nobody waits";
  EXPECT_FALSE(feed.has_room(bytes / 2));
  EXPECT_FALSE(feed.release(1)) << "still too much";
  EXPECT_TRUE(feed.release(bytes - 1));
  EXPECT_FALSE(feed.release(0));
  EXPECT_TRUE(feed.has_room(1));
}

TEST(KafkaFeed, an_error_comes_with_what_was_there_before_it) {
  Feed feed({"t", 0}, offset(0));
  EXPECT_TRUE(feed.put(set_of({raw_batch(0, {"a"})}), offset(1)));
  feed.end(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
  Feed::News news;
  ASSERT_TRUE(feed.take(news));
  EXPECT_EQ(news.sets.size(), 1U);
  EXPECT_EQ(news.error, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
}

}  // namespace
}  // namespace millrace::log::kafka::wire
