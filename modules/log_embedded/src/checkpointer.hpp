// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <functional>

#include "checkpoint.hpp"
#include "group_commit.hpp"
#include "index_files.hpp"
#include "journal.hpp"
#include "locked.hpp"
#include "log_directory.hpp"
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
  /// `work` writes a checkpoint; a removal of files follows, which gives back more than that takes.
  /// When the disk is full, the ballast is removed and `work` is done once more. For the one that
  /// has begin().
  [[nodiscard]] Status in_room_of_ballast(const std::function<Status()>& work);
  /// Makes the ballast, if a checkpoint was written or the ballast was removed since begin(). For
  /// the one that has begin(); end() does it too.
  void restore_ballast();
  /// The state of the log as it is now.
  [[nodiscard]] Result<Checkpoint> make(const Locked& locked);
  /// Makes what it speaks of durable, then writes it. Needs no lock.
  [[nodiscard]] Status write(Checkpoint made);

 private:
  LogDirectory& directory_;
  Journal& journal_;
  Topics& topics_;
  Publisher& publisher_;
  GroupCommit& group_commit_;
  IndexFiles& index_files_;
  std::atomic<bool> wants_ballast_ = false;  ///< in end()
};

}  // namespace millrace::log::embedded
