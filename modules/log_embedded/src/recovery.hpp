// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkpoint.hpp"
#include "frame_walker.hpp"
#include "log_parts.hpp"

namespace millrace::log::embedded {

/// Applies a frame, which `walker` just returned, to the tables of the log.
[[nodiscard]] Status apply_walked(const Locked& locked, LogParts& log, FrameWalker& walker,
                                  const WalkedFrame& frame);

/// Applies the segments before the one with the last frame of the checkpoint: from their index
/// files, or by a walk if no index file fits. Batches that the checkpoint knows as settled are left
/// out, also in the later walk of the caller. `walker` must be at the first frame that is kept. It
/// is moved to the end of the applied frames; the caller walks through the following ones. Returns
/// true if frames were skipped, so that the tables of the checkpoint are needed.
[[nodiscard]] Result<bool> take_complete_segments(const Locked& locked, LogParts& log,
                                                  const Checkpoint& checkpoint,
                                                  FrameWalker& walker);

/// Applies the tables of the checkpoint when the walk has reached its position. Returns true if it
/// did.
[[nodiscard]] Result<bool> use_tables_at(const Locked& locked, LogParts& log,
                                         const Checkpoint& checkpoint, const FrameWalker& walker);

/// errc::corrupt when the checkpoint belongs to another log although this log has settled and so
/// needs its checkpoint.
[[nodiscard]] Status check_own(const std::optional<Checkpoint>& checkpoint,
                               const LogDirectory& directory);

/// The error when the tables of the checkpoint are needed but the walk did not reach its position.
/// errc::corrupt.
[[nodiscard]] std::unexpected<Error> other_checkpoint(const LogParts& log,
                                                      const Checkpoint& checkpoint);

/// Prepares a directory for use: creates a new log, or walks through the journal of an existing
/// one, cuts its incomplete end, fails if it is corrupt, and builds the control file and the index.
class Recovery {
 public:
  Recovery(LogParts& log, const Alone& alone) : log_(log), alone_(alone) {}
  [[nodiscard]] Status run();

 private:
  [[nodiscard]] Status recover();
  [[nodiscard]] Status make_new_log();
  [[nodiscard]] Status load_checkpoint();
  [[nodiscard]] Status walk();
  [[nodiscard]] Status begin_lineage();
  [[nodiscard]] Status finish();

  LogParts& log_;
  const Alone& alone_;
  std::optional<Checkpoint> checkpoint_;
  std::uint32_t incarnation_ = 0;
  std::uint64_t begin_ = 0;  ///< of the journal
  std::uint64_t position_ = 0;
  std::uint32_t checksum_ = 0;
  bool shows_progress_ = false;      ///< in a control file that it created
  bool has_own_checkpoint_ = false;  ///< the journal has the frame of the checkpoint
};

}  // namespace millrace::log::embedded
