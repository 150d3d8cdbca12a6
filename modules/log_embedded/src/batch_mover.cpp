// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "batch_mover.hpp"

#include <algorithm>
#include <utility>

#include "millrace/base/bulk_sync.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/log/errors.hpp"
#include "settled/segment_changes.hpp"
#include "settled_path.hpp"
#include "version.hpp"

namespace millrace::log::embedded {
namespace {

// Housekeeping has other things to do: heartbeats, syncs.
constexpr std::uint64_t round_bytes = 64ULL << 20U;
constexpr std::uint64_t read_ahead_bytes = 64U << 10U;
// A round ends after so long; the rest is for the next call.
constexpr std::int64_t move_ns_max = 100'000'000;
// From here on one sync of the file system costs less than those of all files.
constexpr std::size_t bulk_partitions = 5;
// After it failed. It may fail for files of other programs, for as long as those are written.
constexpr std::int64_t bulk_pause_ns = 60'000'000'000;
// A partition that failed is not tried for this many intervals, or this many times the duration of
// the failed attempt.
constexpr std::int64_t pause_factor = 10;

}  // namespace

void BatchMover::count_error() {
  directory_.counts().settling_errors.fetch_add(1, std::memory_order_relaxed);
}

bool BatchMover::is_paused(const PartitionRow& row) const {
  const auto failed = failed_.find(&row);
  return failed != failed_.end() && now_ns() < failed->second;
}

void BatchMover::stop() {
  stopped_.store(true, std::memory_order_seq_cst);
  const MutexLock guard(writing_);
}

Status BatchMover::move(std::vector<UnsettledPartition> due) {
  room_bytes_ = round_bytes;
  published_ = false;
  disk_full_ = false;
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
    for (const UnsettledPartition& one : due) {
      failed_[one.row] = now_ns();
    }
    return {};
  }
  // Partitions that failed come last: they may take long to fail again, and the others would have
  // to wait.
  std::stable_sort(due.begin(), due.end(), [this](const auto& a, const auto& b) {
    const auto first = failed_.find(a.row);
    const auto second = failed_.find(b.row);
    return second != failed_.end() && (first == failed_.end() || first->second < second->second);
  });
  std::unique_ptr<File> all;
  std::vector<Moved> moved;
  {
    const MutexLock guard(writing_);
    MILLRACE_TRY(check_not_stopped());
    // Before any write, so that it gets errors about lost pages.
    all = open_all(due.size());
    move_all(due, limit, all != nullptr, moved);
  }
  // It may take long on a slow disk, and stop() is called under the writer lock.
  if (all != nullptr && !all->sync()) {
    count_error();
    bulk_from_ns_ = now_ns() + bulk_pause_ns;
    for (const Moved& one : moved) {
      failed_.try_emplace(one.row, now_ns());
    }
    return {};
  }
  const MutexLock guard(writing_);
  MILLRACE_TRY(check_not_stopped());
  MILLRACE_FAULT_POINT("settle.before_publish");
  MILLRACE_TRY(directory_.check_open());
  publish(moved);
  return {};
}

Status BatchMover::check_not_stopped() const {
  return stopped_.load() ? fail(errc::closed, "{}: this handle is being closed", directory_.path())
                         : Status{};
}

/// Null where files are synced one by one.
std::unique_ptr<File> BatchMover::open_all(std::size_t partitions) {
  auto* const bulk = dynamic_cast<BulkSync*>(&directory_.files());
  if (bulk == nullptr || partitions < bulk_partitions || now_ns() < bulk_from_ns_) {
    return nullptr;
  }
  return bulk->open_all(directory_.path() + names::settled).value_or(nullptr);
}

void BatchMover::move_all(const std::vector<UnsettledPartition>& due, std::uint64_t limit,
                          bool bulk, std::vector<Moved>& moved) {
  const std::int64_t interval_ns = directory_.embedded_options().settle.interval_ms * 1'000'000;
  const std::int64_t until_ns = now_ns() + move_ns_max;
  FrameReader reader(journal_, directory_.log_id(), read_ahead_bytes);
  for (std::size_t i = 0; i < due.size() && !disk_full_ && !stopped_.load(); ++i) {
    const std::int64_t began_ns = now_ns();
    if (began_ns > until_ns) {
      room_bytes_ = 0;
    }
    if (room_bytes_ == 0) {
      break;
    }
    failed_.erase(due[i].row);
    Status done = move(due[i], limit, reader, bulk, moved);
    if (!done && done.error().is(millrace::errc::too_many_files) && journal_.close_some()) {
      done = move(due[i], limit, reader, bulk, moved);
    }
    if (done) {
      continue;
    }
    count_error();
    failed_[due[i].row] = now_ns() + pause_factor * std::max(interval_ns, now_ns() - began_ns);
    // A full disk affects all partitions, damage only one.
    disk_full_ = is_disk_full(done.error());
    for (std::size_t other = i; disk_full_ && other < due.size(); ++other) {
      failed_[due[other].row] = now_ns();
    }
  }
}

