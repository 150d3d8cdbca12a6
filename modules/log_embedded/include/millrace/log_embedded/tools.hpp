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

// What people need around the embedded log besides using it. All of it reads the directory's files
// only; verify and stat may run while others write.
namespace millrace::log {

/// The first position where the journal does not check.
struct JournalFault {
  std::string file;
  std::uint64_t position = 0;  ///< in the journal
  std::uint64_t offset = 0;    ///< in the file
  std::string reason;
};

/// What `millrace log verify` found.
struct VerifyReport {
  std::uint64_t frames = 0;
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< of good frames
  std::uint64_t end = 0;    ///< position after the last good frame
  std::uint64_t durable =
      0;  ///< highest position that something in the directory proves to be durable
  std::optional<JournalFault>
      corrupt;  ///< damage below a proven durable position, or a repeated offset
  std::optional<JournalFault> torn;   ///< what opening would cut: the torn tail of a crash, or a
                                      ///< frame being written right now
  std::string failed;                 ///< why the directory is marked failed; empty when it is not
  std::uint64_t settled_batches = 0;  ///< in settled segments, as far as they count
  std::uint64_t settled_records = 0;
  std::uint64_t settled_bytes = 0;
  std::string settled_corrupt;  ///< the first damage of a settled segment; empty without one
};

/// Reads and checks the whole journal and all settled segments. errc::not_found, incompatible,
/// io_error; damage is part of the report.
[[nodiscard]] Result<VerifyReport> verify_log(const std::string& directory,
                                              LogEnvironment& environment);

/// A partition in LogStat.
struct PartitionStat {
  Offset start;                          ///< the first that is kept
  Offset end;                            ///< one past the last
  Offset settled;                        ///< one past the last in settled segments
  std::optional<std::int64_t> first_ms;  ///< time of the first record that is kept
  std::optional<std::int64_t> last_ms;   ///< time of the last record
};

/// A topic in LogStat.
struct TopicStat {
  std::string name;
  std::vector<PartitionStat> partitions;
  std::uint64_t settled_bytes = 0;  ///< of all files of its settled segments
};

/// A handle that a process of this machine has on the log, in LogStat.
struct MemberStat {
  std::int64_t pid = 0;
  std::string name;  ///< LogOptions::member
  std::string service;
};

/// What `millrace log stat` shows.
struct LogStat {
  std::uint32_t format = 0;
  std::uint64_t log_id = 0;
  std::uint32_t incarnation = 0;      ///< of the last checkpoint
  std::uint64_t checkpoint = 0;       ///< its position
  std::uint64_t journal_bytes = 0;    ///< up to the last good frame
  std::uint64_t allocated_bytes = 0;  ///< room of all segments
  std::size_t segments = 0;
  std::uint64_t prepared_bytes = 0;  ///< of segments that were made in advance
  /// Of the journal, from the first batch that is not settled; no value when it cannot be read.
  std::optional<std::uint64_t> unsettled_bytes;
  std::uint64_t settled_bytes = 0;
  std::uint64_t ballast_bytes = 0;  ///< 0 when its room is in use
  std::size_t topics = 0;
  std::vector<TopicStat> by_topic;
  std::vector<MemberStat> members;
  std::string members_unknown;  ///< why they are not known; else empty
  std::string failed;
  std::string unreadable;  ///< why `by_topic` is empty; empty when the log can be read
};
/// Reads what a reader does that is no member: what lies behind the checkpoint, and of each
/// partition its first and last batch. errc::not_found, incompatible, io_error; errc::corrupt when
/// the beginning of the journal is missing. Other damage is part of the result.
[[nodiscard]] Result<LogStat> stat_log(const std::string& directory, LogEnvironment& environment);

/// What `millrace log repair` did, or with `dry_run` would do.
struct RepairReport {
  VerifyReport found;
  std::uint64_t cut_from = 0;   ///< everything from this position on goes; equal to found.end
  std::uint64_t cut_bytes = 0;  ///< up to the end of the last frame or piece of one behind it
  bool changed = false;
  /// Only with `dry_run`: why the log could not be locked. Then it may be in use, so that what was
  /// found is perhaps being written, and the page cache was believed. Empty when it was locked.
  std::string unlocked;
};

/// Brings a log that was marked failed, or is corrupt, back into use: re-reads it past the page
/// cache, cuts it after the last good frame, makes that durable and takes the mark away. What is
/// settled stays as it is. errc::corrupt, and nothing is cut, when damage lies before the
/// checkpoint of a log that has settled. Refuses with errc::busy while anybody has the log open. A
/// dry run needs no permission to write, and no room on the disk. Everything behind a corrupt
/// position is lost: run it with `dry_run` first.
[[nodiscard]] Result<RepairReport> repair_log(const std::string& directory,
                                              LogEnvironment& environment, bool dry_run,
                                              SharedRegionFactory& regions);

/// For simulations: the process of this member dies at once. Its locks are gone, what it held stays
/// as it is for the others to find, and its further calls return errc::closed. Works on handles of
/// open_log("file:...") only.
void abandon(Log& handle);

}  // namespace millrace::log
