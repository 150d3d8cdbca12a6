// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "locked.hpp"
#include "log_parts.hpp"
#include "millrace/base/mutex.hpp"
#include "scrubber.hpp"
#include "settling_watch.hpp"
#include "writer_lock.hpp"

namespace millrace::log::embedded {

/// One member of an embedded log. It opens and leaves the log, and owns the writer lock.
/// Thread-safe after opening.
class Member final : public LogParts {
 public:
  /// Opens and joins the log; recovers it when no other process has it open.
  [[nodiscard]] static Result<std::unique_ptr<Member>> open(const std::string& directory,
                                                            LogEnvironment& environment,
                                                            LogOptions options,
                                                            const EmbeddedOptions& embedded);
  /// Leaves the log cleanly, unless the member is dead.
  ~Member();

  /// Takes the writer lock, and repairs the unfinished work of a dead holder. errc::closed,
  /// failed_sync, stuck_holder.
  [[nodiscard]] Result<WriterLock::Held> lock();
  /// The same, even on a log that has failed, where reading and leaving still work.
  [[nodiscard]] Result<WriterLock::Held> lock_even_failed();
  /// Calls `work` while no other member writes a checkpoint, settles, or changes settled segments,
  /// and returns its result. errc::busy when another member does so for a minute.
  template <class Work>
  [[nodiscard]] std::invoke_result_t<Work&> while_nobody_settles(Work work) {
    MILLRACE_TRY(begin_settling());
    auto done = work();
    checkpointer.end();
    return done;
  }
  /// Log::maintain.
  [[nodiscard]] Status maintain();
  /// Log::maintain_storage.
  [[nodiscard]] Status maintain_storage();
  /// Settles before a commit that would soon be slowed down, if this process does not call
  /// maintain_storage().
  [[nodiscard]] Status settle_for_commit();
  /// The member's process dies here, in a simulation.
  void die() { directory.region().die(); }

 private:
  Member(const std::string& path, LogEnvironment& environment, LogOptions options,
         const EmbeddedOptions& embedded)
      : LogParts(path, environment, std::move(options), embedded) {}
  [[nodiscard]] Status attach();
  [[nodiscard]] Result<bool> try_attach();
  [[nodiscard]] Result<bool> join_running();
  [[nodiscard]] Status join();
  [[nodiscard]] Status repair(const Locked& locked);
  [[nodiscard]] Status keep_house();
  [[nodiscard]] Status checkpoint_when_due();
  [[nodiscard]] Status settle_when_due();
  [[nodiscard]] Status begin_settling();
  void leave();

  std::optional<WriterLock> writer_lock_;
  Mutex maintain_mutex_;
  SettlingWatch settling_watch_{directory};
  Scrubber scrubber_{*this};
  Mutex storage_mutex_;
  std::atomic<bool> storage_is_maintained_{false};
};

}  // namespace millrace::log::embedded
