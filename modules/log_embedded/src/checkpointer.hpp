// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>

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
  /// For the one that has begin(), when a checkpoint finds no room: removes the ballast, and end()
  /// makes it again if there is room then. False when there was none.
  [[nodiscard]] bool release_ballast();
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
