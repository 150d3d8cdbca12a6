// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>

#include "checkpoint.hpp"
#include "group_commit.hpp"
#include "index_files.hpp"
#include "journal.hpp"
#include "locked.hpp"
#include "log_directory.hpp"
#include "millrace/base/mutex.hpp"
#include "publisher.hpp"
#include "topics.hpp"

namespace millrace::log::embedded {

/// Writes checkpoints. One member at a time does so, when many bytes were written since the last
/// one. Thread-safe.
class Checkpointer {
 public:
  /// All outlive it.
  Checkpointer(LogDirectory& directory, Topics& topics, Publisher& publisher,
               GroupCommit& group_commit, IndexFiles& index_files, Journal& journal)
      : directory_(directory),
        journal_(journal),
        topics_(topics),
        publisher_(publisher),
        group_commit_(group_commit),
        index_files_(index_files) {}

  /// True when a checkpoint is due and this member may write it, until end().
  [[nodiscard]] bool begin_when_due();
  /// True when no other member writes a checkpoint or settles; then this member may do so until
  /// end().
  [[nodiscard]] bool begin();
  /// If a checkpoint was written, creates the ballast first when it is missing.
  void end();
  /// Removes incomplete ballast files of dead members, and creates the ballast when it is missing.
  /// Does nothing while another member writes a checkpoint or settles, because that member does the
  /// same.
  void look_after_ballast();
  /// Like write(), for a caller of begin() that removes files next: on a full disk it uses a part
  /// of the ballast, and it writes no index files.
  [[nodiscard]] Status write_before_removal(const Checkpoint& made);
  /// Frees this many bytes of the ballast; false when it has none. For a caller of begin() that
  /// removes files next.
  [[nodiscard]] bool use_ballast(std::uint64_t bytes);
  /// Restores the full size of the ballast, if a checkpoint was written or some of the ballast was
  /// used since begin(). For the caller of begin(); end() does it too.
  void restore_ballast();
  /// The present state of the log.
  [[nodiscard]] Result<Checkpoint> make(const Locked& locked);
  /// Makes the state of the checkpoint durable in the journal, then writes the checkpoint. Needs no
  /// lock. errc::closed after stop().
  [[nodiscard]] Status write(Checkpoint made);

  /// Waits until no checkpoint is being written, and forbids further ones. For a handle that is
  /// about to release its slot, so that another member writes newer checkpoints.
  void stop();

 private:
  enum class WithIndex { yes, no };
  [[nodiscard]] Status write(Checkpoint made, WithIndex with_index);
  [[nodiscard]] Status add_what_continues(Checkpoint& made);

  LogDirectory& directory_;
  Journal& journal_;
  Topics& topics_;
  Publisher& publisher_;
  GroupCommit& group_commit_;
  IndexFiles& index_files_;
  std::atomic<bool> wants_ballast_ = false;  ///< in end()
  Mutex writing_;                            ///< held while the file is replaced
  bool stopped_ MILLRACE_GUARDED_BY(writing_) = false;
};

}  // namespace millrace::log::embedded
