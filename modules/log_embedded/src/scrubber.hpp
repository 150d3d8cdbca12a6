// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "log_parts.hpp"

namespace millrace::log::embedded {

/// Reads all records in the background as a reader does, at a bounded rate: damage below the
/// checkpoint is not found when the log is opened. One member at a time does it. Each pass begins
/// at a random record and ends there: where it is, is kept nowhere, and members that never live
/// long enough for a pass read all of the log in the long run. What it finds is counted and
/// reported to EmbeddedOptions::notice, and changes nothing else. One thread.
class Scrubber {
 public:
  /// The log outlives it.
  explicit Scrubber(LogParts& log) : log_(log) {}

  /// Reads as much as the time since the last call permits, when it is the turn of this member.
  void run(std::int64_t now_ns);

 private:
  /// Where a pass is.
  struct Cursor {
    TopicPartition partition;
    Offset next;
    Offset end;  ///< of the partition when the pass came to it
  };
  [[nodiscard]] bool take_turn(std::int64_t now_ns);
  void end_pass(std::int64_t now_ns);
  /// Each offset with the same probability; no value when there are no records.
  [[nodiscard]] std::optional<Cursor> random_record(std::int64_t now_ns);
  /// The next partition of the pass; no value at its end.
  [[nodiscard]] std::optional<Cursor> next_partition(TopicPartition partition);
  /// The first partition that has records, from the given one on; no value without one.
  [[nodiscard]] std::optional<Cursor> first_from(TopicPartition partition);
  /// Reads on; false when this call can do no more.
  [[nodiscard]] bool step();
  /// What to do after a failure; false as step().
  [[nodiscard]] bool pass_over(const Error& error);

  LogParts& log_;
  std::optional<Cursor> cursor_;  ///< none: no pass, or at its end
  Cursor begin_{};                ///< of the pass
  bool wrapped_ = false;          ///< the pass reads what lies before `begin_`
  std::string begin_damage_;      ///< what was reported of the first partition
  bool passing_ = false;
  std::int64_t last_ns_ = 0;        ///< of the last call
  std::int64_t allowed_bytes_ = 0;  ///< that may be read now; below 0 after a large batch
  FetchBuffer buffer_;
};

}  // namespace millrace::log::embedded
