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

/// The files of a journal's segments that are open: a bounded number of them, however many segments
/// there are. The one that was not used for the longest time is closed for another. Segments are
/// named by the position of their first byte, of 20 digits. Thread-safe.
class OpenSegments {
 public:
  static constexpr std::size_t max_open = 64;

  /// `files` outlives it. `may_open` is asked before a file is opened by its name: whether the
  /// directory is still the one that was opened. Empty: it is not asked.
  OpenSegments(FileSystem& files, std::string directory, OpenMode mode,
               std::function<Status()> may_open);

  [[nodiscard]] std::string path_of(std::uint64_t start) const;
  /// The file that says where its batches lie.
  [[nodiscard]] std::string index_path_of(std::uint64_t start) const;
  /// Where a segment of this file name begins; no value for other names.
  [[nodiscard]] static std::optional<std::uint64_t> start_of(std::string_view name);

  /// The file of the segment that begins there. Open at least as long as the caller has it.
  [[nodiscard]] Result<std::shared_ptr<File>> file(std::uint64_t start);
  /// Opens it, and keeps it open until release(): a system may tell nobody that written pages were
  /// lost when nobody has the file open.
  [[nodiscard]] Result<std::shared_ptr<File>> hold(std::uint64_t start);
  void release(std::uint64_t start);
  /// Where the segments that are held begin, in order.
  [[nodiscard]] std::vector<std::uint64_t> held();
  /// How many are held that should not be any more: half of those that are open may be.
  [[nodiscard]] std::size_t surplus() const;
  /// Takes a file that is open already.
  void add(std::uint64_t start, std::unique_ptr<File> file);
  /// Closes a file that was removed.
  void remove(std::uint64_t start);

  /// Opens any file of the directory, and closes some segments when that needs a descriptor.
  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode);
  /// For when the process may open no more files: closes half of the segments that are open, and
  /// keeps no more than that open for a while. False when it closed none, so that it is of no use
  /// to try again.
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
