// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint.hpp"
#include "frame_walker.hpp"
#include "log_parts.hpp"

namespace millrace::log::embedded {

/// A view of an embedded log that is brought up to date by reading its journal alone. It writes
/// nothing to the directory, takes no lock and is no member: its tables lie in memory of its own.
///
/// What it shows is a prefix of the log. A frame is taken once it is whole in the journal. From
/// then on it stays: its writer publishes it, and when that writer dies, the member that repairs
/// the log or the next recovery publishes it. A frame that is not whole is not looked behind. Only
/// `millrace log repair` takes frames away: then follow() fails, and the log is to be opened again.
/// Not thread-safe.
class Follower {
 public:
  /// Reads what the checkpoint and the index files leave of the journal. errc::not_found,
  /// incompatible, corrupt, no_permission.
  [[nodiscard]] static Result<std::unique_ptr<Follower>> open(const std::string& directory,
                                                              LogEnvironment& environment,
                                                              LogOptions options,
                                                              const EmbeddedOptions& embedded);
  /// Takes what was written since. After a failure the next call begins with the same frame.
  /// errc::corrupt, limit, io_error; errc::closed when a repair cut off what was taken before;
  /// errc::out_of_range when the journal has been removed beyond what was taken: then another
  /// follower is to be opened.
  [[nodiscard]] Status follow();

  /// Takes which records are no longer kept. Retention says so in the checkpoint before it removes
  /// them, and the journal does not. Failures as of reading the checkpoint.
  [[nodiscard]] Status take_starts();

  [[nodiscard]] LogParts& log() { return *log_; }
  /// The right to its tables, which nobody else has.
  [[nodiscard]] const Alone& alone() const { return alone_; }
  /// The highest position that something in the directory proves to be durable.
  [[nodiscard]] LogPosition durable() const;
  /// Why the log takes no appends; empty when it takes some.
  [[nodiscard]] const std::string& failed() const { return failed_; }

 private:
  Follower(std::unique_ptr<LogParts> log, Alone alone)
      : log_(std::move(log)), alone_(std::move(alone)) {}
  [[nodiscard]] Status start();
  [[nodiscard]] Status move_begin(const Journal::SegmentSpan& first);
  [[nodiscard]] Status raise_starts(const Checkpoint& checkpoint);
  [[nodiscard]] Status take_all();
  [[nodiscard]] Status take(const WalkedFrame& frame);
  [[nodiscard]] Status check_last();
  [[nodiscard]] Status check_end();

  std::unique_ptr<LogParts> log_;
  Alone alone_;
  std::optional<FrameWalker> walker_;
  std::string failed_;
  std::optional<Checkpoint> checkpoint_;
  bool needs_tables_ = false;  ///< those of the checkpoint, as frames were passed over
  std::uint64_t begin_ = 0;    ///< of the journal
  std::uint64_t durable_ = 0;
  std::uint64_t last_ = 0;  ///< where the last frame that was taken begins
  std::size_t checked_segments_ = 0;
};

}  // namespace millrace::log::embedded
