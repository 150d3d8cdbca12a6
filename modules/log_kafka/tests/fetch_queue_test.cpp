// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/fetch_queue.hpp"

#include <gtest/gtest.h>

#include "record_set_reader.hpp"

namespace millrace::log::kafka::wire {
namespace {

TEST(KafkaFetchQueue, what_came_is_taken_once_and_in_order) {
  FetchQueue queue({"t", 0}, offset(5));
  FetchQueue::News news;
  EXPECT_FALSE(queue.take(news));
  EXPECT_TRUE(queue.put(set_of({raw_batch(5, {"a"})}), offset(9)));
  EXPECT_TRUE(queue.put(set_of({raw_batch(6, {"b"})}), offset(9)));
  ASSERT_TRUE(queue.take(news));
  ASSERT_EQ(news.sets.size(), 2U);
  EXPECT_EQ(take(news.sets[0], offset(5)).text, std::vector<std::string>{"5:a"});
  EXPECT_EQ(take(news.sets[1], offset(6)).text, std::vector<std::string>{"6:b"});
  EXPECT_EQ(news.last_stable, offset(9));
  EXPECT_FALSE(queue.take(news));
}

TEST(KafkaFetchQueue, an_end_that_moved_is_news_and_one_that_did_not_is_none) {
  FetchQueue queue({"t", 0}, offset(0));
  EXPECT_FALSE(queue.put(std::nullopt, offset(-1)));
  EXPECT_TRUE(queue.put(std::nullopt, offset(3)));
  EXPECT_FALSE(queue.put(std::nullopt, offset(3)));
  EXPECT_FALSE(queue.put(std::nullopt, offset(2))) << "a new leader that knows less yet";
  FetchQueue::News news;
  ASSERT_TRUE(queue.take(news));
  EXPECT_EQ(news.last_stable, offset(3));
  EXPECT_TRUE(news.sets.empty());
}

TEST(KafkaFetchQueue, a_fetcher_that_waits_for_room_is_notified_once_when_there_is_some) {
  FetchQueue queue({"t", 0}, offset(0));
  RecordSet set = set_of({raw_batch(0, {std::string(1'000, 'x')})});
  const std::size_t bytes = set.bytes();
  EXPECT_TRUE(queue.has_room(bytes));
  EXPECT_TRUE(queue.put(std::move(set), offset(1)));
  EXPECT_TRUE(queue.has_room(bytes + 1));
  EXPECT_FALSE(queue.release(0)) << "nobody waits";
  EXPECT_FALSE(queue.has_room(bytes / 2));
  EXPECT_FALSE(queue.release(1)) << "still too much";
  EXPECT_TRUE(queue.release(bytes - 1));
  EXPECT_FALSE(queue.release(0));
  EXPECT_TRUE(queue.has_room(1));
}

TEST(KafkaFetchQueue, an_error_comes_with_what_was_there_before_it) {
  FetchQueue queue({"t", 0}, offset(0));
  EXPECT_TRUE(queue.put(set_of({raw_batch(0, {"a"})}), offset(1)));
  queue.end(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
  FetchQueue::News news;
  ASSERT_TRUE(queue.take(news));
  EXPECT_EQ(news.sets.size(), 1U);
  EXPECT_EQ(news.error, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
}

}  // namespace
}  // namespace millrace::log::kafka::wire