/// Never lower it: if this member was taken for dead, another member may have settled more.
void BatchMover::publish(const std::vector<Moved>& moved) {
  for (const Moved& one : moved) {
    std::int64_t seen = one.row->settled.load(std::memory_order_acquire);
    published_ = published_ || seen < one.end.value;
    while (seen < one.end.value && !one.row->settled.compare_exchange_weak(seen, one.end.value)) {
    }
    directory_.counts().settled_bytes.fetch_add(one.bytes, std::memory_order_relaxed);
    MILLRACE_FAULT_POINT("settle.published");
  }
}

/// Older builds must not open a log of whose records they would not find the settled ones.
Status BatchMover::prepare_directory() {
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

Status BatchMover::move(const UnsettledPartition& partition, std::uint64_t limit,
                        FrameReader& reader, bool bulk, std::vector<Moved>& moved) {
  MILLRACE_TRY(directory_.check_open());
  PartitionRow& row = *partition.row;
  const Offset settled = offset(row.settled.load(std::memory_order_acquire));
  const std::string path =
      settled_directory(directory_.path(), partition.topic, partition.id.partition.value);
  // It belongs to each user who may use the log.
  MILLRACE_TRY(directory_.files().create_subdirectory(path));
  // Everything from a failed round is written again, names too: a failed sync may have lost it, and
  // the next sync would not report this.
  MILLRACE_TRY(cut_segments(directory_.files(), path, settled));
  const SegmentOptions& segments = partition.segments;
  MILLRACE_ASSIGN(auto writer, SegmentWriter::open(directory_.files(), path, settled, segments));
  // The writer may have a later offset: a segment is durable before the next one is begun.
  const Offset from = std::max(settled, writer.next());
  std::uint64_t bytes = 0;
  const Status added = add_batches(partition, limit, reader, writer, bytes);
  // Batches before a damaged one are settled.
  if (!added && (!added.error().is(errc::corrupt) || writer.next() <= from)) {
    if (is_disk_full(added.error())) {
      // The space is for other members.
      static_cast<void>(cut_segments(directory_.files(), path, settled));
      static_cast<void>(SegmentWriter::open(directory_.files(), path, settled, segments));
    }
    return added;
  }
  MILLRACE_TRY(bulk ? writer.flush() : writer.sync());
  if (!bulk && settled.value == 0) {
    // The member that created it may have died before its name was durable.
    MILLRACE_TRY(directory_.files().sync_directory(directory_.path() + names::settled));
  }
  moved.push_back({&row, std::max(settled, writer.next()), bytes});
  return added;
}

/// Adds what lies before `limit`, as far as there is room in this round.
Status BatchMover::add_batches(const UnsettledPartition& partition, std::uint64_t limit,
                               FrameReader& reader, SegmentWriter& writer, std::uint64_t& bytes) {
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
      return fail(errc::corrupt,
                  "{}: the batch at position {} begins at offset {}, but offset {} comes next; run "
                  "`millrace log verify`",
                  journal_.path_of(entry.position), entry.position, batch.base_offset, next);
    }
    const Status added = writer.append(
        {batch.bytes, {frame.incarnation, frame.position + frame.bytes}, frame.append_time_ms});
    if (!added && added.error().is(errc::invalid_argument)) {
      return fail(errc::corrupt, "{}: corrupt at position {}: {}; run `millrace log verify`",
                  journal_.path_of(entry.position), entry.position, added.error().message());
    }
    MILLRACE_TRY(added);
    bytes += entry.bytes;
    room_bytes_ -= std::min<std::uint64_t>(room_bytes_, entry.bytes);
  }
  return {};
}

}  // namespace millrace::log::embedded
