// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/compaction.hpp"

#include <algorithm>
#include <limits>

#include "log_directory.hpp"
#include "millrace/base/assert.hpp"
#include "settled/batch_rewriter.hpp"
#include "settled/segment_changes.hpp"
#include "settled/segment_files.hpp"
#include "settled/settled_segment.hpp"

namespace millrace::log::embedded {

Result<bool> Compaction::step(std::uint64_t bytes) {
  bytes_left_ = bytes;
  MILLRACE_TRY(finish_changes(files_, directory_));
  MILLRACE_TRY(begun_ ? find_segments() : begin());
  while (map_) {
    MILLRACE_TRY(check_not_stopped(options_, directory_));
    MILLRACE_ASSIGN(const bool done, round_ ? clean_on() : fill_on());
    if (!done) {
      return false;
    }
    if (!round_) {
      round_.emplace(files_, directory_, options_, *map_, map_end_, now_ms_);
      continue;
    }
    MILLRACE_TRY(end_round());
  }
  return true;
}

Status Compaction::begin() {
  MILLRACE_ASSIGN(result_.state, load_compaction_state(files_, directory_));
  MILLRACE_TRY(find_segments());
  // Segments that a recovery cut came back as they were.
  result_.state.clean_until = std::min(result_.state.clean_until, closed_end_);
  boundary_ = segments_.empty() ? offset(0) : segments_.back().end;
  // Segments that are closed meanwhile wait for the next call.
  settled_ = std::min(settled_, boundary_);
  from_ = std::min(result_.state.clean_until, boundary_);
  const bool tombstones_due = result_.state.next_horizon_ms <= now_ms_ && boundary_ > offset(0);
  if (from_ < boundary_ || tombstones_due) {
    begin_round();
  }
  begun_ = true;
  return {};
}

/// The segments that may be rewritten, from the first one on.
Status Compaction::find_segments() {
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

void Compaction::begin_round() {
  // Enough for the smallest records; the map of a small partition is small.
  constexpr std::uint64_t map_bytes_per_log_byte = 32;
  std::uint64_t dirty_bytes = 0;
  for (const CleanableSegment& one : segments_) {
    dirty_bytes += one.end > from_ ? one.log_bytes : 0;
  }
  map_.emplace(std::min<std::uint64_t>(options_.map_bytes, dirty_bytes * map_bytes_per_log_byte));
  fill_at_ = from_;
  clean_at_ = offset(0);
}

/// Puts the keys of [from_, boundary_) into the map; map_end_ becomes the offset of the first
/// record whose key had no room. False when the step is over before.
Result<bool> Compaction::fill_on() {
  for (const CleanableSegment& one : segments_) {
    if (one.end <= fill_at_) {
      continue;
    }
    MILLRACE_ASSIGN(const bool room, fill_from(one));
    if (!room) {
      return true;
    }
    if (fill_at_ < one.end) {
      return false;
    }
  }
  map_end_ = boundary_;
  return true;
}

/// False when the map is full.
Result<bool> Compaction::fill_from(const CleanableSegment& one) {
  constexpr std::size_t read_bytes = 1U << 20U;
  MILLRACE_ASSIGN(const auto segment, SettledSegment::open(files_, directory_, one.base));
  const std::string path = segment_path(directory_, one.base, SegmentFile::log);
  SettledBatches read;
  std::vector<RecordView> records;
  read.next = std::max(one.base, fill_at_);
  while (read.next < one.end && bytes_left_ > 0) {
    MILLRACE_TRY(check_not_stopped(options_, directory_));
    const Offset at = read.next;
    read.clear();
    MILLRACE_TRY(segment.read(at, one.end, read_bytes, read));
    MILLRACE_ASSERT(read.next > at, "a segment ends with a batch");
    for (const SettledBatches::Batch& batch : read.batches) {
      MILLRACE_TRY(decode_if_plain(read.view(batch), batch.header, path, records));
      for (const RecordView& record : records) {
        if (record.key && record.offset >= from_ && !map_->put(*record.key, record.offset)) {
          map_end_ = record.offset;
          return false;
        }
      }
    }
    fill_at_ = read.next;
    spend(read.memory.size());
  }
  return true;
}

/// Cleans the groups before map_end_; false when the step is over before.
Result<bool> Compaction::clean_on() {
  while (true) {
    const auto group = next_group();
    if (group.empty()) {
      return true;
    }
    if (bytes_left_ == 0) {
      return false;
    }
    MILLRACE_TRY(round_->clean(group, result_.state));
    clean_at_ = group.back().base.next();
    for (const CleanableSegment& one : group) {
      spend(one.log_bytes);
    }
  }
}

/// Segments that become one, as Kafka groups them: by the bytes that they have now.
std::span<const CleanableSegment> Compaction::next_group() {
  const auto behind = [this](const CleanableSegment& one) { return one.base >= clean_at_; };
  auto first = static_cast<std::size_t>(std::find_if(segments_.begin(), segments_.end(), behind) -
                                        segments_.begin());
  while (first < segments_.size() && segments_[first].base < map_end_) {
    std::size_t last = first;
    std::uint64_t bytes = segments_[first].log_bytes;
    while (last + 1 < segments_.size() && segments_[last + 1].base < map_end_) {
      const CleanableSegment& next = segments_[last + 1];
      const bool reaches =
          next.end.value - segments_[first].base.value <= std::numeric_limits<std::int32_t>::max();
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
      return {segments_.data() + first, last - first + 1};
    }
    first = last + 1;
  }
  return {};
}

Status Compaction::end_round() {
  CompactionState& state = result_.state;
  // A round that sees less than an earlier one says nothing of the tombstones behind it.
  state.next_horizon_ms = map_end_ < state.clean_until
                              ? std::min(state.next_horizon_ms, round_->next_horizon_ms())
                              : round_->next_horizon_ms();
  state.clean_until = std::max(state.clean_until, map_end_);
  MILLRACE_TRY(save_compaction_state(files_, directory_, state));
  result_.counts += round_->counts();
  ++result_.rounds;
  round_.reset();
  map_.reset();
  from_ = map_end_;
  if (from_ < boundary_) {
    MILLRACE_TRY(find_segments());
    begin_round();
  }
  return {};
}

}  // namespace millrace::log::embedded
