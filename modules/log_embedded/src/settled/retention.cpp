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

/// The segments that may be removed, and the one behind them.
struct Removable {
  std::vector<Offset> bases;
  std::size_t count = 0;
};

Result<Removable> find_removable(FileSystem& files, const std::string& directory, Offset settled) {
  Removable found;
  if (!files.exists(directory)) {
    return found;
  }
  MILLRACE_TRY(finish_changes(files, directory));
  MILLRACE_ASSIGN(found.bases, list_segments(files, directory));
  while (found.count + 1 < found.bases.size() && found.bases[found.count + 1] < settled) {
    ++found.count;
  }
  return found;
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

/// What lies in front of a segment whose time is over was appended before it, whatever time it has:
/// one in the future, of a clock that was wrong, would keep all that follows.
Result<std::size_t> count_expired(FileSystem& files, const std::string& directory,
                                  const Removable& from, std::int64_t retention_ms,
                                  std::int64_t now_ms) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < from.count; ++i) {
    MILLRACE_ASSIGN(const auto segment, SettledSegment::open(files, directory, from.bases[i]));
    MILLRACE_ASSIGN(const bool expired, segment.appended_before(now_ms - retention_ms));
    MILLRACE_ASSIGN(const bool past, segment.appended_before(now_ms + 1));
    if (expired) {
      count = i + 1;
    } else if (past) {
      break;
    }
  }
  return count;
}

Result<std::size_t> count_too_many(FileSystem& files, const std::string& directory,
                                   const Removable& from, std::uint64_t bytes_kept) {
  std::vector<std::uint64_t> sizes;
  for (const Offset base : from.bases) {
    MILLRACE_ASSIGN(const std::uint64_t bytes, log_bytes(files, directory, base));
    sizes.push_back(bytes);
  }
  std::uint64_t left = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  std::size_t count = 0;
  while (count < from.count && left - sizes[count] >= bytes_kept) {
    left -= sizes[count++];
  }
  return count;
}

std::size_t count_before(const Removable& from, Offset offset) {
  std::size_t count = 0;
  while (count < from.count && from.bases[count + 1] <= offset) {
    ++count;
  }
  return count;
}

/// How many segments the limits allow to go.
Result<std::size_t> count_unwanted(FileSystem& files, const std::string& directory,
                                   const Removable& from, const RetentionLimits& limits,
                                   std::int64_t now_ms) {
  std::size_t count = limits.needed_from ? count_before(from, *limits.needed_from) : 0;
  if (limits.retention_ms) {
    MILLRACE_ASSIGN(const std::size_t expired,
                    count_expired(files, directory, from, *limits.retention_ms, now_ms));
    count = std::max(count, expired);
  }
  if (limits.retention_bytes) {
    MILLRACE_ASSIGN(const std::size_t too_many,
                    count_too_many(files, directory, from, *limits.retention_bytes));
    count = std::max(count, too_many);
  }
  return limits.kept_from ? std::min(count, count_before(from, *limits.kept_from)) : count;
}

Status check_limits(const RetentionLimits& limits) {
  return limits.retention_ms.value_or(0) < 0
             ? fail(errc::invalid_argument,
                    "retention_ms is negative; to keep records for ever, set none")
             : Status{};
}

}  // namespace

Result<Removed> apply_retention(FileSystem& files, const std::string& directory,
                                const RetentionLimits& limits, Offset settled,
                                std::int64_t now_ms) {
  MILLRACE_TRY(check_limits(limits));
  MILLRACE_ASSIGN(const Removable from, find_removable(files, directory, settled));
  MILLRACE_ASSIGN(const std::size_t count, count_unwanted(files, directory, from, limits, now_ms));
  return remove_first(files, directory, from.bases, count);
}

Result<std::optional<RetentionPlan>> plan_retention(FileSystem& files, const std::string& directory,
                                                    const RetentionLimits& limits, Offset settled,
                                                    std::int64_t now_ms) {
  MILLRACE_TRY(check_limits(limits));
  MILLRACE_ASSIGN(const Removable from, find_removable(files, directory, settled));
  if (from.bases.empty()) {
    return std::nullopt;
  }
  MILLRACE_ASSIGN(const std::size_t count, count_unwanted(files, directory, from, limits, now_ms));
  return RetentionPlan{from.bases.front(), from.bases[count]};
}

Result<Removed> remove_before(FileSystem& files, const std::string& directory, Offset offset,
                              Offset settled) {
  MILLRACE_ASSIGN(const Removable from, find_removable(files, directory, settled));
  return remove_first(files, directory, from.bases, count_before(from, offset));
}

}  // namespace millrace::log::embedded
