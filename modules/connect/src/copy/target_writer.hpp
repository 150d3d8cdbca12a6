// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "copy/state.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::connect {

/// Writes the copy, step after step. A step is one transaction: records, what the map says of them,
/// and how far the copy is. It is committed under an exclusive claim, with a sequence, so one that
/// was repeated takes effect once, and a copier that was replaced writes nothing. Not thread-safe.
class TargetWriter {
 public:
  /// Takes the claim, waiting for a copier that has just died, and reads how far the copy is. The
  /// log, a handle of any_service, and the clock outlive the writer. base's errc::busy when
  /// somebody else copies to this log, and failures of the log.
  [[nodiscard]] static Result<std::unique_ptr<TargetWriter>> open(log::Log& target, Clock& clock,
                                                                  std::string source,
                                                                  std::size_t transaction_bytes);

  [[nodiscard]] const CopyState& state() const { return state_; }

  /// A partition to write to; returns its number for add().
  std::size_t add_partition(const PartitionName& name, log::TopicPartition target);
  /// Adds the copy of a record, which has the offset of that in the source, to the step. Full
  /// afterwards or not: commit() when it is.
  void add(std::size_t partition, const log::RecordView& copy);
  /// Adds a position of a group to the step; the positions of a step are of one group.
  [[nodiscard]] Status add(const CopiedPosition& position);
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool empty() const { return transaction_.empty(); }
  /// Writes the step, and returns when it can be read. log::errc::outcome_unknown when repeating it
  /// did not help, log::errc::unavailable when a transaction of others kept it from being read for
  /// half a minute, and other failures of the log; whatever happens, a new writer continues where
  /// this one was.
  [[nodiscard]] Status commit();
  /// Completes the map: it says of all records where they stand. Until then that is looked up,
  /// which compaction may one day deceive.
  [[nodiscard]] Status settle() { return state_.landed.empty() ? Status{} : commit(); }
  /// Keeps the claim while there is nothing to write.
  [[nodiscard]] Status keep();
  /// Returns when all that was written is durable.
  [[nodiscard]] Status wait_durable();

 private:
  struct Partition {
    PartitionName name;
    log::TopicPartition target;
    std::int32_t copied = -1;  // its number in the step
  };

  TargetWriter(log::Log& target, Clock& clock, std::string source, std::size_t transaction_bytes);
  [[nodiscard]] Status take_claim();
  [[nodiscard]] Status read_state();
  [[nodiscard]] Result<log::Committed> commit_until_known();
  [[nodiscard]] Status wait_visible(const log::Committed& committed);
  [[nodiscard]] Status land(const log::Committed& committed);
  void begin_step();

  log::Log& target_;
  Clock& clock_;
  std::string source_;
  std::size_t transaction_bytes_;
  log::TopicPartition map_;
  log::GroupId group_;
  std::unique_ptr<log::Membership> membership_;
  log::Claim claim_;
  std::unique_ptr<log::Waiter> waiter_;
  CopyState state_;
  std::vector<Partition> partitions_;
  log::Transaction transaction_;
  CopyStep step_;
  std::vector<std::size_t> step_partitions_;  // of step_.copied
  std::size_t step_bytes_ = 0;                // about what the step takes in the map
  log::LogPosition last_;
};

}  // namespace millrace::connect
