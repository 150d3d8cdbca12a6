// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log_embedded/shared_region.hpp"

// Tools for the embedded log: verify, stat and repair. They use only the files of the directory.
// verify and stat may run while other processes write.
namespace millrace::log {

/// The first damage of the journal.
struct JournalFault {
  std::string file;
  std::uint64_t position = 0;  ///< in the journal
  std::uint64_t offset = 0;    ///< in the file
  std::string reason;
};

/// The result of `millrace log verify`.
struct VerifyReport {
  std::uint64_t frames = 0;
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< size of the valid frames
  std::uint64_t end = 0;    ///< position after the last valid frame
  /// the highest position that a file in the directory proves to be durable
  std::uint64_t durable = 0;
  /// damage before a position that is proven to be durable, or a repeated offset
  std::optional<JournalFault> corrupt;
  /// the incomplete end that opening the log would cut: from a crash, or a frame that is being
  /// written now
  std::optional<JournalFault> torn;
  /// the reason why the directory is marked as failed; empty when it is not
  std::string failed;
  std::uint64_t settled_batches = 0;  ///< batches in settled segments, up to the settled offsets
  std::uint64_t settled_records = 0;
  std::uint64_t settled_bytes = 0;
  std::string settled_corrupt;  ///< the first damage of a settled segment; empty if there is none
};

/// Reads and checks the whole journal and all settled segments. errc::not_found, incompatible,
/// io_error; damage is part of the report.
[[nodiscard]] Result<VerifyReport> verify_log(const std::string& directory,
                                              LogEnvironment& environment);

/// A partition in LogStat.
struct PartitionStat {
  Offset start;                          ///< the first offset that is kept
  Offset end;                            ///< one past the last
  Offset settled;                        ///< the offset after the last settled record
  std::optional<std::int64_t> first_ms;  ///< time of the first record that is kept
  std::optional<std::int64_t> last_ms;   ///< time of the last record
};

/// A topic in LogStat.
struct TopicStat {
  std::string name;
  std::vector<PartitionStat> partitions;
  std::uint64_t settled_bytes = 0;  ///< size of all files of its settled segments
};

/// A handle of the log in a process of this machine, in LogStat.
struct MemberStat {
  std::int64_t pid = 0;
  std::string name;  ///< LogOptions::member
  std::string service;
};

/// The result of `millrace log stat`.
struct LogStat {
  std::uint32_t format = 0;
  std::uint64_t log_id = 0;
  std::uint32_t incarnation = 0;      ///< of the last checkpoint
  std::uint64_t checkpoint = 0;       ///< its position
  std::uint64_t journal_bytes = 0;    ///< size up to the last valid frame
  std::uint64_t allocated_bytes = 0;  ///< disk space of all segments
  std::size_t segments = 0;
  std::uint64_t prepared_bytes = 0;  ///< size of segments that were prepared in advance
  /// Size of the journal from the first batch that is not settled; no value when it cannot be read.
  std::optional<std::uint64_t> unsettled_bytes;
  std::uint64_t settled_bytes = 0;
  std::uint64_t ballast_bytes = 0;  ///< 0 when its space is in use
  std::size_t topics = 0;
  std::vector<TopicStat> by_topic;
  std::vector<MemberStat> members;
  std::string members_unknown;  ///< the reason why members are not known; otherwise empty
  std::string failed;
  std::string unreadable;  ///< the reason why `by_topic` is empty; empty when the log can be read
};
/// Reads the same as a reader that is not a member: the journal after the checkpoint, and the first
/// and the last batch of each partition. errc::not_found, incompatible, io_error; errc::corrupt
/// when the beginning of the journal is missing. Other damage is part of the result.
[[nodiscard]] Result<LogStat> stat_log(const std::string& directory, LogEnvironment& environment);

/// The result of `millrace log repair`: what it changed, or with `dry_run` would change.
struct RepairReport {
  VerifyReport found;
  /// all commits from this position on are removed; equal to found.end
  std::uint64_t cut_from = 0;
  /// size up to the end of the last complete or incomplete frame after it
  std::uint64_t cut_bytes = 0;
  bool changed = false;
  /// Only with `dry_run`: the reason why the log could not be locked. Then another process may be
  /// writing the frames that were found, and data was read from the page cache. Empty when the log
  /// was locked.
  std::string unlocked;
};

/// Repairs a log that was marked as failed or is corrupt: reads it from the disk, not from the page
/// cache, cuts it after the last valid frame, makes this durable and removes the mark. Settled
/// segments are not changed. errc::corrupt, and nothing is cut, when there is damage before the
/// checkpoint of a log that has settled. errc::busy while another process has the log open. A dry
/// run needs no permission to write and no disk space. All commits after a corrupt position are
/// lost, so run it with `dry_run` first.
[[nodiscard]] Result<RepairReport> repair_log(const std::string& directory,
                                              LogEnvironment& environment, bool dry_run,
                                              SharedRegionFactory& regions);

/// For simulations: the process of this member dies at once. Its locks are released, its unfinished
/// work stays for other members to repair, and its further calls return errc::closed. Works only on
/// handles of open_log("file:...").
void abandon(Log& handle);

}  // namespace millrace::log
