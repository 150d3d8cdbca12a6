// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "client.hpp"

namespace millrace::log {

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
    if (transactional_) expect_done(rd_kafka_init_transactions(client_.get(), timeout_ms));
  }
  void begin() { expect_done(rd_kafka_begin_transaction(client_.get())); }
  void commit() { expect_done(rd_kafka_commit_transaction(client_.get(), timeout_ms)); }
  void abort() { expect_done(rd_kafka_abort_transaction(client_.get(), timeout_ms)); }
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
    EXPECT_EQ(rd_kafka_flush(client_.get(), timeout_ms), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  /// The same for one record with a key and no value.
  void put_tombstone(const std::string& key) {
    EXPECT_EQ(rd_kafka_producev(client_.get(), RD_KAFKA_V_TOPIC(topic_.c_str()),
                                RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                RD_KAFKA_V_KEY(key.data(), key.size()), RD_KAFKA_V_END),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    EXPECT_EQ(rd_kafka_flush(client_.get(), timeout_ms), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

 private:
  static constexpr int timeout_ms = 120'000;
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

}  // namespace millrace::log
