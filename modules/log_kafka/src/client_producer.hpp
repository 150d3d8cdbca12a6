// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client_events.hpp"
#include "producer.hpp"

namespace millrace::log::kafka {

/// A producer of librdkafka, idempotent, with a transactional id or without. One thread at a time.
class ClientProducer final : public Producer {
 public:
  /// Without a transactional id: single records only.
  [[nodiscard]] static Result<std::unique_ptr<ClientProducer>> open(const ClientConfig& config,
                                                                    const LogOptions& options);
  /// As Producer::open_transactional.
  [[nodiscard]] static Result<std::unique_ptr<Producer>> open_transactional(
      const ClientConfig& config, const LogOptions& options, const std::string& transactional_id);
  ~ClientProducer() override;

  /// Appends one record without a transaction.
  [[nodiscard]] Result<Offset> append(const KafkaPartition& at, const Record& record);
  /// Several records of one partition, in order, each by itself; the offset of the last.
  [[nodiscard]] Result<Offset> append_all(const KafkaPartition& at,
                                          std::span<const Record> records);

  Status begin(std::span<const OutgoingPositions> positions) override;
  Status add(OutgoingBatch& batch) override;
  Status settle() override;
  Status end() override;
  [[nodiscard]] bool usable() const override { return usable_; }
  [[nodiscard]] rd_kafka_t* client() const { return client_.get(); }

 private:
  explicit ClientProducer(const ClientConfig& config) : config_(config), events_(config) {}
  Status create(const LogOptions& options, const std::string* transactional_id);
  Status produce(const KafkaPartition& at, const Record& record, Offset* first);
  Status abort(const Error& because);
  /// False when it failed; the producer is not usable then.
  [[nodiscard]] bool try_abort();
  /// What became of the transaction after an error of one of its calls.
  Status failed(Owned<rd_kafka_error_t> error, std::string_view doing, bool committing);
  Status send_positions(const OutgoingPositions& positions, std::int64_t deadline_ns);
  void beware_of_late_requests();
  rd_kafka_topic_t* topic(const std::string& name);

  const ClientConfig& config_;
  ClientEvents events_;
  bool usable_ = true;
  std::int64_t socket_timeout_ms_ = 0;
  std::int64_t began_ns_ = 0;
  Owned<rd_kafka_t> client_;
  std::unordered_map<std::string, Owned<rd_kafka_topic_t>> topics_;
};

}  // namespace millrace::log::kafka
