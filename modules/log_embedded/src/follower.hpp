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

/// A view of an embedded log that follows it only by reading its journal. It writes nothing to the
/// directory, takes no lock and is not a member. Its tables are in private memory.
///
/// It always shows a prefix of the log. It applies a frame as soon as the frame is complete in the
/// journal. Such a frame stays: its writer publishes it, and if that writer dies, the member that
/// repairs the log or the next recovery publishes it. It does not read beyond an incomplete frame.
/// Only `millrace log repair` removes frames; then follow() fails, and the log must be opened
/// again. Not thread-safe.
class Follower {
 public:
  /// Reads the part of the journal that the checkpoint and the index files do not cover.
  /// errc::not_found, incompatible, corrupt, no_permission.
  [[nodiscard]] static Result<std::unique_ptr<Follower>> open(const std::string& directory,
                                                              LogEnvironment& environment,
                                                              LogOptions options,
                                                              const EmbeddedOptions& embedded);
  /// Applies the frames that were written since the last call. After an error the next call begins
  /// with the same frame. errc::corrupt, limit, io_error; errc::closed when a repair cut frames
  /// that were applied before; errc::out_of_range when the journal was removed beyond the last
  /// frame that was applied: then open another follower.
  [[nodiscard]] Status follow();

  /// Reads which records are no longer kept. Retention writes this to the checkpoint before it
  /// removes records; it is not in the journal. Errors are those of reading the checkpoint.
  [[nodiscard]] Status take_starts();

  [[nodiscard]] LogParts& log() { return *log_; }
  /// The right to its tables, which no other process has.
  [[nodiscard]] const Alone& alone() const { return alone_; }
  /// The highest position that a file in the directory proves to be durable.
  [[nodiscard]] LogPosition durable() const;
  /// The reason why the log refuses appends; empty when it accepts them.
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
