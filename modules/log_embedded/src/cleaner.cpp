// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "cleaner.hpp"

#include <algorithm>
#include <utility>

#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"
#include "settled/segment_changes.hpp"
#include "settled_path.hpp"
#include "version.hpp"

namespace millrace::log::embedded {
namespace {

// Housekeeping has other things to do: heartbeats, syncs. Some milliseconds each.
constexpr std::size_t partitions_at_once = 64;
constexpr std::uint64_t compacted_bytes_at_once = 8ULL << 20U;
constexpr std::int64_t ns_per_ms = 1'000'000;

}  // namespace

bool Cleaner::is_due(std::int64_t now_ns) const {
  const SettleOptions& options = directory_.embedded_options().settle;
  return options.on && (pass_ || !waiting_.empty() || is_pass_due(now_ns));
}

bool Cleaner::is_pass_due(std::int64_t now_ns) const {
  const SettleOptions& options = directory_.embedded_options().settle;
  return now_ns - begun_ns_ >= options.cleaning_interval_ms * ns_per_ms;
}

void Cleaner::stop() {
  stopped_.store(true, std::memory_order_seq_cst);
  const MutexLock guard(changing_);
}

void Cleaner::count_error() {
  directory_.counts().cleaning_errors.fetch_add(1, std::memory_order_relaxed);
}

Status Cleaner::run(const Settler::Lock& lock) {
  MILLRACE_TRY(directory_.check_in_place());
  if (!pass_ && is_pass_due(directory_.clock().monotonic_ns())) {
    MILLRACE_TRY(begin_pass(lock));
  }
  if (pass_) {
    MILLRACE_TRY(continue_pass(lock));
  }
  return compact_some();
}

std::vector<Cleaner::Partition> Cleaner::limited_partitions() const {
  const Catalog& catalog = topics_.catalog();
  const auto topics = static_cast<std::int32_t>(catalog.topic_count());
  std::vector<Partition> found;
  for (TopicId id{{internal_topics}}; id.value < topics; ++id.value) {
    const CatalogTopic* topic = catalog.find(id);
    if (topic == nullptr) {
      continue;
    }
    const TopicSpec& spec = topic->topic.spec;
    const TopicLimits limits = limits_of(spec, directory_.embedded_options().settle);
    for (std::int32_t p = 0; p < spec.partitions; ++p) {
      Partition one{{id, partition(p)},
                    settled_directory(directory_.path(), spec.name, p),
                    topic->first_row + static_cast<std::size_t>(p),
                    limits};
      const PartitionRow& row = row_of(one);
      // Where a partition begins later, a death may have left segments before that.
      const bool wanted = limits.has_any() || row.start_offset.load(std::memory_order_acquire) > 0;
      if (wanted && row.settled.load(std::memory_order_acquire) > 0) {
        found.push_back(std::move(one));
      }
    }
  }
  return found;
}

Status Cleaner::begin_pass(const Settler::Lock& lock) {
  begun_ns_ = directory_.clock().monotonic_ns();
  MILLRACE_TRY(topics_.refresh());
  Pass pass;
  pass.partitions = limited_partitions();
  if (pass.partitions.empty()) {
    return {};
  }
  auto last = read_checkpoint(directory_.files(), directory_.path());
  const bool knows_all =
      last && *last &&
      std::all_of(pass.partitions.begin(), pass.partitions.end(), [&](const Partition& one) {
        const std::vector<std::int64_t>& settled = (*last)->settled;
        return one.row < settled.size() && settled[one.row] == row_of(one).settled.load();
      });
  if (knows_all) {
    pass.checkpoint = **std::move(last);
  } else {
    auto made = write_checkpoint(lock, {});
    if (!made) {
      count_error();
      return directory_.check_not_failed();
    }
    pass.checkpoint = *std::move(made);
  }
  pass_ = std::move(pass);
  return {};
}

/// A durable checkpoint, which says that the partitions begin where the removals say.
Result<Checkpoint> Cleaner::write_checkpoint(const Settler::Lock& lock,
                                             std::span<const Removal> removals) {
  const auto make = [&]() -> Result<Checkpoint> {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock());
    return checkpointer_.make(locked);
  };
  MILLRACE_ASSIGN(Checkpoint made, make());
  for (const Removal& one : removals) {
    std::int64_t& start = made.starts[one.partition->row];
    start = std::max(start, one.start.value);
  }
  MILLRACE_TRY(checkpointer_.write(made));
  return made;
}

Status Cleaner::continue_pass(const Settler::Lock& lock) {
  std::vector<Removal> removals;
  {
    const MutexLock guard(changing_);
    const std::size_t end = std::min(pass_->next + partitions_at_once, pass_->partitions.size());
    for (; pass_->next < end && !stopped_.load(); ++pass_->next) {
      MILLRACE_TRY(directory_.check_open());
      if (!look(pass_->partitions[pass_->next], removals)) {
        count_error();
      }
    }
  }
  if (!removals.empty()) {
    MILLRACE_TRY(remove(lock, removals));
  }
  if (pass_->next == pass_->partitions.size()) {
    pass_.reset();
  }
  return {};
}

