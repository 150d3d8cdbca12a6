// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "checkpointer.hpp"
#include "journal.hpp"
#include "log_directory.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/base/mutex.hpp"
#include "settler.hpp"
#include "topics.hpp"

namespace millrace::log::embedded {

/// Frees the names of deleted topics and removes their settled segments, after the record of the
/// deletion was committed. Each step is durable before the next one. After a death, the next member
/// that runs this continues:
///
///     checkpoint, synced         from here on nobody expects the directories of the topic
///     directories renamed        to `<topic>-<p>.<number>-delete`, and synced: the name is free
///     directories removed        with all that they hold
///
/// docs/decisions/0027-deleted-topics.md. Thread-safe.
class TopicDeletions {
 public:
  /// All outlive it.
  TopicDeletions(LogDirectory& directory, Journal& journal, Topics& topics,
                 Checkpointer& checkpointer)
      : directory_(directory), journal_(journal), topics_(topics), checkpointer_(checkpointer) {}

  /// True if topics were deleted since this handle last completed the work, and the work did not
  /// fail within the last minute.
  [[nodiscard]] bool is_due(std::int64_t now_ns) const;
  /// The first two steps for all deleted topics and a part of the third, for the member that has
  /// called Checkpointer::begin(): files that are left after 100 ms are removed by a later call.
  /// `lock` takes the writer lock. A failure is counted and retried in a later call; it does not
  /// stop the other work. Errors are those of the log: errc::closed, failed_sync.
  [[nodiscard]] Status run(const Settler::Lock& lock);
  /// The second step in a log that no other process has open and whose last checkpoint has all
  /// deletions.
  void rename_alone();
  /// The first two steps for the last topic with this name, for the member that has called
  /// Checkpointer::begin(). Returns that topic; its directories have been renamed durably. No value
  /// when no topic of this name was deleted. No member settles a topic with this name until end().
  [[nodiscard]] Result<std::optional<TopicId>> free_name(const Settler::Lock& lock,
                                                         std::string_view name);
  /// Waits until no file is being changed, and forbids further changes. Any thread. For a handle
  /// that is about to release its slot.
  void stop();

 private:
  struct Renaming {
    std::string from;
    std::string to;
  };
  [[nodiscard]] std::vector<Renaming> renamings(const std::vector<Topic>& deleted) const;
  [[nodiscard]] Status write_checkpoint(const Settler::Lock& lock);
  [[nodiscard]] Status rename_all(const std::vector<Renaming>& wanted);
  [[nodiscard]] Status sync_renamed();
  [[nodiscard]] Result<bool> remove_renamed();
  [[nodiscard]] Result<bool> remove_directory(const std::string& path, std::int64_t until_ns)
      MILLRACE_REQUIRES(changing_);
  [[nodiscard]] Status check_may_change() MILLRACE_REQUIRES(changing_);
  void pause();

  /// Calls it again when the process is short of descriptors, after segments of the journal were
  /// closed.
  template <class Call>
  std::invoke_result_t<Call&> with_descriptors(Call call) {
    auto done = call();
    while (!done && done.error().is(millrace::errc::too_many_files) && journal_.close_some()) {
      done = call();
    }
    return done;
  }

  LogDirectory& directory_;
  Journal& journal_;
  Topics& topics_;
  Checkpointer& checkpointer_;
  std::atomic<std::size_t> done_ = 0;              ///< so many deletions left nothing behind
  std::atomic<std::int64_t> paused_until_ns_ = 0;  ///< after a failure
  std::atomic<bool> stopped_ = false;
  Mutex changing_;  ///< held while files are changed
};

}  // namespace millrace::log::embedded
