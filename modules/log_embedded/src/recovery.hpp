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

/// Takes what a frame says into the log's tables. `walker` just returned it.
[[nodiscard]] Status apply_walked(const Locked& locked, LogParts& log, FrameWalker& walker,
                                  const WalkedFrame& frame);

/// Takes the segments before the one in which the checkpoint's last frame lies: from their index
/// files, or by a walk where there is none that fits. Batches that the checkpoint knows as settled
/// are left out, of what the caller walks too. `walker` stands at the first frame that is kept and
/// is moved to the end of what was taken; the frames that follow are for the caller. Returns
/// whether frames were passed over, so that the tables of the checkpoint are needed.
[[nodiscard]] Result<bool> take_complete_segments(const Locked& locked, LogParts& log,
                                                  const Checkpoint& checkpoint,
                                                  FrameWalker& walker);

/// Takes the tables of the checkpoint when the walk has come to its position; returns whether it
/// did.
[[nodiscard]] Result<bool> use_tables_at(const Locked& locked, LogParts& log,
                                         const Checkpoint& checkpoint, const FrameWalker& walker);

/// errc::corrupt when the checkpoint is that of another log, and this one has settled: it would
/// count as none.
[[nodiscard]] Status check_own(const std::optional<Checkpoint>& checkpoint,
                               const LogDirectory& directory);

/// The tables of the checkpoint were needed and its position was not met. errc::corrupt.
[[nodiscard]] std::unexpected<Error> other_checkpoint(const LogParts& log,
                                                      const Checkpoint& checkpoint);

/// Makes a directory ready for use: makes a new log, or walks the journal of an old one, cuts its
/// torn tail or refuses what is corrupt, and builds the control file and the index again.
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
  bool shows_progress_ = false;      ///< in a control file that it made
  bool has_own_checkpoint_ = false;  ///< the journal has what the checkpoint names
};

}  // namespace millrace::log::embedded
