// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What other clients write, compressed in their ways and in transactions that overlap and fail.
#include "foreign_producer.hpp"
#include "kafka_world.hpp"

namespace millrace::log {
namespace {

std::vector<std::string> many(const std::string& name) {
  std::vector<std::string> values;
  for (int i = 0; i < 200; ++i)
    values.push_back(name + " " + std::to_string(i) + " " + std::string(100, 'x'));
  return values;
}

class KafkaForeign : public KafkaWorld, public testing::WithParamInterface<std::string> {};

TEST_P(KafkaForeign, what_other_clients_committed_is_read_and_what_they_aborted_is_not) {
  const auto log = open("reader");
  const TopicPartition partition = make_topic(*log, "t");
  const std::string topic = prefix() + ".t";
  constexpr std::int64_t all_offsets = 7 * 200 + 4;  // with a marker for each transaction
  ForeignProducer plain(topic, GetParam(), "");
  ForeignProducer first(topic, GetParam(), prefix() + ".one");
  ForeignProducer second(topic, GetParam(), prefix() + ".two");
  std::vector<std::string> expected;
  const auto put = [&](ForeignProducer& producer, const std::string& name, bool counts) {
    const auto values = many(name);
    producer.put(values);
    if (counts) expected.insert(expected.end(), values.begin(), values.end());
  };
  put(plain, "plain", true);
  first.begin();
  second.begin();
  put(first, "committed", true);
  put(second, "aborted", false);
  put(plain, "plain among transactions", true);
  put(first, "committed with it", true);
  first.commit();
  second.abort();
  second.begin();
  put(second, "committed after an abort", true);
  second.commit();
  first.begin();
  put(first, "aborted at the end", false);
  first.abort();
  // Kafka responds before the transaction markers are written.
  const auto waiter = log->waiter();
  while (log->end_offset(partition).value().value < all_offsets) {
    const Interest interest[] = {{partition, offset(all_offsets)}};
    static_cast<void>(waiter->wait(interest, real_clock().monotonic_ns() + 10'000'000));
  }
  EXPECT_EQ(values(*log, partition), expected);
  // From the middle of a batch of each.
  FetchBuffer buffer;
  for (const std::int64_t from : {50, 350, 950}) {
    ASSERT_TRUE(log->fetch(partition, offset(from), 1, buffer).has_value());
    ASSERT_FALSE(buffer.records.empty());
    EXPECT_GE(buffer.records.front().offset, offset(from));
  }
}

class KafkaForeignSequence : public KafkaWorld {};

TEST_F(KafkaForeignSequence, a_repeat_behind_the_open_transaction_of_another_producer_is_known) {
  auto first = open("first");
  const TopicPartition partition = make_topic(*first, "t");
  const auto commit = [&](Log& log, std::int64_t sequence) {
    Transaction transaction;
    transaction.append(partition, {1'000, "k", std::to_string(sequence), {}});
    transaction.set_sequence("edge", sequence);
    return log.commit(transaction);
  };
  ASSERT_TRUE(commit(*first, 1).has_value());
  ForeignProducer other(prefix() + ".__millrace_sequences", "none", prefix() + ".other");
  other.begin();
  other.put_tombstone("of another producer");
  ASSERT_TRUE(commit(*first, 2).has_value());
  first.reset();

  // Whether it is a repeat cannot be read.
  const auto second = open("second", address(), {{"millrace.request.timeout.ms", "10000"}});
  const auto unsure = commit(*second, 2);
  ASSERT_FALSE(unsure.has_value());
  EXPECT_TRUE(unsure.error().is(errc::unavailable)) << unsure.error().to_string();
  EXPECT_THAT(unsure.error().to_string(), testing::HasSubstr("older transaction"));
  other.commit();
  const auto repeat = commit(*second, 2);
  ASSERT_TRUE(repeat.has_value()) << repeat.error().to_string();
  EXPECT_TRUE(repeat->repeated);
  EXPECT_THAT(values(*second, partition), testing::ElementsAre("1", "2"));
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaForeign,
                         testing::Values("none", "gzip", "snappy", "lz4", "zstd"),
                         [](const testing::TestParamInfo<std::string>& tested) {
                           return tested.param;
                         });

}  // namespace
}  // namespace millrace::log
