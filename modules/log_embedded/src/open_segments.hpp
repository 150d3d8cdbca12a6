// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace::log::embedded {

/// The open files of the segments of a journal. Their number is bounded: the segment that was not
/// used for the longest time is closed when another one must be opened. The name of a segment is
/// the position of its first byte in 20 digits. Thread-safe.
class OpenSegments {
 public:
  static constexpr std::size_t max_open = 64;

  /// `files` must outlive it. `may_open` is called before a file is opened by its name; it checks
  /// that the directory is still the one that was opened. Empty: no check.
  OpenSegments(FileSystem& files, std::string directory, OpenMode mode,
               std::function<Status()> may_open);

  [[nodiscard]] std::string path_of(std::uint64_t start) const;
  /// The index file of the segment.
  [[nodiscard]] std::string index_path_of(std::uint64_t start) const;
  /// The position at which the segment of this file name begins; no value for other names.
  [[nodiscard]] static std::optional<std::uint64_t> start_of(std::string_view name);

  /// The file of the segment that begins there. Open at least as long as the caller has it.
  [[nodiscard]] Result<std::shared_ptr<File>> file(std::uint64_t start);
  /// Opens the segment and keeps it open until release(). While no process has a file open, the
  /// system may lose written pages without an error.
  [[nodiscard]] Result<std::shared_ptr<File>> hold(std::uint64_t start);
  void release(std::uint64_t start);
  /// The positions of the segments that are held, in order.
  [[nodiscard]] std::vector<std::uint64_t> held();
  /// The number of held segments that should be released: at most half of the open segments may be
  /// held.
  [[nodiscard]] std::size_t surplus() const;
  /// Adds a file that is open already.
  void add(std::uint64_t start, std::unique_ptr<File> file);
  /// Closes a file that was removed.
  void remove(std::uint64_t start);

  /// Opens any file of the directory. When the process has no free descriptor, closes some segments
  /// first.
  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode);
  /// Call it when the process cannot open more files: closes half of the open segments, and keeps
  /// at most that many open for a while. False when it closed none, so that another attempt is
  /// useless.
  [[nodiscard]] bool close_half();

 private:
  struct Entry {
    std::shared_ptr<File> file;
    std::atomic<std::uint64_t> used = 0;  ///< how many files had been opened when it was used last
    std::atomic<bool> held = false;       ///< set under the mutex, shared; closing takes it alone
  };
  void set_held(Entry& entry, bool held) MILLRACE_REQUIRES_SHARED(mutex_);
  using Closed = std::vector<std::shared_ptr<File>>;

  [[nodiscard]] Entry* find(std::uint64_t start) MILLRACE_REQUIRES_SHARED(mutex_);
  Entry& insert(std::uint64_t start, std::unique_ptr<File> file, Closed& closed)
      MILLRACE_REQUIRES(mutex_);
  bool close_oldest(std::uint64_t but, Closed& closed) MILLRACE_REQUIRES(mutex_);
  void grow() MILLRACE_REQUIRES(mutex_);

  FileSystem& files_;
  std::string directory_;
  OpenMode mode_;
  std::function<Status()> may_open_;
  SharedMutex mutex_;
  std::map<std::uint64_t, Entry> open_ MILLRACE_GUARDED_BY(mutex_);
  std::atomic<std::size_t> max_open_ = max_open;  ///< set under the mutex
  std::atomic<std::size_t> held_ = 0;
  std::uint64_t opened_ MILLRACE_GUARDED_BY(mutex_) = 0;
  std::uint64_t grow_at_ MILLRACE_GUARDED_BY(mutex_) = 0;  ///< when so many were opened
};

}  // namespace millrace::log::embedded
