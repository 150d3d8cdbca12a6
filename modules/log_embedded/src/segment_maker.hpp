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

/// Makes a segment of the journal for each frame that needs one, and finds the segments that other
/// members made. Making one may take tens of milliseconds: prepare() does it before it
/// is needed, so that the holder of the writer lock only gives it its name. Thread-safe.
class SegmentMaker {
 public:
  /// Both outlive it.
  SegmentMaker(LogDirectory& directory, Journal& journal)
      : directory_(directory), journal_(journal) {}

  /// Knows all segments that `committed` may lie in, and keeps open what is not durable of them.
  [[nodiscard]] Status refresh();
  /// Keeps open what is not durable, as far as the process may open files.
  [[nodiscard]] Status hold_unsynced();
  /// A frame of so many bytes fits behind the last one. errc::disk_full, limit.
  [[nodiscard]] Status make_room(const Locked& locked, std::uint64_t bytes);
  /// Checks that the segment that this member writes to is the one that all use, that it has room
  /// for a frame of so many bytes at `position`, and that it can be written to. errc::corrupt,
  /// io_error: nothing may be written then.
  [[nodiscard]] Status check_room(const Locked& locked, std::uint64_t position,
                                  std::uint64_t bytes);
  /// Takes on the segment that a dead holder of the lock made.
  [[nodiscard]] Status adopt(const Locked& locked);
  /// Prepares the next segments when they will soon be needed. Failures are ignored: then the
  /// segments are made when they are needed.
  void prepare();

 private:
  void use(const Locked& locked, std::uint64_t start, std::uint64_t end);
  [[nodiscard]] unsigned wanted_ahead(std::uint64_t start, std::uint64_t end);

  LogDirectory& directory_;
  Journal& journal_;
  std::atomic<std::uint32_t> version_seen_ = 0;
  // When the journal came to its present segment, as prepare() saw it.
  Mutex roll_mutex_;
  std::uint64_t start_seen_ MILLRACE_GUARDED_BY(roll_mutex_) = 0;
  std::int64_t last_roll_ns_ MILLRACE_GUARDED_BY(roll_mutex_) = INT64_MIN / 2;
};

}  // namespace millrace::log::embedded
