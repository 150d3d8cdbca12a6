// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settler.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "millrace/base/fault_point.hpp"
#include "topic_limits.hpp"

namespace millrace::log::embedded {
namespace {

// A partition is due, even with few bytes, when its oldest batch is this far back in the journal,
// as a fraction of the permitted unsettled bytes.
constexpr std::uint64_t pressure_part = 4;
// After the disk was full, in intervals.
constexpr std::int64_t pause_intervals = 10;
constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t nap_min_ns = 1'000'000;
constexpr std::int64_t nap_max_ns = 100'000'000;

}  // namespace

bool Settler::is_due(std::int64_t now_ns) const {
  const SettleOptions& options = directory_.embedded_options().settle;
  return options.on && now_ns - looked_ns_ >= options.interval_ms * ns_per_ms;
}

bool Settler::is_pressed() const {
  const SettleOptions& options = directory_.embedded_options().settle;
  return options.on && unsettled_bytes() > options.unsettled_bytes_max / 2;
}

bool Settler::is_behind() const { return mover_.wants_more() && is_pressed(); }

std::uint64_t Settler::unsettled_bytes() const {
  const Control& control = directory_.control();
  // It never passes `committed`, which is read later.
  const std::uint64_t settled = control.unsettled.load(std::memory_order_acquire);
  const std::uint64_t committed = control.committed.load(std::memory_order_acquire);
  return committed > settled ? committed - settled : 0;
}

void Settler::slow_down() {
  const SettleOptions& options = directory_.embedded_options().settle;
  if (!options.on) [[likely]] {
    return;
  }
  const std::uint64_t unsettled = unsettled_bytes();
  if (unsettled <= options.unsettled_bytes_max) [[likely]] {
    return;
  }
  directory_.counts().slowed_commits.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t above = unsettled - options.unsettled_bytes_max;
  const auto steps = static_cast<std::int64_t>(
      std::min<std::uint64_t>(above / (options.unsettled_bytes_max / 128 + 1), 128));
  std::uint32_t word = 0;
  directory_.region().wait(&word, 0, std::min(nap_min_ns * (steps + 1), nap_max_ns));
}

void Settler::count_error() {
  directory_.counts().settling_errors.fetch_add(1, std::memory_order_relaxed);
}

Status Settler::run(const Lock& lock) {
  MILLRACE_TRY(directory_.check_in_place());
  Control& control = directory_.control();
  // First: the topics of all that was committed before are known then.
  const std::uint64_t committed = control.committed.load(std::memory_order_seq_cst);
  MILLRACE_FAULT_POINT("settle.begun");
  MILLRACE_TRY(topics_.refresh());
  FrameReader reader(journal_, directory_.log_id());
  MILLRACE_ASSIGN(auto due, unsettled(committed));
  std::vector<UnsettledPartition> taken;
  for (UnsettledPartition& one : due) {
    if (mover_.is_paused(*one.row)) {
      continue;
    }
    MILLRACE_ASSIGN(const bool now, is_due(one, committed, reader));
    if (now) {
      taken.push_back(std::move(one));
    }
  }
  MILLRACE_TRY(mover_.move(std::move(taken)));
  // Work that did not fit into this round need not wait for the next interval.
  const std::int64_t interval_ns = directory_.embedded_options().settle.interval_ms * ns_per_ms;
  looked_ns_ = mover_.wants_more() ? INT64_MIN / 2 : directory_.clock().monotonic_ns();
  looked_ns_ += mover_.disk_full() ? (pause_intervals - 1) * interval_ns : 0;
  MILLRACE_ASSIGN(const auto left, unsettled(committed));
  // Commits do not wait for partitions that cannot settle.
  const auto waits = std::find_if(left.begin(), left.end(), [&](const UnsettledPartition& one) {
    return !mover_.has_failed(*one.row);
  });
  control.unsettled.store(waits == left.end() ? committed : waits->position,
                          std::memory_order_release);
  return let_go(left.empty() ? committed : left.front().position, lock);
}

/// The partitions with batches before `limit` that are not settled, those with the oldest first.
Result<std::vector<UnsettledPartition>> Settler::unsettled(std::uint64_t limit) {
  const Catalog& catalog = topics_.catalog();
  const SettleOptions& settle = directory_.embedded_options().settle;
  const auto topics = static_cast<std::int32_t>(catalog.topic_count());
  std::vector<UnsettledPartition> found;
  for (TopicId id{{internal_topics}}; id.value < topics; ++id.value) {
    const CatalogTopic* topic = catalog.find(id);
    if (topic == nullptr || catalog.is_deleted(id)) {
      continue;
    }
    const TopicLimits limits =
        limits_of(topic->topic.spec, catalog.settings(*topic).settings, settle);
    SegmentOptions segments;
    segments.segment_bytes = limits.segment_bytes;
    segments.segment_ms = limits.segment_ms;
    for (std::int32_t p = 0; p < topic->topic.spec.partitions; ++p) {
      PartitionRow& row = directory_.control().partitions[topic->row(p)];
      const std::uint64_t count = row.count.load(std::memory_order_seq_cst);
      MILLRACE_ASSIGN(const std::uint64_t first,
                      index_.find(row, count, row.settled.load(std::memory_order_acquire)));
      if (first == count) {
        continue;
      }
      MILLRACE_ASSIGN(const IndexEntry entry, index_.at(row, first));
      if (entry.position < limit) {
        found.push_back({{id, partition(p)},
                         topic->topic.spec.name,
                         segments,
                         &row,
                         first,
                         entry.position - entry.frame_offset});
      }
    }
  }
  std::sort(found.begin(), found.end(),
            [](const UnsettledPartition& a, const UnsettledPartition& b) {
              return a.position < b.position;
            });
  return found;
}

Result<bool> Settler::is_due(const UnsettledPartition& partition, std::uint64_t limit,
                             FrameReader& reader) {
  const SettleOptions& options = directory_.embedded_options().settle;
  if (limit - partition.position >= options.unsettled_bytes_max / pressure_part) {
    return true;
  }
  const std::uint64_t count = partition.row->count.load(std::memory_order_seq_cst);
  std::uint64_t bytes = 0;
  for (std::uint64_t i = partition.first; i < count; ++i) {
    MILLRACE_ASSIGN(const IndexEntry entry, index_.at(*partition.row, i));
    bytes += entry.bytes;
    if (bytes >= options.bytes) {
      return true;
    }
  }
  // Damage is reported when the batch is to be moved.
  const auto table = reader.table(partition.position);
  if (!table) {
    return true;
  }
  // A time in the future is one of a clock that was wrong.
  const std::int64_t age_ms = directory_.clock().wall_ms() - table->header().append_time_ms;
  return age_ms < 0 || age_ms >= options.age_ms;
}

/// Removes the segments of the journal that lie before `unsettled`, once a checkpoint is durable
/// that needs none of them.
Status Settler::let_go(std::uint64_t unsettled, const Lock& lock) {
  Control& control = directory_.control();
  const std::uint64_t committed = control.committed.load(std::memory_order_acquire);
  const std::uint64_t begun = control.begin.load(std::memory_order_acquire);
  if (journal_.bounds_of(unsettled).start <= begun ||
      journal_.bounds_of(committed - 1).start <= begun) {
    return {};
  }
  if (!mover_.prepare_directory()) {
    count_error();
    return {};
  }
  const auto make = [&]() -> Result<Checkpoint> {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock());
    return checkpointer_.make(locked);
  };
  MILLRACE_ASSIGN(Checkpoint made, make());
  // The segment of its last frame stays, because a process that opens the log needs the frame of
  // the checkpoint.
  const std::uint64_t begin = std::max(
      made.begin,
      std::min(journal_.bounds_of(unsettled).start, journal_.bounds_of(made.position - 1).start));
  FrameReader reader(journal_, directory_.log_id());
  const auto first = reader.table(begin);
  if (!first) {
    count_error();
    return {};
  }
  made.begin = begin;
  made.begin_previous = first->header().previous;
  if (const Status written = checkpointer_.write_before_removal(made); !written) {
    count_error();
    return directory_.check_not_failed();
  }
  MILLRACE_FAULT_POINT("settle.before_begin");
  // If this member was taken for dead, another member may have settled more.
  if (begin <= control.begin.load(std::memory_order_acquire)) {
    return {};
  }
  {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock());
    control.begin_previous = made.begin_previous;
    control.begin.store(begin, std::memory_order_release);
    control.segments_version.fetch_add(1, std::memory_order_release);
  }
  MILLRACE_FAULT_POINT("settle.before_removal");
  journal_.remove_before(begin);
  return {};
}

}  // namespace millrace::log::embedded
