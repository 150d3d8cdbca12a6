// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "alone.hpp"
#include "checkpointer.hpp"
#include "group_commit.hpp"
#include "index.hpp"
#include "journal.hpp"
#include "log_directory.hpp"
#include "members.hpp"
#include "millrace/base/mutex.hpp"
#include "publisher.hpp"
#include "segment_maker.hpp"
#include "topics.hpp"
#include "writer_lock.hpp"

namespace millrace::log::embedded {

/// One member of an embedded log: opens and leaves it, owns the parts that do the work, and the
/// writer lock between them. Thread-safe after opening.
class OpenLog {
 public:
  /// Opens and joins the log; recovers it when nobody else has it open.
  [[nodiscard]] static Result<std::unique_ptr<OpenLog>> open(const std::string& directory,
                                                             LogEnvironment& environment,
                                                             LogOptions options,
                                                             const EmbeddedOptions& embedded);
  /// The parts over a directory that is not open yet. For open(), and for a reader that is no
  /// member.
  OpenLog(const std::string& path, LogEnvironment& environment, LogOptions options,
          const EmbeddedOptions& embedded);
  /// Leaves in order, unless the member is dead.
  ~OpenLog();
  OpenLog(const OpenLog&) = delete;
  OpenLog& operator=(const OpenLog&) = delete;

  /// Takes the writer lock and repairs what a dead holder left. errc::closed, failed_sync,
  /// stuck_holder.
  [[nodiscard]] Result<WriterLock::Held> lock();
  /// The same, also on a log that has failed: reading and leaving still work there.
  [[nodiscard]] Result<WriterLock::Held> lock_even_failed();
  /// Log::maintain.
  [[nodiscard]] Status maintain();
  /// The member's process dies here, in a simulation.
  void die() { directory.region().die(); }

  // The parts; each is handed those above it that it needs.
  LogDirectory directory;
  Journal journal;
  Index index;
  SegmentMaker segments;
  Topics topics;
  Publisher publisher;
  GroupCommit group_commit;
  Members members;
  Checkpointer checkpointer;

 private:
  [[nodiscard]] Status attach();
  [[nodiscard]] Result<bool> try_attach();
  [[nodiscard]] Result<bool> join_running();
  [[nodiscard]] Status join();
  [[nodiscard]] Status repair(const Locked& locked);
  [[nodiscard]] Status checkpoint_when_due();
  void leave();

  std::optional<WriterLock> writer_lock_;
  Mutex maintain_mutex_;
};

}  // namespace millrace::log::embedded
