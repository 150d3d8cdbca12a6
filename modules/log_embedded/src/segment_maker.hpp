// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>

#include "journal.hpp"
#include "locked.hpp"
#include "log_directory.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace::log::embedded {

/// Creates a segment of the journal when a frame needs one, and finds the segments that other
/// members created. Creating a segment may take tens of milliseconds. So prepare() does it in
/// advance, and the holder of the writer lock only renames it. Thread-safe.
class SegmentMaker {
 public:
  /// Both outlive it.
  SegmentMaker(LogDirectory& directory, Journal& journal)
      : directory_(directory), journal_(journal) {}

  /// Finds all segments up to `committed`, and keeps those open that are not durable.
  [[nodiscard]] Status refresh();
  /// Keeps segments open that are not durable, as far as the process may open files.
  [[nodiscard]] Status hold_unsynced();
  /// Makes sure that a frame of this many bytes fits after the last one. errc::disk_full, limit.
  [[nodiscard]] Status make_room(const Locked& locked, std::uint64_t bytes);
  /// Checks that this member writes to the same segment as all others, that the segment has space
  /// for a frame of this many bytes at `position`, and that it can be written to. After
  /// errc::corrupt or io_error nothing may be written.
  [[nodiscard]] Status check_room(const Locked& locked, std::uint64_t position,
                                  std::uint64_t bytes);
  /// Takes over the segment that a dead holder of the lock created.
  [[nodiscard]] Status adopt(const Locked& locked);
  /// Prepares the next segments when they will soon be needed. Errors are ignored; then the
  /// segments are created when they are needed.
  void prepare();

 private:
  void use(const Locked& locked, std::uint64_t start, std::uint64_t end);
  [[nodiscard]] unsigned wanted_ahead(std::uint64_t start, std::uint64_t end);

  LogDirectory& directory_;
  Journal& journal_;
  std::atomic<std::uint32_t> version_seen_ = 0;
  // The time at which prepare() first saw the present segment of the journal.
  Mutex roll_mutex_;
  std::uint64_t start_seen_ MILLRACE_GUARDED_BY(roll_mutex_) = 0;
  std::int64_t last_roll_ns_ MILLRACE_GUARDED_BY(roll_mutex_) = INT64_MIN / 2;
};

}  // namespace millrace::log::embedded
