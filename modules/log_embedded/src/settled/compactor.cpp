// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/compactor.hpp"

#include <limits>

#include "log_directory.hpp"
#include "millrace/log/errors.hpp"
#include "settled/compaction.hpp"
#include "settled/segment_files.hpp"
#include "settled/settled_segment.hpp"

namespace millrace::log::embedded {

CompactionCounts& CompactionCounts::operator+=(const CompactionCounts& more) {
  records_superseded += more.records_superseded;
  tombstones_removed += more.tombstones_removed;
  records_without_key += more.records_without_key;
  batches_kept_whole += more.batches_kept_whole;
  return *this;
}

Status check_not_stopped(const CompactionOptions& options, const std::string& directory) {
  if (options.stop != nullptr && options.stop->load(std::memory_order_relaxed)) {
    return fail(errc::closed, "{}: its compaction was stopped; the next one continues", directory);
  }
  return {};
}

Result<CompactionResult> compact(FileSystem& files, const std::string& directory,
                                 const CompactionOptions& options, Offset settled,
                                 std::int64_t now_ms) {
  constexpr std::uint64_t segment_bytes_limit = std::numeric_limits<std::int32_t>::max();
  if (options.segment_bytes == 0 || options.segment_bytes > segment_bytes_limit ||
      options.delete_retention_ms < 0 || options.min_compaction_lag_ms < 0) {
    return fail(errc::invalid_argument, "segment_bytes must be from 1 to {}, and no time negative",
                segment_bytes_limit);
  }
  if (!files.exists(directory)) {
    return CompactionResult();
  }
  Compaction compaction(files, directory, options, settled, now_ms);
  auto done = compaction.step(std::numeric_limits<std::uint64_t>::max());
  if (!done) {
    return fail(log_error(std::move(done).error()));
  }
  return compaction.result();
}

Result<bool> compaction_due(FileSystem& files, const std::string& directory,
                            const CompactionOptions& options, Offset settled, std::int64_t now_ms) {
  MILLRACE_ASSIGN(const CompactionState state, load_compaction_state(files, directory));
  MILLRACE_ASSIGN(const auto bases, list_segments(files, directory));
  std::size_t count = 0;
  while (count + 1 < bases.size() && bases[count + 1] <= settled) {
    ++count;
  }
  // A round that sees less than earlier ones does not find out when the next tombstones may go:
  // their time would be over in each pass, for as long as a reader is behind.
  if (count > 0 && state.next_horizon_ms <= now_ms && bases[count] >= state.clean_until) {
    return true;
  }
  if (count == 0 || bases[count] <= state.clean_until) {
    return false;
  }
  std::uint64_t clean_bytes = 0;
  std::uint64_t new_bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    MILLRACE_ASSIGN(const auto segment, SettledSegment::open(files, directory, bases[i]));
    MILLRACE_ASSIGN(const Offset end, segment.end());
    const bool clean = end <= state.clean_until;
    if (!clean && options.min_compaction_lag_ms > 0) {
      MILLRACE_ASSIGN(const bool old,
                      segment.appended_before(now_ms - options.min_compaction_lag_ms + 1));
      if (!old) {
        break;
      }
    }
    (clean ? clean_bytes : new_bytes) += segment.log_bytes();
  }
  return new_bytes > 0 && new_bytes >= clean_bytes;
}

}  // namespace millrace::log::embedded
