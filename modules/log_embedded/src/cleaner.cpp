// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "cleaner.hpp"

#include <algorithm>
#include <utility>

#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/log/errors.hpp"
#include "settled_path.hpp"
#include "version.hpp"

namespace millrace::log::embedded {
namespace {

// Housekeeping has other things to do: heartbeats, syncs.
constexpr std::size_t partitions_at_once = 64;
constexpr std::int64_t round_ns = 100'000'000;
constexpr std::int64_t ns_per_ms = 1'000'000;
// A partition that failed is not tried for this time, because damage would be found again and
// again.
constexpr std::int64_t pause_ns = 600'000'000'000;
constexpr std::int64_t pause_of_damage_ns = 6 * pause_ns;
// A removal that found no disk space is tried again soon, because it frees space. Compaction needs
// space.
constexpr std::int64_t pause_of_full_disk_ns = 60'000'000'000;
// Of the ballast, for the file `version`.
constexpr std::uint64_t version_bytes = 16U << 10U;

}  // namespace

bool Cleaner::is_pass_due(std::int64_t now_ns) const {
  const SettleOptions& options = directory_.embedded_options().settle;
  const std::int64_t last_ns = directory_.control().cleaned_ns.load(std::memory_order_acquire);
  return last_ns == 0 || now_ns - last_ns >= options.cleaning_interval_ms * ns_per_ms;
}

bool Cleaner::is_due(std::int64_t now_ns) const {
  return directory_.embedded_options().settle.on &&
         (pass_ || compactions_.is_due(now_ns) || is_pass_due(now_ns));
}

void Cleaner::stop() {
  stopped_.store(true, std::memory_order_seq_cst);
  const MutexLock guard(changing_);
}

bool Cleaner::is_paused(std::size_t row) const {
  const auto found = paused_until_ns_.find(row);
  return found != paused_until_ns_.end() && directory_.clock().monotonic_ns() < found->second;
}

void Cleaner::fail_partition(std::size_t row, const Error& error) {
  pause_partition(row, error.is(errc::corrupt) ? pause_of_damage_ns : pause_ns);
}

void Cleaner::pause_partition(std::size_t row, std::int64_t pause_ns) {
  directory_.counts().cleaning_errors.fetch_add(1, std::memory_order_relaxed);
  paused_until_ns_[row] = directory_.clock().monotonic_ns() + pause_ns;
}

Status Cleaner::run(const Settler::Lock& lock) {
  MILLRACE_TRY(directory_.check_in_place());
  // The directory of a deleted topic may be that of another one by now.
  MILLRACE_TRY(topics_.refresh());
  compactions_.forget_deleted(topics_.catalog());
  if (!pass_ && is_pass_due(directory_.clock().monotonic_ns())) {
    MILLRACE_TRY(begin_pass(lock));
  }
  if (pass_) {
    MILLRACE_TRY(continue_pass(lock));
  }
  return compact_some(lock);
}

std::vector<Cleaner::Partition> Cleaner::limited_partitions() const {
  const Catalog& catalog = topics_.catalog();
  const auto topics = static_cast<std::int32_t>(catalog.topic_count());
  std::vector<Partition> found;
  for (TopicId id{{internal_topics}}; id.value < topics; ++id.value) {
    const CatalogTopic* topic = catalog.find(id);
    if (topic == nullptr || catalog.is_deleted(id)) {
      continue;
    }
    const TopicSpec& spec = topic->topic.spec;
    const TopicLimits limits =
        limits_of(spec, catalog.settings(*topic).settings, directory_.embedded_options().settle);
    for (std::int32_t p = 0; p < spec.partitions; ++p) {
      const std::size_t number = topic->row(p);
      const PartitionRow& row = directory_.control().partitions[number];
      // If a partition begins later, a death may have left segments before its beginning.
      const bool wanted = limits.has_any() || row.start_offset.load(std::memory_order_acquire) > 0;
      if (wanted && row.settled.load(std::memory_order_acquire) > 0 && !is_paused(number)) {
        found.push_back({{id, partition(p)},
                         settled_directory(directory_.path(), spec.name, p),
                         number,
                         limits});
      }
    }
  }
  return found;
}

/// That of the directory, if there is one that can be read.
Result<std::optional<Checkpoint>> Cleaner::last_checkpoint() {
  auto last = read_checkpoint(directory_.files(), directory_.path());
  if (!last || !*last) {
    return std::nullopt;
  }
  // Its writer may have died, or failed, before its name was durable.
  MILLRACE_TRY(directory_.files().sync_directory(directory_.path()));
  return *std::move(last);
}

/// A durable checkpoint that knows all that is settled of the partitions; on a full disk the last
/// one, which may know less.
Result<Checkpoint> Cleaner::checkpoint_of(const std::vector<Partition>& partitions,
                                          const Settler::Lock& lock) {
  MILLRACE_ASSIGN(auto last, last_checkpoint());
  const auto is_known = [&](const Partition& one) {
    return settled_of(*last, one).value == directory_.control().partitions[one.row].settled.load();
  };
  if (last && std::all_of(partitions.begin(), partitions.end(), is_known)) {
    return *std::move(last);
  }
  std::vector<Removal> none;
  auto written = write_checkpoint(lock, none);
  if (!written && is_disk_full(written.error()) && last) {
    return *std::move(last);
  }
  return written;
}

Status Cleaner::begin_pass(const Settler::Lock& lock) {
  directory_.control().cleaned_ns.store(
      std::max<std::int64_t>(directory_.clock().monotonic_ns(), 1), std::memory_order_release);
  MILLRACE_TRY(topics_.refresh());
  Pass pass;
  const RetentionClock::Time now = clock_.now();
  pass.now_ms = now.ms;
  directory_.counts().clock_jumps.fetch_add(now.jumped ? 1 : 0, std::memory_order_relaxed);
  pass.partitions = limited_partitions();
  if (pass.partitions.empty()) {
    return {};
  }
  auto known = checkpoint_of(pass.partitions, lock);
  if (!known) {
    directory_.counts().cleaning_errors.fetch_add(1, std::memory_order_relaxed);
    return directory_.check_not_failed();
  }
  pass.checkpoint = *std::move(known);
  // Readers may have moved since the checkpoint was written.
  std::vector<PositionRecord> positions;
  {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock());
    positions = positions_of(locked, directory_.control());
  }
  for (const Partition& partition : pass.partitions) {
    pass.readers.add(partition.id, partition.limits);
    pass.durable_readers.add(partition.id, partition.limits);
  }
  const std::vector<std::string> groups = topics_.catalog().groups();
  pass.readers.take(positions, groups);
  pass.durable_readers.take(pass.checkpoint.positions, groups);
  pass_ = std::move(pass);
  return {};
}

