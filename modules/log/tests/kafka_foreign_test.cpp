// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What other clients write, compressed in their ways and in transactions that overlap and fail.
#include <librdkafka/rdkafka.h>

#include "kafka/client.hpp"
#include "kafka_world.hpp"

namespace millrace::log {
namespace {

/// A producer of another program.
class ForeignProducer {
 public:
  ForeignProducer(const std::string& topic, const std::string& codec, const std::string& id)
      : topic_(topic), transactional_(!id.empty()) {
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", std::getenv("MILLRACE_TEST_KAFKA"));
    set(conf, "compression.type", codec);
    // Several records to a batch.
    set(conf, "linger.ms", "50");
    if (transactional_) set(conf, "transactional.id", id);
    char reason[512];
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason));
    EXPECT_NE(client_, nullptr) << reason;
    if (transactional_) expect_done(rd_kafka_init_transactions(client_.get(), patience_ms));
  }
  void begin() { expect_done(rd_kafka_begin_transaction(client_.get())); }
  void commit() { expect_done(rd_kafka_commit_transaction(client_.get(), patience_ms)); }
  void abort() { expect_done(rd_kafka_abort_transaction(client_.get(), patience_ms)); }
  /// On the partition when it returns.
  void put(const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      EXPECT_EQ(rd_kafka_producev(client_.get(), RD_KAFKA_V_TOPIC(topic_.c_str()),
                                  RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                  // NOLINTNEXTLINE: librdkafka takes no const, and copies
                                  RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                                  RD_KAFKA_V_END),
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    EXPECT_EQ(rd_kafka_flush(client_.get(), patience_ms), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

 private:
  static constexpr int patience_ms = 60'000;
  static void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
    char reason[512];
    EXPECT_EQ(rd_kafka_conf_set(conf, name, value.c_str(), reason, sizeof reason), RD_KAFKA_CONF_OK)
        << reason;
  }
  static void expect_done(rd_kafka_error_t* error) {
    EXPECT_EQ(error, nullptr) << rd_kafka_error_string(error);
    if (error != nullptr) rd_kafka_error_destroy(error);
  }

  std::string topic_;
  bool transactional_;
  kafka::Owned<rd_kafka_t> client_;
};

std::vector<std::string> many(const std::string& name) {
  std::vector<std::string> values;
  for (int i = 0; i < 200; ++i)
    values.push_back(name + " " + std::to_string(i) + " " + std::string(100, 'x'));
  return values;
}

class KafkaForeign : public KafkaWorld, public testing::WithParamInterface<std::string> {};

TEST_P(KafkaForeign, what_other_clients_committed_is_read_and_what_they_aborted_is_not) {
  const auto log = open("reader");
  const TopicPartition place = make_topic(*log, "t");
  const std::string topic = prefix() + ".t";
  constexpr std::int64_t all_offsets = 7 * 200 + 4;  // with a mark for each transaction
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
  // Kafka answers before the marks are written.
  const auto waiter = log->waiter();
  while (log->end_offset(place).value().value < all_offsets) {
    const Interest interest[] = {{place, offset(all_offsets)}};
    static_cast<void>(waiter->wait(interest, real_clock().monotonic_ns() + 10'000'000));
  }
  EXPECT_EQ(values(*log, place), expected);
  // From the middle of a batch of each.
  FetchBuffer buffer;
  for (const std::int64_t from : {50, 350, 950}) {
    ASSERT_TRUE(log->fetch(place, offset(from), 1, buffer).has_value());
    ASSERT_FALSE(buffer.records.empty());
    EXPECT_GE(buffer.records.front().offset, offset(from));
  }
}

INSTANTIATE_TEST_SUITE_P(Kafka, KafkaForeign,
                         testing::Values("none", "gzip", "snappy", "lz4", "zstd"),
                         [](const testing::TestParamInfo<std::string>& tested) {
                           return tested.param;
                         });

}  // namespace
}  // namespace millrace::log
