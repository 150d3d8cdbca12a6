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
#include "wire/protocol.hpp"

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

/// Who is asking, and how: the first fields of all requests of a transaction, and their version.
struct Producing {
  std::string transactional_id;
  ProducerId producer;
  /// Whether its transactions are of version 2 (KIP-890): partitions and groups need not be added
  /// before they are written, and each end gives the producer another epoch.
  bool second = false;

  /// The version of a request of its transactions. Brokers take the later one as part of a
  /// transaction of version 2, so that there is nothing in between.
  [[nodiscard]] std::int16_t version(Api api) const {
    return second ? version_of_second(api) : spoken(api).lowest;
  }
};
/// The version of Produce that names topics by their ids (Kafka 4.1). Of transactions of version 2.
inline constexpr std::int16_t produce_by_id = spoken(Api::produce).highest;

enum class CoordinatorKind : std::int8_t { group = 0, transaction = 1 };

[[nodiscard]] std::string find_coordinator(std::string_view key, CoordinatorKind kind);
struct Coordinator {
  Code error{};
  net::Address address;
};
[[nodiscard]] std::optional<Coordinator> read_coordinator(std::string_view body);

/// Takes the id, whoever had it.
[[nodiscard]] std::string init_producer(std::string_view transactional_id, std::int32_t timeout_ms);
/// Asks for another epoch, which the broker gives only to the producer that has the id still.
[[nodiscard]] std::string renew_producer(const Producing& producer, std::int32_t timeout_ms);
/// The version of the two questions.
constexpr std::int16_t init_version = spoken(Api::init_producer_id).lowest;
constexpr std::int16_t renew_version = spoken(Api::init_producer_id).highest;
struct GivenProducer {
  Code error{};
  ProducerId producer;
};
[[nodiscard]] std::optional<GivenProducer> read_init_producer(std::string_view body,
                                                              std::int16_t version);

/// `partitions` in the order of their topics.
[[nodiscard]] std::string add_partitions(const Producing& producer,
                                         std::span<const KafkaPartition> partitions);
[[nodiscard]] std::string add_group(const Producing& producer, std::string_view group);
[[nodiscard]] std::string end_transaction(const Producing& producer, bool commit);
/// Of version 2: with the epoch of the next transaction.
[[nodiscard]] std::optional<GivenProducer> read_ended(std::string_view body);

/// What a position says for itself: of which topic it is, so that one that was committed late is
/// not taken for one of a topic that has the name since. Empty without an id.
[[nodiscard]] std::string position_note(const TopicUuid& id);
/// The id in the note of a position; none in one that an earlier build or a tool wrote.
[[nodiscard]] TopicUuid read_position_note(std::string_view note);

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
  std::string message;  ///< of the broker; empty when it gave none

  /// Of two errors keeps the one that a retry helps less against.
  void add(Code another, std::string_view topic, std::int32_t partition);
};
[[nodiscard]] std::optional<PartitionError> read_partition_errors(std::string_view body);
/// The same for a response of the flexible form.
[[nodiscard]] std::optional<PartitionError> read_flexible_errors(std::string_view body);

/// One partition of an answer to Produce. By id the topic has no name.
struct Produced {
  KafkaPartition at;
  Code error{};
  std::int64_t first = -1;
  std::string message;  ///< why it was refused; empty when the broker does not say
};
[[nodiscard]] std::optional<std::vector<Produced>> read_produced(std::string_view body,
                                                                 std::int16_t version);

}  // namespace millrace::log::kafka::wire