/// Publishes the new beginnings of partitions to all readers and in a checkpoint of the same
/// moment. Leaves out removals of records that a group has not read; such a group may have come
/// since the pass began.
void Cleaner::raise_starts(const Locked&, Checkpoint& made, std::vector<Removal>& removals) {
  ReaderPositions readers;
  for (const Removal& one : removals) {
    readers.add(one.partition->id, one.partition->limits);
  }
  readers.take(made.positions, topics_.catalog().groups());
  std::erase_if(removals, [&](const Removal& one) {
    const auto kept = readers.kept_from(one.partition->id);
    return kept && *kept < one.start;
  });
  for (const Removal& one : removals) {
    std::int64_t& start = made.starts[one.partition->row];
    start = std::max(start, one.start.value);
    start_of(*one.partition).store(start, std::memory_order_release);
  }
}

/// Writes a durable checkpoint with the new beginnings of the partitions.
Result<Checkpoint> Cleaner::write_checkpoint(const Settler::Lock& lock,
                                             std::vector<Removal>& removals) {
  const auto make = [&]() -> Result<Checkpoint> {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock());
    MILLRACE_ASSIGN(Checkpoint made, checkpointer_.make(locked));
    if (!removals.empty()) {
      raise_starts(locked, made, removals);
    }
    return made;
  };
  MILLRACE_ASSIGN(Checkpoint made, make());
  MILLRACE_FAULT_POINT("clean.start_raised");
  MILLRACE_TRY(directory_.check_open());
  if (stopped_.load()) {
    return fail(errc::closed, "{}: this handle is being closed", directory_.path());
  }
  MILLRACE_TRY(removals.empty() ? checkpointer_.write(made)
                                : checkpointer_.write_before_removal(made));
  return made;
}

Status Cleaner::continue_pass(const Settler::Lock& lock) {
  std::vector<Removal> removals;
  {
    const MutexLock guard(changing_);
    const std::size_t end = std::min(pass_->next + partitions_at_once, pass_->partitions.size());
    const std::int64_t until_ns = directory_.clock().monotonic_ns() + round_ns;
    while (pass_->next < end && !stopped_.load() && directory_.clock().monotonic_ns() <= until_ns) {
      MILLRACE_TRY(directory_.check_open());
      const Partition& partition = pass_->partitions[pass_->next];
      if (topics_.catalog().is_deleted(partition.id.topic)) {
        ++pass_->next;
        continue;
      }
      const Status looked = look(partition, removals);
      if (!looked && looked.error().is(millrace::errc::too_many_files) && journal_.close_some()) {
        continue;
      }
      if (!looked) {
        fail_partition(partition.row, looked.error());
      }
      ++pass_->next;
    }
  }
  if (!removals.empty()) {
    MILLRACE_TRY(announce(lock, removals));
    MILLRACE_TRY(remove(removals));
    checkpointer_.restore_ballast();
  }
  if (pass_->next == pass_->partitions.size()) {
    pass_.reset();
  }
  return {};
}

