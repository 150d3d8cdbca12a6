// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "copy/state.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/connect/sink_writer.hpp"
#include "millrace/log/log.hpp"

namespace millrace::connect {

/// What is copied: Log::identity(), and what the map says of its history.
struct CopySource {
  std::string log;
  std::optional<log::SeenLog> seen;
};

/// Writes the copy, step after step: records, positions, and what the map says of them. The map is
/// the topic of progress of a SinkWriter. Not thread-safe.
class TargetWriter {
 public:
  /// Takes the claim, waiting for a copier that has just died, and reads how far the copy is. The
  /// log, a handle of any_service, and the clock outlive the writer. errc::busy when another copy
  /// to this log is under way, and failures of the log.
  [[nodiscard]] static Result<std::unique_ptr<TargetWriter>> open(log::Log& target, Clock& clock,
                                                                  CopySource source,
                                                                  std::size_t transaction_bytes);

  [[nodiscard]] const CopyState& state() const { return state_; }

  /// A partition to write to; returns its number for add(). `source_id`: log::stored_topic_id() of
  /// the topic in the source.
  std::size_t add_partition(const PartitionName& name, log::TopicPartition target,
                            std::uint64_t source_id);
  /// Adds the copy of a record, which has the offset of that in the source, to the step. Full
  /// afterwards or not: commit() when it is.
  void add(std::size_t partition, const log::RecordView& copy);
  /// Adds a position of a group to the step; the positions of a step are of one group.
  [[nodiscard]] Status add(const CopiedPosition& position);
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool empty() const { return transaction_.empty(); }
  /// Writes the step, and returns when it can be read. Failures as SinkWriter::commit().
  [[nodiscard]] Status commit();
  /// Completes the map: it says of all records which offsets they have. Until then that is looked
  /// up, which compaction may one day deceive.
  [[nodiscard]] Status settle() {
    return state_.landed.empty() && step_.topics.empty() ? Status{} : commit();
  }
  /// Keeps the claim while there is nothing to write.
  [[nodiscard]] Status keep() { return sink_->keep(); }
  /// Returns when all that was written is durable.
  [[nodiscard]] Status wait_durable() { return sink_->wait_durable(); }

 private:
  struct Partition {
    PartitionName name;
    log::TopicPartition target;
    std::uint64_t source_id = 0;
    std::int32_t copied = -1;  // its number in the step
  };

  TargetWriter(log::Log& target, Clock& clock, CopySource source, std::size_t transaction_bytes);
  [[nodiscard]] Status read_state();
  [[nodiscard]] Status land(const log::Committed& committed);
  void begin_step();
  void add_topic(const Partition& partition);

  log::Log& target_;
  Clock& clock_;
  CopySource source_;
  std::size_t transaction_bytes_;
  std::unique_ptr<SinkWriter> sink_;
  CopyState state_;
  std::vector<Partition> partitions_;
  log::Transaction transaction_;
  CopyStep step_;
  std::vector<std::size_t> step_partitions_;  // of step_.copied
  std::size_t step_bytes_ = 0;                // about what the step takes in the map
};

}  // namespace millrace::connect
