// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "client_events.hpp"

namespace millrace::log::kafka {

/// A producer of librdkafka for records without a transaction, idempotent. One thread at a time.
class ClientProducer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ClientProducer>> open(const ClientConfig& config,
                                                                    const LogOptions& options);
  ~ClientProducer();
  ClientProducer(const ClientProducer&) = delete;
  ClientProducer& operator=(const ClientProducer&) = delete;

  /// Appends one record.
  [[nodiscard]] Result<Offset> append(const KafkaPartition& at, const Record& record);
  /// Several records of one partition, in order, each by itself; the offset of the last.
  [[nodiscard]] Result<Offset> append_all(const KafkaPartition& at,
                                          std::span<const Record> records);

  /// False after a failure that this producer does not survive.
  [[nodiscard]] bool usable() const { return usable_; }
  [[nodiscard]] rd_kafka_t* client() const { return client_.get(); }

 private:
  explicit ClientProducer(const ClientConfig& config) : config_(config), events_(config) {}
  Status create(const LogOptions& options);
  Status produce(const KafkaPartition& at, const Record& record, Offset* first);
  rd_kafka_topic_t* topic(const std::string& name);

  const ClientConfig& config_;
  ClientEvents events_;
  bool usable_ = true;
  Owned<rd_kafka_t> client_;
  std::unordered_map<std::string, Owned<rd_kafka_topic_t>> topics_;
};

}  // namespace millrace::log::kafka
