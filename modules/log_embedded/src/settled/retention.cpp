// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/retention.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "settled/segment_changes.hpp"
#include "settled/segment_files.hpp"
#include "settled/settled_segment.hpp"

namespace millrace::log::embedded {
namespace {

/// The segments of a directory in which no change is under way.
Result<std::vector<Offset>> settled_bases(FileSystem& files, const std::string& directory) {
  if (!files.exists(directory)) {
    return std::vector<Offset>();
  }
  MILLRACE_TRY(finish_changes(files, directory));
  return list_segments(files, directory);
}

Result<std::uint64_t> log_bytes(FileSystem& files, const std::string& directory, Offset base) {
  MILLRACE_ASSIGN(const auto file,
                  files.open(segment_path(directory, base, SegmentFile::log), OpenMode::read));
  return file->size();
}

/// Removes the first `count` segments.
Result<Removed> remove_first(FileSystem& files, const std::string& directory,
                             const std::vector<Offset>& bases, std::size_t count) {
  Removed removed;
  if (count > 0) {
    for (std::size_t i = 0; i < count; ++i) {
      MILLRACE_ASSIGN(const std::uint64_t bytes, log_bytes(files, directory, bases[i]));
      removed.bytes += bytes;
    }
    MILLRACE_TRY(remove_segments(files, directory, bases[count - 1]));
    removed.segments = count;
  }
  if (!bases.empty()) {
    removed.start = bases[count];
  }
  return removed;
}

Result<std::size_t> count_expired(FileSystem& files, const std::string& directory,
                                  const std::vector<Offset>& bases, std::int64_t before_ms) {
  std::size_t count = 0;
  while (count + 1 < bases.size()) {
    MILLRACE_ASSIGN(const auto segment, SettledSegment::open(files, directory, bases[count]));
    MILLRACE_ASSIGN(const bool expired, segment.appended_before(before_ms));
    if (!expired) {
      break;
    }
    ++count;
  }
  return count;
}

Result<std::size_t> count_too_many(FileSystem& files, const std::string& directory,
                                   const std::vector<Offset>& bases, std::uint64_t bytes_kept) {
  std::vector<std::uint64_t> sizes;
  for (const Offset base : bases) {
    MILLRACE_ASSIGN(const std::uint64_t bytes, log_bytes(files, directory, base));
    sizes.push_back(bytes);
  }
  std::uint64_t left = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  std::size_t count = 0;
  while (count + 1 < sizes.size() && left - sizes[count] >= bytes_kept) {
    left -= sizes[count++];
  }
  return count;
}

}  // namespace

Result<Removed> apply_retention(FileSystem& files, const std::string& directory,
                                const RetentionLimits& limits, std::int64_t now_ms) {
  MILLRACE_ASSIGN(const auto bases, settled_bases(files, directory));
  std::size_t count = 0;
  if (limits.retention_ms) {
    MILLRACE_ASSIGN(count, count_expired(files, directory, bases, now_ms - *limits.retention_ms));
  }
  if (limits.retention_bytes) {
    MILLRACE_ASSIGN(const std::size_t too_many,
                    count_too_many(files, directory, bases, *limits.retention_bytes));
    count = std::max(count, too_many);
  }
  return remove_first(files, directory, bases, count);
}

Result<Removed> remove_before(FileSystem& files, const std::string& directory, Offset offset) {
  MILLRACE_ASSIGN(const auto bases, settled_bases(files, directory));
  std::size_t count = 0;
  while (count + 1 < bases.size() && bases[count + 1] <= offset) {
    ++count;
  }
  return remove_first(files, directory, bases, count);
}

}  // namespace millrace::log::embedded