Status Cleaner::look(const Partition& partition, std::vector<Removal>& removals) {
  const TopicLimits& limits = partition.limits;
  Offset settled = settled_of(pass_->checkpoint, partition);
  const std::int64_t now_ms = pass_->now_ms;
  FileSystem& files = directory_.files();
  RetentionLimits retention = limits.retention;
  retention.needed_from = offset(start_of(partition).load(std::memory_order_acquire));
  retention.kept_from = pass_->readers.kept_from(partition.id);
  if (retention.kept_from && retention.retention_ms == 0) {
    // It does not matter when the records were appended: no segment has to be opened.
    retention.needed_from = std::max(*retention.needed_from, *retention.kept_from);
    retention.retention_ms.reset();
  }
  MILLRACE_ASSIGN(const auto plan,
                  plan_retention(files, partition.path, retention, settled, now_ms));
  if (plan && plan->first < plan->start) {
    removals.push_back({&partition, plan->start});
  }
  if (plan && limits.compaction) {
    // Unlike a removal it is not announced: only a durable position counts.
    const auto kept = pass_->durable_readers.kept_from(partition.id);
    settled = std::min(settled, kept.value_or(settled));
    MILLRACE_ASSIGN(const bool due,
                    compaction_due(files, partition.path, *limits.compaction, settled, now_ms));
    if (due) {
      compactions_.add({partition.id, partition.path, partition.row, *limits.compaction,
                        limits.waits_for_readers, settled, now_ms});
    }
  }
  return {};
}

/// Publishes the new beginnings of partitions to all readers, durably. Leaves out records that must
/// not be removed.
Status Cleaner::announce(const Settler::Lock& lock, std::vector<Removal>& removals) {
  // A member that raised a start may have died, or failed, before that was durable.
  const std::vector<std::int64_t>& durable = pass_->checkpoint.starts;
  const bool known = std::all_of(removals.begin(), removals.end(), [&](const Removal& one) {
    return one.partition->row < durable.size() && one.start.value <= durable[one.partition->row];
  });
  if (known) {
    return {};
  }
  Status said = prepare_directory();
  if (!said && is_disk_full(said.error()) && checkpointer_.use_ballast(version_bytes)) {
    said = prepare_directory();
  }
  if (said) {
    MILLRACE_FAULT_POINT("clean.before_checkpoint");
    auto made = write_checkpoint(lock, removals);
    said = made ? Status{} : fail(made.error());
  }
  if (!said) {
    for (const Removal& one : removals) {
      is_disk_full(said.error()) ? pause_partition(one.partition->row, pause_of_full_disk_ns)
                                 : fail_partition(one.partition->row, said.error());
    }
    removals.clear();
    return directory_.check_not_failed();
  }
  MILLRACE_FAULT_POINT("clean.before_removal");
  return {};
}

/// Segments for which this round has no time are removed in a later pass.
Status Cleaner::remove(const std::vector<Removal>& removals) {
  const MutexLock guard(changing_);
  const std::int64_t until_ns = directory_.clock().monotonic_ns() + round_ns;
  for (const Removal& one : removals) {
    MILLRACE_TRY(directory_.check_open());
    if (stopped_.load() || directory_.clock().monotonic_ns() > until_ns) {
      break;
    }
    const Offset settled = settled_of(pass_->checkpoint, *one.partition);
    const auto removed = remove_before(directory_.files(), one.partition->path, one.start, settled);
    if (removed) {
      directory_.counts().removed_bytes.fetch_add(removed->bytes, std::memory_order_relaxed);
    } else if (!removed.error().is(millrace::errc::too_many_files) || !journal_.close_some()) {
      fail_partition(one.partition->row, removed.error());
    }
  }
  return {};
}

Status Cleaner::compact_some(const Settler::Lock& lock) {
  MILLRACE_ASSIGN(const bool ours, compactions_.begin(lock));
  if (!ours) {
    return {};
  }
  if (!prepare_directory()) {
    compactions_.give_up();
    directory_.counts().cleaning_errors.fetch_add(1, std::memory_order_relaxed);
    return directory_.check_not_failed();
  }
  const MutexLock guard(changing_);
  MILLRACE_TRY(directory_.check_open());
  if (stopped_.load()) {
    return {};
  }
  if (const auto failed = compactions_.step(); failed && !stopped_.load()) {
    fail_partition(failed->row, failed->error);
  }
  return {};
}

/// Older builds do not know that a partition may begin later, or how segments are replaced.
Status Cleaner::prepare_directory() {
  if (prepared_) {
    return {};
  }
  MILLRACE_ASSIGN(const bool raised,
                  raise_version(directory_.files(), directory_.path(), format_version));
  if (raised) {
    MILLRACE_FAULT_POINT("clean.version_raised");
  }
  prepared_ = true;
  return {};
}

}  // namespace millrace::log::embedded
