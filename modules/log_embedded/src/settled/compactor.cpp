// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/compactor.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "log_directory.hpp"
#include "millrace/base/assert.hpp"
#include "settled/batch_rewriter.hpp"
#include "settled/cleaning_round.hpp"
#include "settled/offset_map.hpp"
#include "settled/segment_changes.hpp"
#include "settled/segment_files.hpp"
#include "settled/settled_segment.hpp"

namespace millrace::log::embedded {
namespace {

class Compaction {
 public:
  Compaction(FileSystem& files, const std::string& directory, const CompactionOptions& options,
             Offset settled, std::int64_t now_ms)
      : files_(files),
        directory_(directory),
        options_(options),
        settled_(settled),
        now_ms_(now_ms) {}

  Result<CompactionResult> run() {
    MILLRACE_TRY(finish_changes(files_, directory_));
    MILLRACE_ASSIGN(result_.state, load_compaction_state(files_, directory_));
    MILLRACE_TRY(find_segments());
    // Segments that a recovery cut came back as they were.
    result_.state.clean_until = std::min(result_.state.clean_until, closed_end_);
    const Offset boundary = segments_.empty() ? offset(0) : segments_.back().end;
    // Segments that are closed meanwhile wait for the next call.
    settled_ = std::min(settled_, boundary);
    Offset from = std::min(result_.state.clean_until, boundary);
    bool due = result_.state.next_horizon_ms <= now_ms_;
    while (from < boundary || (due && boundary > offset(0))) {
      MILLRACE_ASSIGN(from, run_round(from, boundary));
      MILLRACE_TRY(find_segments());
      due = false;
    }
    return result_;
  }

 private:
  /// The segments that may be rewritten, from the first one on.
  Status find_segments() {
    segments_.clear();
    MILLRACE_ASSIGN(const auto bases, list_segments(files_, directory_));
    bool more = true;
    for (std::size_t i = 0; i + 1 < bases.size(); ++i) {
      MILLRACE_ASSIGN(const auto segment, SettledSegment::open(files_, directory_, bases[i]));
      MILLRACE_ASSIGN(const Offset end, segment.end());
      closed_end_ = std::max(closed_end_, end);
      more = more && end <= settled_;
      if (!more) {
        continue;
      }
      if (end > result_.state.clean_until && options_.min_compaction_lag_ms > 0) {
        MILLRACE_ASSIGN(const bool old,
                        segment.appended_before(now_ms_ - options_.min_compaction_lag_ms + 1));
        if (!old) {
          more = false;
          continue;
        }
      }
      segments_.push_back(
          {bases[i], end, segment.end_in_front(), segment.log_bytes(), segment.generation()});
    }
    return {};
  }

  /// Cleans with the keys at and behind `from`, as many as fit, and returns up to where.
  Result<Offset> run_round(Offset from, Offset boundary) {
    // Enough for the smallest records; the map of a small partition is small.
    constexpr std::uint64_t map_bytes_per_log_byte = 32;
    std::uint64_t dirty_bytes = 0;
    for (const CleanableSegment& one : segments_) {
      dirty_bytes += one.end > from ? one.log_bytes : 0;
    }
    OffsetMap map(
        std::min<std::uint64_t>(options_.map_bytes, dirty_bytes * map_bytes_per_log_byte));
    MILLRACE_ASSIGN(const Offset map_end, fill(map, from, boundary));
    CleaningRound round(files_, directory_, options_, map, map_end, now_ms_);
    for (const auto group : groups_before(map_end)) {
      MILLRACE_TRY(round.clean(group, result_.state));
    }
    CompactionState& state = result_.state;
    // A round that sees less than an earlier one says nothing of the tombstones behind it.
    state.next_horizon_ms = map_end < state.clean_until
                                ? std::min(state.next_horizon_ms, round.next_horizon_ms())
                                : round.next_horizon_ms();
    state.clean_until = std::max(state.clean_until, map_end);
    MILLRACE_TRY(save_compaction_state(files_, directory_, state));
    result_.counts += round.counts();
    ++result_.rounds;
    return map_end;
  }

