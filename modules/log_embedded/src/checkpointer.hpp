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

/// Writes checkpoints: one member at a time, when much was written since the last one. Thread-safe.
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

  /// True when a checkpoint is due, and we are the one that writes it, until end().
  [[nodiscard]] bool begin_when_due();
  /// True when nobody else writes one or settles, and we are the one that does, until end().
  [[nodiscard]] bool begin();
  /// Looks after the ballast first, and makes it if a checkpoint was written.
  void end();
  /// Removes what dead members left of the ballast, and makes it when there is none, unless another
  /// member writes a checkpoint or settles: it does the same then.
  void look_after_ballast();
  /// Like write(), for one that has begin() and removes files next: on a full disk it uses a part
  /// of the ballast, and writes no index files.
  [[nodiscard]] Status write_before_removal(const Checkpoint& made);
  /// Gives back so many bytes of the ballast; false when there are none. For one that has begin()
  /// and removes files next.
  [[nodiscard]] bool use_ballast(std::uint64_t bytes);
  /// Makes the ballast whole, if a checkpoint was written or some of the ballast was used since
  /// begin(). For the one that has begin(); end() does it too.
  void restore_ballast();
  /// The state of the log as it is now.
  [[nodiscard]] Result<Checkpoint> make(const Locked& locked);
  /// Makes what it speaks of durable, then writes it. Needs no lock. errc::closed after stop().
  [[nodiscard]] Status write(Checkpoint made);

  /// Returns when no checkpoint is being written; none is from then on. For a handle that is about
  /// to give up its slot, so that another member writes newer ones.
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
