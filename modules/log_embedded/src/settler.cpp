// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settler.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "millrace/base/bulk_sync.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/log/errors.hpp"
#include "settled/segment_changes.hpp"
#include "settled_path.hpp"
#include "topic_limits.hpp"
#include "version.hpp"

namespace millrace::log::embedded {
namespace {

// Housekeeping has other things to do: heartbeats, syncs.
constexpr std::uint64_t round_bytes = 64ULL << 20U;
// A partition is due, whatever waits, when its oldest batch lies so far back: as a part of what may
// be unsettled at all.
constexpr std::uint64_t pressure_part = 4;
constexpr std::uint64_t read_ahead_bytes = 64U << 10U;
// A round ends after so long; the rest is for the next call.
constexpr std::int64_t round_ns = 100'000'000;
// After the disk was full, in intervals.
constexpr std::int64_t pause_intervals = 10;
// From here on one sync of the file system costs less than those of all files.
constexpr std::size_t bulk_partitions = 5;
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

bool Settler::is_behind() const { return room_bytes_ == 0 && is_pressed(); }

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

void Settler::stop() {
  stopped_.store(true, std::memory_order_seq_cst);
  const MutexLock guard(writing_);
}

Status Settler::run(const Lock& lock) {
  MILLRACE_TRY(directory_.check_in_place());
  Control& control = directory_.control();
  // First: the topics of all that was committed before are known then.
  const std::uint64_t committed = control.committed.load(std::memory_order_seq_cst);
  MILLRACE_FAULT_POINT("settle.begun");
  MILLRACE_TRY(topics_.refresh());
  room_bytes_ = round_bytes;
  disk_full_ = false;
  failed_.clear();
  FrameReader reader(journal_, directory_.log_id());
  MILLRACE_ASSIGN(auto due, unsettled(committed));
  std::vector<Partition> taken;
  for (Partition& one : due) {
    MILLRACE_ASSIGN(const bool now, is_due(one, committed, reader));
    if (now) {
      taken.push_back(std::move(one));
    }
  }
  MILLRACE_TRY(move_all(taken));
  // What found no room in this round need not wait for the next interval.
  const std::int64_t interval_ns = directory_.embedded_options().settle.interval_ms * ns_per_ms;
  looked_ns_ = room_bytes_ == 0 ? INT64_MIN / 2 : directory_.clock().monotonic_ns();
  looked_ns_ += disk_full_ ? (pause_intervals - 1) * interval_ns : 0;
  MILLRACE_ASSIGN(const auto left, unsettled(committed));
  // Commits do not wait for what cannot settle.
  const auto waits = std::find_if(left.begin(), left.end(), [&](const Partition& one) {
    return std::find(failed_.begin(), failed_.end(), one.row) == failed_.end();
  });
  control.unsettled.store(waits == left.end() ? committed : waits->position,
                          std::memory_order_release);
  return let_go(left.empty() ? committed : left.front().position, lock);
}

/// The partitions with batches before `limit` that are not settled, those with the oldest first.
Result<std::vector<Settler::Partition>> Settler::unsettled(std::uint64_t limit) {
  const Catalog& catalog = topics_.catalog();
  const SettleOptions& settle = directory_.embedded_options().settle;
  const auto topics = static_cast<std::int32_t>(catalog.topic_count());
  std::vector<Partition> found;
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
            [](const Partition& a, const Partition& b) { return a.position < b.position; });
  return found;
}

Result<bool> Settler::is_due(const Partition& partition, std::uint64_t limit, FrameReader& reader) {
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
  return !table || directory_.clock().wall_ms() - table->header().append_time_ms >= options.age_ms;
}

Status Settler::move_all(const std::vector<Partition>& due) {
  if (due.empty()) {
    return {};
  }
  const Control& control = directory_.control();
  const std::uint64_t committed = control.committed.load(std::memory_order_acquire);
  if (control.durable.load(std::memory_order_acquire) < committed) {
    MILLRACE_TRY(group_commit_.sync_up_to(committed));
  }
  const std::uint64_t limit = control.durable.load(std::memory_order_acquire);
  if (!prepare_directory()) {
    count_error();
    return {};
  }
  const MutexLock guard(writing_);
  const std::int64_t until_ns = directory_.clock().monotonic_ns() + round_ns;
  // Before anything is written, so that it hears of pages that are lost.
  std::unique_ptr<File> all;
  auto* const bulk = dynamic_cast<BulkSync*>(&directory_.files());
  if (bulk != nullptr && due.size() >= bulk_partitions) {
    all = bulk->open_all(directory_.path() + names::settled).value_or(nullptr);
  }
  std::vector<Moved> moved_rows;
  FrameReader reader(journal_, directory_.log_id(), read_ahead_bytes);
  for (const Partition& partition : due) {
    if (directory_.clock().monotonic_ns() > until_ns) {
      room_bytes_ = 0;
    }
    if (room_bytes_ == 0) {
      break;
    }
    Status moved = move(partition, limit, reader, all != nullptr, moved_rows);
    if (!moved && moved.error().is(millrace::errc::too_many_files) && journal_.close_some()) {
      moved = move(partition, limit, reader, all != nullptr, moved_rows);
    }
    if (!moved) {
      count_error();
      failed_.push_back(partition.row);
    }
    // A full disk concerns all partitions, damage one.
    if (!moved && is_disk_full(moved.error())) {
      disk_full_ = true;
      break;
    }
  }
  if (all != nullptr && !all->sync()) {
    count_error();
    return {};
  }
  MILLRACE_FAULT_POINT("settle.before_publish");
  MILLRACE_TRY(directory_.check_open());
  publish(moved_rows);
  return {};
}

/// Never back: another member may have come further, should this one have been taken for dead.
void Settler::publish(const std::vector<Moved>& moved) {
  for (const Moved& one : moved) {
    std::int64_t seen = one.row->settled.load(std::memory_order_acquire);
    while (seen < one.end.value && !one.row->settled.compare_exchange_weak(seen, one.end.value)) {
    }
    MILLRACE_FAULT_POINT("settle.published");
  }
}

/// Older builds must not open a log of whose records they would not find the settled ones.
Status Settler::prepare_directory() {
  if (prepared_) {
    return {};
  }
  FileSystem& files = directory_.files();
  MILLRACE_ASSIGN(const bool raised,
                  raise_version(files, directory_.path(), format_version_settled));
  if (raised) {
    MILLRACE_FAULT_POINT("settle.version_raised");
  }
  MILLRACE_TRY(files.create_subdirectory(directory_.path() + names::settled));
  prepared_ = true;
  return {};
}

Status Settler::move(const Partition& partition, std::uint64_t limit, FrameReader& reader,
                     bool bulk, std::vector<Moved>& moved) {
  MILLRACE_TRY(directory_.check_open());
  PartitionRow& row = *partition.row;
  const Offset settled = offset(row.settled.load(std::memory_order_acquire));
  const std::string path =
      settled_directory(directory_.path(), partition.topic, partition.id.partition.value);
  // It belongs to each user who may use the log.
  MILLRACE_TRY(directory_.files().create_subdirectory(path));
  // What a round left that failed is made again, names too: a sync that failed may have lost it,
  // and the next one would not say so.
  MILLRACE_TRY(cut_segments(directory_.files(), path, settled));
  const SegmentOptions& segments = partition.segments;
  MILLRACE_ASSIGN(auto writer, SegmentWriter::open(directory_.files(), path, settled, segments));
  // The writer may know more: a segment is durable before the next one is begun.
  const Offset from = std::max(settled, writer.next());
  const Status added = add_batches(partition, limit, reader, writer);
  // What lies before a batch that is damaged settles.
  if (!added && (!added.error().is(errc::corrupt) || writer.next() <= from)) {
    if (is_disk_full(added.error())) {
      // The room is for others.
      static_cast<void>(cut_segments(directory_.files(), path, settled));
      static_cast<void>(SegmentWriter::open(directory_.files(), path, settled, segments));
    }
    return added;
  }
  MILLRACE_TRY(bulk ? writer.flush() : writer.sync());
  moved.push_back({&row, std::max(settled, writer.next())});
  return added;
}

/// Adds what lies before `limit`, as far as there is room in this round.
Status Settler::add_batches(const Partition& partition, std::uint64_t limit, FrameReader& reader,
                            SegmentWriter& writer) {
  const PartitionRow& row = *partition.row;
  const std::uint64_t count = row.count.load(std::memory_order_seq_cst);
  const std::int64_t settled = row.settled.load(std::memory_order_acquire);
  MILLRACE_ASSIGN(std::uint64_t i, index_.find(row, count, std::max(settled, writer.next().value)));
  for (; i < count && room_bytes_ > 0 && !stopped_.load(std::memory_order_relaxed); ++i) {
    MILLRACE_ASSIGN(const IndexEntry entry, index_.at(row, i));
    if (entry.position >= limit) {
      break;
    }
    MILLRACE_ASSIGN(const FrameReader::Batch batch, reader.batch(partition.id, entry));
    const FrameHeader& frame = batch.frame;
    const std::int64_t next = std::max(settled, writer.next().value);
    if (batch.base_offset != next) {
      return fail(errc::corrupt, journal_.path_of(entry.position) + ": the batch at position " +
                                     std::to_string(entry.position) + " begins at offset " +
                                     std::to_string(batch.base_offset) + ", but offset " +
                                     std::to_string(next) +
                                     " comes next; run `millrace log verify`");
    }
    const Status added = writer.append(
        {batch.bytes, {frame.incarnation, frame.position + frame.bytes}, frame.append_time_ms});
    if (!added && added.error().is(errc::invalid_argument)) {
      return fail(errc::corrupt, journal_.path_of(entry.position) + ": corrupt at position " +
                                     std::to_string(entry.position) + ": " +
                                     added.error().message() + "; run `millrace log verify`");
    }
    MILLRACE_TRY(added);
    directory_.counts().settled_bytes.fetch_add(entry.bytes, std::memory_order_relaxed);
    room_bytes_ -= std::min<std::uint64_t>(room_bytes_, entry.bytes);
  }
  return {};
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
  if (!prepare_directory()) {
    count_error();
    return {};
  }
  const auto make = [&]() -> Result<Checkpoint> {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock());
    return checkpointer_.make(locked);
  };
  MILLRACE_ASSIGN(Checkpoint made, make());
  // The segment of its last frame stays: who opens the log meets the checkpoint there.
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
  // Another member may have come further, should this one have been taken for dead.
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
