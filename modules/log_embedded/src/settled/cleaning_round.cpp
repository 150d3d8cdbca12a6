// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/cleaning_round.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "millrace/base/assert.hpp"
#include "settled/batch_rewriter.hpp"
#include "settled/segment_changes.hpp"
#include "settled/segment_files.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint64_t position_max = std::numeric_limits<std::int32_t>::max();

bool is_tombstone(const RecordView& record) { return record.key && !record.value; }

}  // namespace

Status CleaningRound::clean(std::span<const CleanableSegment> group, CompactionState& state) {
  const Offset base = group.front().base;
  auto written = write(group);
  if (!written) {
    drop_files(base);
    return fail(std::move(written).error());
  }
  const bool alone = group.size() == 1;
  if (alone && !written->changed) {
    drop_files(base);
  } else {
    if (Status durable = make_durable(*written, state); !durable) {
      drop_files(base);
      return durable;
    }
    MILLRACE_TRY(replace_segments(files_, directory_, base, written->end));
  }
  counts_ += written->counts;
  return {};
}

/// All that has to be on the disk before the replacement counts.
Status CleaningRound::make_durable(Group& group, CompactionState& state) {
  const Offset tombstones_end = std::max(state.tombstones_complete_from, group.tombstones_end);
  if (std::exchange(state.tombstones_complete_from, tombstones_end) != tombstones_end) {
    MILLRACE_TRY(save_compaction_state(files_, directory_, state));
  }
  MILLRACE_TRY(group.out.sync());
  return files_.sync_directory(directory_);
}

/// What is left of the segments, in files with the mark `cleaned`.
Result<CleaningRound::Group> CleaningRound::write(std::span<const CleanableSegment> group) {
  const auto by_generation = [](const CleanableSegment& a, const CleanableSegment& b) {
    return a.generation < b.generation;
  };
  const std::uint32_t generation =
      std::max_element(group.begin(), group.end(), by_generation)->generation + 1;
  MILLRACE_ASSIGN(auto out, ActiveSegment::create(
                                files_, directory_, group.front().base, group.front().end_in_front,
                                options_.index_interval_bytes, SegmentMark::cleaned, generation));
  Group made{std::move(out), {}, 0, false, {}, {}, {}};
  for (const CleanableSegment& one : group) {
    made.end = std::max(made.end, one.end);
    made.bytes_left += one.log_bytes;
  }
  for (const CleanableSegment& one : group) {
    MILLRACE_TRY(copy(one, made));
  }
  made.out.close();
  return made;
}

Status CleaningRound::copy(const CleanableSegment& one, Group& group) {
  constexpr std::size_t read_bytes = 1U << 20U;
  constexpr std::uint64_t buffer_bytes_max = 256U << 10U;
  MILLRACE_ASSIGN(const auto segment, SettledSegment::open(files_, directory_, one.base));
  group.path = segment_path(directory_, one.base, SegmentFile::log);
  SettledBatches read;
  read.next = one.base;
  while (read.next < one.end) {
    MILLRACE_TRY(check_not_stopped(options_, directory_));
    const Offset from = read.next;
    read.clear();
    MILLRACE_TRY(segment.read(from, one.end, read_bytes, read));
    MILLRACE_ASSERT(read.next > from, "a segment ends with a batch");
    for (const SettledBatches::Batch& batch : read.batches) {
      MILLRACE_TRY(take(read, batch, group));
      if (group.out.waiting_bytes() > buffer_bytes_max) {
        MILLRACE_TRY(group.out.flush());
      }
    }
  }
  return {};
}

/// Whether what a tombstone deletes is surely gone, and surely stays so.
bool CleaningRound::may_forget_tombstones(const RecordBatchHeader& header) const {
  return !opaque_in_front_ && header.base_offset.value + header.last_offset_delta < map_end_.value;
}

/// Takes the records that go out of records_; whether tombstones are left.
bool CleaningRound::filter(const RecordBatchHeader& header, Group& group) {
  const auto horizon = delete_horizon_ms(header);
  const bool forget = horizon && *horizon <= now_ms_ && may_forget_tombstones(header);
  bool tombstones = false;
  std::erase_if(records_, [&](const RecordView& record) {
    if (!record.key) {
      ++group.counts.records_without_key;
      return false;
    }
    const auto last = map_.find(*record.key);
    if (last && record.offset < *last) {
      ++group.counts.records_superseded;
      return true;
    }
    if (is_tombstone(record) && forget) {
      ++group.counts.tombstones_removed;
      group.tombstones_end = std::max(group.tombstones_end, record.offset.next());
      return true;
    }
    tombstones = tombstones || is_tombstone(record);
    return false;
  });
  return tombstones;
}

/// Adds what is left of a batch.
Status CleaningRound::take(const SettledBatches& read, const SettledBatches::Batch& batch,
                           Group& group) {
  const RecordBatchHeader& header = batch.header;
  const std::string_view bytes = read.view(batch);
  bool tombstones = false;
  const auto add = [&](std::string_view kept) {
    const auto kept_header = read_batch_header(kept);
    MILLRACE_ASSERT(kept_header, "it was read or made here");
    group.out.add(*kept_header, {kept, batch.commit.position, batch.commit.append_time_ms});
    if (const auto horizon = delete_horizon_ms(*kept_header);
        horizon && tombstones && !opaque_in_front_) {
      next_horizon_ms_ = std::min(next_horizon_ms_, *horizon);
    }
  };
  group.bytes_left -= bytes.size();
  if (is_opaque(header)) {
    opaque_in_front_ = true;
    ++group.counts.batches_kept_whole;
    add(bytes);
    return {};
  }
  MILLRACE_TRY(decode_if_plain(bytes, header, group.path, records_));
  tombstones = filter(header, group);
  const Offset end = offset(header.base_offset.value + header.last_offset_delta).next();
  if (records_.empty() && end != group.end) {
    group.changed = true;
    return {};
  }
  const auto old_horizon = delete_horizon_ms(header);
  auto horizon = tombstones ? old_horizon : std::nullopt;
  if (tombstones && !old_horizon && may_forget_tombstones(header)) {
    horizon =
        now_ms_ + std::min(options_.delete_retention_ms,
                           CompactionState::no_horizon - 1 - std::max<std::int64_t>(now_ms_, 0));
  }
  const bool whole = std::cmp_equal(records_.size(), header.count);
  if (whole && (!tombstones || horizon == old_horizon)) {
    add(bytes);
    return {};
  }
  rewrite_batch(bytes, header, records_, horizon, rewritten_);
  if (group.out.log_bytes() + rewritten_.size() + group.bytes_left > position_max) {
    // Differences to another base are longer. The segment could outgrow what its index can name.
    rewrite_batch(bytes, header, records_, old_horizon, rewritten_);
  }
  group.changed = true;
  add(rewritten_);
  return {};
}

/// Removes the files of a replacement that does not count. When that fails, too, the next
/// finish_changes() removes them.
void CleaningRound::drop_files(Offset base) {
  for (const SegmentFile file : segment_files) {
    static_cast<void>(files_.remove(segment_path(directory_, base, file, SegmentMark::cleaned)));
  }
}

}  // namespace millrace::log::embedded
