// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"
#include "millrace/net/address.hpp"

// Bodies of the requests of a transaction, and their responses. Errors of Kafka's protocol have the
// numbers that librdkafka gives them.
namespace millrace::log::kafka::wire {

using Code = rd_kafka_resp_err_t;

/// The error of that number in the protocol; RD_KAFKA_RESP_ERR_UNKNOWN for one that librdkafka does
/// not know.
[[nodiscard]] Code code_of(std::int16_t number);

/// What a broker gives to a client that takes a transactional id.
struct ProducerId {
  std::int64_t id = -1;
  std::int16_t epoch = -1;
};

/// Who is asking: the first fields of all requests of a transaction.
struct Producing {
  std::string transactional_id;
  ProducerId producer;
};

enum class CoordinatorKind : std::int8_t { group = 0, transaction = 1 };

[[nodiscard]] std::string find_coordinator(std::string_view key, CoordinatorKind kind);
struct Coordinator {
  Code error{};
  net::Address address;
};
[[nodiscard]] std::optional<Coordinator> read_coordinator(std::string_view body);

[[nodiscard]] std::string init_producer(std::string_view transactional_id, std::int32_t timeout_ms);
struct InitializedProducer {
  Code error{};
  ProducerId producer;
};
[[nodiscard]] std::optional<InitializedProducer> read_init_producer(std::string_view body);

/// `partitions` in the order of their topics.
[[nodiscard]] std::string add_partitions(const Producing& producer,
                                         std::span<const KafkaPartition> partitions);
[[nodiscard]] std::string add_group(const Producing& producer, std::string_view group);
[[nodiscard]] std::string end_transaction(const Producing& producer, bool commit);

/// `partitions` in the order of their topics.
[[nodiscard]] std::string commit_positions(
    const Producing& producer, std::string_view group,
    std::span<const std::pair<KafkaPartition, std::int64_t>> partitions);

/// The error of an answer that has one only, or of one that has one for each partition: the first
/// that is not passing, else the first. Nothing when the answer cannot be read.
[[nodiscard]] std::optional<Code> read_single_error(std::string_view body);
struct PartitionError {
  Code error{};
  KafkaPartition at;

  /// Of two errors keeps the one that a retry helps less against.
  void add(Code another, std::string_view topic, std::int32_t partition);
};
[[nodiscard]] std::optional<PartitionError> read_partition_errors(std::string_view body);

/// One partition of an answer to Produce.
struct Produced {
  KafkaPartition at;
  Code error{};
  std::int64_t first = -1;
};
[[nodiscard]] std::optional<std::vector<Produced>> read_produced(std::string_view body);

}  // namespace millrace::log::kafka::wire
