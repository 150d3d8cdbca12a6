// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "log_parts.hpp"

namespace millrace::log::embedded {

/// Reads all records in the background as a reader does, at a bounded rate, because damage before
/// the checkpoint is not found when the log is opened. One member at a time does this. Each pass
/// begins at a random record and ends there. The progress of a pass is not stored; because of the
/// random beginning, members that never live long enough for a whole pass still read all of the log
/// sooner or later. Damage is counted and reported to EmbeddedOptions::notice, and has no other
/// effect. One thread.
class Scrubber {
 public:
  /// The log outlives it.
  explicit Scrubber(LogParts& log) : log_(log) {}

  /// Reads as many bytes as the time since the last call permits, if this member may scrub.
  void run(std::int64_t now_ns);

 private:
  /// The present location of a pass.
  struct Cursor {
    TopicPartition partition;
    Offset next;
    Offset end;  ///< the end of the partition when the pass reached it
  };
  [[nodiscard]] bool take_turn(std::int64_t now_ns);
  void end_pass(std::int64_t now_ns);
  /// Each offset with the same probability; no value when there are no records.
  [[nodiscard]] std::optional<Cursor> random_record(std::int64_t now_ns);
  /// The next partition of the pass; no value at its end.
  [[nodiscard]] std::optional<Cursor> next_partition(TopicPartition partition);
  /// The first partition that has records, from the given one on; no value without one.
  [[nodiscard]] std::optional<Cursor> first_from(TopicPartition partition);
  /// Continues to read; false when this call cannot read more.
  [[nodiscard]] bool step();
  /// Handles an error; returns false like step().
  [[nodiscard]] bool pass_over(const Error& error);

  LogParts& log_;
  std::optional<Cursor> cursor_;  ///< none: no pass, or at its end
  Cursor begin_{};                ///< of the pass
  bool wrapped_ = false;          ///< the pass reads records before `begin_`
  std::string begin_damage_;      ///< the damage that was reported for the first partition
  bool passing_ = false;
  std::int64_t last_ns_ = 0;        ///< of the last call
  std::int64_t allowed_bytes_ = 0;  ///< bytes that may be read now; below 0 after a large batch
  FetchBuffer buffer_;
};

}  // namespace millrace::log::embedded
