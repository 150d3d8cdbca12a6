// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client.hpp"

namespace millrace::log::kafka {

/// What goes into one partition. The bytes stay valid until the transaction is settled.
struct OutgoingBatch {
  KafkaPartition at;
  std::string_view encoded;   ///< by a RecordBatchBuilder
  std::int32_t count = 0;     ///< records in it
  Offset first = offset(-1);  ///< answered: of the first record
  Offset end = offset(-1);    ///< answered: behind the last one, where others may write in between
};

/// The positions of one group.
struct OutgoingPositions {
  std::string group;  ///< its name in Kafka
  std::vector<std::pair<KafkaPartition, Offset>> partitions;
};

/// The owner of a transactional id. One thread at a time.
class Producer {
 public:
  /// Takes the transactional id over: its former owner can commit nothing any more, and what that
  /// had begun is ended, before this returns. errc::unavailable.
  [[nodiscard]] static Result<std::unique_ptr<Producer>> open_transactional(
      const ClientConfig& config, const std::string& transactional_id);
  Producer() = default;
  virtual ~Producer() = default;
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// All or nothing. After errc::fenced and errc::outcome_unknown this producer is of no use any
  /// more (usable() is false).
  [[nodiscard]] Status commit(std::span<OutgoingBatch> batches,
                              std::span<const OutgoingPositions> positions);
  /// In two steps, for those who put the offsets of the first step into the second. A step that
  /// fails has ended the transaction.
  [[nodiscard]] virtual Status begin(std::span<const OutgoingPositions> positions) = 0;
  /// The batch stays where it is until it is settled.
  [[nodiscard]] virtual Status add(OutgoingBatch& batch) = 0;
  /// Returns when all that was added has its offset.
  [[nodiscard]] virtual Status settle() = 0;
  [[nodiscard]] virtual Status end() = 0;
  /// Instead of end(), after settle(): ends the transaction without a commit and returns why.
  [[nodiscard]] virtual Status give_up(Error because) = 0;
  /// Whether a batch of the transaction was written to a topic by its name: to another one of that
  /// name, if the topic was deleted.
  [[nodiscard]] virtual bool used_names() const = 0;

  /// False after a failure that this producer does not survive, and after a transaction that took
  /// so long that a request of it may still arrive: give it up, and its transactional id with it.
  [[nodiscard]] virtual bool usable() const = 0;
};

}  // namespace millrace::log::kafka
