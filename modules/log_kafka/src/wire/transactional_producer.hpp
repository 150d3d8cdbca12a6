// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "producer.hpp"
#include "wire/partition_writer.hpp"

namespace millrace::log::kafka::wire {

/// A transactional producer over connections of our own.
///
/// A transaction is: its partitions and groups to its coordinator; records to the leaders and
/// positions to the groups' coordinators, all at once; its end. Each request is repeated until it
/// is answered: a broker tells repeated ones from new ones by the sequence numbers of batches, and
/// carries the others out twice without harm, as long as it is within the transaction.
///
/// Where the cluster has switched on version 2 of transactions, there is no first step, unless the
/// transaction before was ended just now; each transaction has an epoch of its own, and a request
/// of an earlier one is refused
/// (docs/decisions/0034-transactions-of-version-2.md).
class TransactionalProducer final : public Producer {
 public:
  /// As Producer::open_transactional.
  [[nodiscard]] static Result<std::unique_ptr<Producer>> open(const ClientConfig& config,
                                                              const std::string& transactional_id);

  Status begin(std::span<const OutgoingPositions> positions) override;
  Status add(OutgoingBatch& batch) override;
  Status settle() override;
  Status end() override;
  Status give_up(Error because) override { return abort(std::move(because)); }
  [[nodiscard]] bool used_names() const override { return writer_.used_names(); }
  [[nodiscard]] bool usable() const override { return usable_; }

 private:
  struct Refusal {
    Code code{};
    std::string doing;
    std::string detail;
  };

  TransactionalProducer(const ClientConfig& config, std::string transactional_id);
  Status take_id(std::int64_t deadline_ns);
  Status ask_id(std::int16_t version, std::string body, std::int64_t deadline_ns);
  Status choose_version();
  [[nodiscard]] bool may_have_to_wait() const;
  void announce();
  void ask_positions();
  void ask_end(bool commit);
  CoordinatorLink& group_link(const std::string& group);

  using ReadGiven = std::function<std::optional<GivenProducer>(std::string_view)>;
  /// Continues as the producer that a response gives, or keeps its refusal.
  CoordinatorLink::ResponseHandler receiver(std::string doing, ReadGiven read);
  using ReadCode = std::optional<PartitionError> (*)(std::string_view);
  /// Keeps the refusal of a question, if it is one.
  CoordinatorLink::ResponseHandler handler(std::string doing, ReadCode read);
  /// The same for what makes the transaction known to its coordinator.
  CoordinatorLink::ResponseHandler announcing(std::string doing, ReadCode read);
  ResponseOutcome outcome_of(Code code, std::string doing);

  /// Continues until everything that was asked is answered or one is refused. errc::unavailable at
  /// the deadline.
  Status run(std::int64_t deadline_ns, std::string_view doing);
  void turn(std::int64_t now_ns);
  void wait(std::int64_t now_ns, std::int64_t deadline_ns);
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] bool is_waiting() const;
  [[nodiscard]] std::string trouble() const;
  Status refused();

  /// Ends the transaction without a commit and returns why.
  Status abort(Error because);
  bool fall_silent();
  void drop();
  void note_end();

  const ClientConfig& config_;
  const RetryPolicy retry_policy_;
  const std::int64_t delivery_ns_;
  const std::int32_t transaction_timeout_ms_;
  Producing producer_;
  CoordinatorLink coordinator_;
  std::map<std::string, CoordinatorLink> groups_;
  PartitionWriter writer_;
  bool usable_ = true;
  std::optional<std::int64_t> ended_ns_;  // of the last transaction

  // Of the transaction under way.
  std::int64_t began_ns_ = 0;
  bool announced_ = false;  // its coordinator knows of it
  std::set<KafkaPartition> announced_partitions_;
  std::set<KafkaPartition> new_partitions_;   // the coordinator is yet to hear of
  std::vector<OutgoingPositions> positions_;  // not yet sent
  std::optional<Refusal> refusal_;
};

}  // namespace millrace::log::kafka::wire