Status Cleaner::look(const Partition& partition, std::vector<Removal>& removals) {
  const Offset settled = offset(pass_->checkpoint.settled[partition.row]);
  const std::int64_t now_ms = directory_.clock().wall_ms();
  FileSystem& files = directory_.files();
  MILLRACE_ASSIGN(const auto plan,
                  plan_retention(files, partition.path, retention_of(partition), settled, now_ms));
  if (plan && plan->first < plan->start) {
    removals.push_back({&partition, plan->start});
  }
  const bool waits = std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& one) {
    return one.partition.row == partition.row;
  });
  if (plan && partition.limits.compaction && !waits) {
    MILLRACE_ASSIGN(const bool due, compaction_due(files, partition.path,
                                                   *partition.limits.compaction, settled, now_ms));
    if (due) {
      waiting_.push_back({partition, settled});
    }
  }
  return {};
}

RetentionLimits Cleaner::retention_of(const Partition& partition) const {
  RetentionLimits limits = partition.limits.retention;
  limits.needed_from = offset(row_of(partition).start_offset.load(std::memory_order_acquire));
  if (partition.limits.waits_for_readers) {
    for (const PositionRecord& position : pass_->checkpoint.positions) {
      if (position.place == partition.place) {
        const Offset next = offset(position.next);
        limits.kept_from = limits.kept_from ? std::min(*limits.kept_from, next) : next;
      }
    }
  }
  return limits;
}

Status Cleaner::remove(const Settler::Lock& lock, std::span<const Removal> removals) {
  if (!prepare_directory()) {
    count_error();
    return directory_.check_not_failed();
  }
  MILLRACE_FAULT_POINT("clean.before_checkpoint");
  const auto known = write_checkpoint(lock, removals);
  if (!known) {
    count_error();
    return directory_.check_not_failed();
  }
  MILLRACE_FAULT_POINT("clean.before_start");
  for (const Removal& one : removals) {
    std::atomic<std::int64_t>& start = row_of(*one.partition).start_offset;
    std::int64_t seen = start.load(std::memory_order_acquire);
    while (seen < one.start.value && !start.compare_exchange_weak(seen, one.start.value)) {
    }
  }
  MILLRACE_FAULT_POINT("clean.before_removal");
  const MutexLock guard(changing_);
  for (const Removal& one : removals) {
    MILLRACE_TRY(directory_.check_open());
    if (stopped_.load()) {
      break;
    }
    const Offset settled = offset(known->settled[one.partition->row]);
    const auto removed = remove_before(directory_.files(), one.partition->path, one.start, settled);
    if (removed) {
      directory_.counts().removed_bytes.fetch_add(removed->bytes, std::memory_order_relaxed);
    } else {
      count_error();
    }
  }
  return {};
}

Status Cleaner::compact_some() {
  if (waiting_.empty()) {
    return {};
  }
  if (!prepare_directory()) {
    compaction_.reset();
    waiting_.clear();
    count_error();
    return directory_.check_not_failed();
  }
  const MutexLock guard(changing_);
  MILLRACE_TRY(directory_.check_open());
  if (stopped_.load()) {
    return {};
  }
  if (compaction_ == nullptr) {
    const Waiting& first = waiting_.front();
    CompactionOptions options = *first.partition.limits.compaction;
    options.stop = &stopped_;
    compaction_ = std::make_unique<Compaction>(directory_.files(), first.partition.path, options,
                                               first.settled, directory_.clock().wall_ms());
  }
  const auto done = compaction_->step(compacted_bytes_at_once);
  if (!done && !stopped_.load()) {
    count_error();
  }
  if (!done || *done) {
    const CompactionCounts& counts = compaction_->result().counts;
    directory_.counts().compacted_records.fetch_add(
        counts.records_superseded + counts.tombstones_removed, std::memory_order_relaxed);
    compaction_.reset();
    waiting_.pop_front();
  }
  return {};
}

/// Older builds do not know that a partition may begin later, or how segments are replaced.
Status Cleaner::prepare_directory() {
  if (prepared_) {
    return {};
  }
  FileSystem& files = directory_.files();
  MILLRACE_ASSIGN(Version version, read_version_file(files, directory_.path()));
  if (version.format < format_version) {
    version.format = format_version;
    MILLRACE_TRY(write_version_file(files, directory_.path(), version));
    MILLRACE_FAULT_POINT("clean.version_raised");
  }
  prepared_ = true;
  return {};
}

}  // namespace millrace::log::embedded