  /// Puts the keys of [from, boundary) into the map; returns the offset of the first record whose
  /// key had no room.
  Result<Offset> fill(OffsetMap& map, Offset from, Offset boundary) {
    constexpr std::size_t read_bytes = 1U << 20U;
    SettledBatches read;
    std::vector<RecordView> records;
    for (const CleanableSegment& one : segments_) {
      if (one.end <= from) {
        continue;
      }
      MILLRACE_ASSIGN(const auto segment, SettledSegment::open(files_, directory_, one.base));
      read.next = std::max(one.base, from);
      while (read.next < one.end) {
        const Offset at = read.next;
        read.clear();
        MILLRACE_TRY(segment.read(at, one.end, read_bytes, read));
        MILLRACE_ASSERT(read.next > at, "a segment ends with a batch");
        for (const SettledBatches::Batch& batch : read.batches) {
          MILLRACE_TRY(decode_if_plain(read.view(batch), batch.header,
                                       segment_path(directory_, one.base, SegmentFile::log),
                                       records));
          for (const RecordView& record : records) {
            if (record.key && record.offset >= from && !map.put(*record.key, record.offset)) {
              return record.offset;
            }
          }
        }
      }
    }
    return boundary;
  }

  /// Segments that become one, as Kafka groups them: by the bytes that they have now.
  [[nodiscard]] std::vector<std::span<const CleanableSegment>> groups_before(Offset end) const {
    std::vector<std::span<const CleanableSegment>> groups;
    for (std::size_t first = 0; first < segments_.size() && segments_[first].base < end;) {
      std::size_t last = first;
      std::uint64_t bytes = segments_[first].log_bytes;
      while (last + 1 < segments_.size() && segments_[last + 1].base < end) {
        const CleanableSegment& next = segments_[last + 1];
        const bool reaches = next.end.value - segments_[first].base.value <=
                             std::numeric_limits<std::int32_t>::max();
        if (bytes + next.log_bytes > options_.segment_bytes || !reaches) {
          break;
        }
        bytes += next.log_bytes;
        ++last;
      }
      // Empty ones behind the last batch are not replaced.
      while (last > first && segments_[last].log_bytes == 0) {
        --last;
      }
      if (bytes > 0) {
        groups.emplace_back(segments_.data() + first, last - first + 1);
      }
      first = last + 1;
    }
    return groups;
  }

  FileSystem& files_;
  const std::string& directory_;
  const CompactionOptions& options_;
  Offset settled_;
  std::int64_t now_ms_;
  Offset closed_end_;  // of the segments that have a successor
  std::vector<CleanableSegment> segments_;
  CompactionResult result_;
};

}  // namespace

CompactionCounts& CompactionCounts::operator+=(const CompactionCounts& more) {
  records_superseded += more.records_superseded;
  tombstones_removed += more.tombstones_removed;
  records_without_key += more.records_without_key;
  batches_kept_whole += more.batches_kept_whole;
  return *this;
}

Result<CompactionResult> compact(FileSystem& files, const std::string& directory,
                                 const CompactionOptions& options, Offset settled,
                                 std::int64_t now_ms) {
  constexpr std::uint64_t segment_bytes_limit = std::numeric_limits<std::int32_t>::max();
  if (options.segment_bytes == 0 || options.segment_bytes > segment_bytes_limit ||
      options.delete_retention_ms < 0 || options.min_compaction_lag_ms < 0) {
    return fail(errc::invalid_argument, "segment_bytes must be from 1 to " +
                                            std::to_string(segment_bytes_limit) +
                                            ", and no time negative");
  }
  if (!files.exists(directory)) {
    return CompactionResult();
  }
  auto done = Compaction(files, directory, options, settled, now_ms).run();
  if (!done) {
    return fail(log_error(std::move(done).error()));
  }
  return done;
}

}  // namespace millrace::log::embedded
