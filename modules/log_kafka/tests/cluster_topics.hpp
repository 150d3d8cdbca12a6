// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "admin.hpp"
#include "client_producer.hpp"
#include "millrace/base/clock.hpp"
#include "reader.hpp"

namespace millrace::log {

/// Topics as tools of the cluster change them, without a word to Millrace. By their names in Kafka.
class ClusterTopics {
 public:
  explicit ClusterTopics(const std::string& url)
      : config_(kafka::parse_url(url).value(), options_, real_clock()) {}

  /// Returns when the topic is gone and the brokers know it: they hear of it some time after the
  /// request was answered, and serve the old records until then.
  void remove(const std::string& name) {
    const auto producer = kafka::ClientProducer::open(config_, options_);
    rd_kafka_t* const client = (*producer)->client();
    kafka::Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(client));
    rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(name.c_str());
    rd_kafka_DeleteTopics(client, &request, 1, nullptr, queue.get());
    rd_kafka_DeleteTopic_destroy(request);
    const kafka::Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), 120'000));
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
    await(client, name, false);
  }
  void make(const std::string& name) {
    const auto producer = kafka::ClientProducer::open(config_, options_);
    const auto made = kafka::create_topic((*producer)->client(), name, 1,
                                          {{"cleanup.policy", "delete"}, {"retention.ms", "-1"}},
                                          config_.timeout_ms());
    EXPECT_TRUE(made.has_value()) << made.error().to_string();
    await((*producer)->client(), name, true);
  }

 private:
  void await(rd_kafka_t* client, const std::string& name, bool is_there) {
    const kafka::Signal never;
    for (;;) {
      const auto found = kafka::find_partitions(client, name, config_.timeout_ms());
      ASSERT_TRUE(found.has_value()) << found.error().to_string();
      if (found->has_value() == is_there) return;
      never.wait(0, 10'000'000);
    }
  }

  LogOptions options_;
  kafka::ClientConfig config_;
};

}  // namespace millrace::log
