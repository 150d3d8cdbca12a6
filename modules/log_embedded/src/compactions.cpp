// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "compactions.hpp"

#include <algorithm>
#include <utility>

#include "millrace/base/file_errors.hpp"
#include "tables.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::int64_t turn_ns_max = 60'000'000'000;

}  // namespace

void Compactions::add(Wanted wanted) {
  const bool waits = std::any_of(waiting_.begin(), waiting_.end(),
                                 [&](const Wanted& one) { return one.row == wanted.row; });
  if (!waits) {
    waiting_.push_back(std::move(wanted));
  }
}

void Compactions::forget_deleted(const Catalog& catalog) {
  const auto is_deleted = [&](const Wanted& one) {
    return catalog.is_deleted(one.partition.topic);
  };
  if (!waiting_.empty() && is_deleted(waiting_.front())) {
    compaction_.reset();
    give_turn_up();
  }
  std::erase_if(waiting_, is_deleted);
}

bool Compactions::may_take(std::uint32_t owner, std::int64_t now_ns) const {
  return owner == 0 || owner == directory_.owner() ||
         now_ns - directory_.control().compacted_ns.load() > turn_ns_max;
}

bool Compactions::is_due(std::int64_t now_ns) const {
  return !waiting_.empty() && may_take(directory_.control().compactor.load(), now_ns);
}

Result<bool> Compactions::begin(const Settler::Lock& lock) {
  Control& control = directory_.control();
  const std::int64_t now_ns = directory_.clock().monotonic_ns();
  std::uint32_t owner = control.compactor.load();
  if (waiting_.empty() || !may_take(owner, now_ns)) {
    return false;
  }
  if (owner != directory_.owner()) {
    // Another member may have compacted since our last step.
    compaction_.reset();
    if (!control.compactor.compare_exchange_strong(owner, directory_.owner())) {
      return false;
    }
  }
  control.compacted_ns.store(now_ns);
  if (compaction_ != nullptr) {
    return true;
  }
  const Wanted& first = waiting_.front();
  Offset settled = first.settled;
  if (first.waits_for_readers) {
    MILLRACE_ASSIGN(const WriterLock::Held locked, lock());
    const auto read = smallest_position(locked, control, first.partition);
    settled = read ? std::min(settled, offset(*read)) : settled;
  }
  CompactionOptions options = first.options;
  options.stop = &stopped_;
  compaction_ =
      std::make_unique<Compaction>(directory_.files(), first.path, options, settled, first.now_ms);
  return true;
}

std::optional<Compactions::Failed> Compactions::step() {
  const auto done = compaction_->step(directory_.embedded_options().settle.compaction_step_bytes);
  if (done && !*done) {
    return std::nullopt;
  }
  const CompactionCounts& counts = compaction_->result().counts;
  directory_.counts().compacted_records.fetch_add(
      counts.records_superseded + counts.tombstones_removed, std::memory_order_relaxed);
  compaction_.reset();
  if (!done && done.error().is(millrace::errc::too_many_files) && journal_.close_some()) {
    // Begins again with the next step.
    return std::nullopt;
  }
  const std::size_t row = waiting_.front().row;
  waiting_.pop_front();
  give_turn_up();
  return done ? std::nullopt : std::optional(Failed{row, done.error()});
}

void Compactions::give_up() {
  compaction_.reset();
  waiting_.clear();
  give_turn_up();
}

void Compactions::give_turn_up() {
  std::uint32_t own = directory_.owner();
  directory_.control().compactor.compare_exchange_strong(own, 0);
}

}  // namespace millrace::log::embedded
