// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/cycle.hpp"

#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/interval.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::stream::runtime {

namespace {
constexpr int refusals_at_once = 3;             // tried again without a pause
constexpr std::int64_t cycles_per_session = 5;  // at least, when there is work
}  // namespace

Status Cycle::run(StepResult& result) {
  const std::int64_t now_ns = shared_->environment.clock.monotonic_ns();
  // In this order, or housekeeping takes the last cycle's beginning for this one's.
  began_ns_.store(now_ns);
  shared_->cycle_over.store(false);
  const std::size_t first = std::exchange(first_task_, 0);
  const Tasks::List& tasks = tasks_->list();
  bool more = false;
  std::size_t states_bytes = 0;  // that tasks may add to the next commit
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const std::size_t next = (first + i) % tasks.size();
    if (i > 0 && shared_->cycle_over.load()) {
      first_task_ = next;
      more = true;
      break;
    }
    Task& task = *tasks[next];
    if (!task.ready()) continue;
    if (states_bytes + task.state_bytes_max() > shared_->state_room()) {
      MILLRACE_ASSIGN(const bool taken, commit(result));
      if (!taken) return {};
      states_bytes = 0;
    }
    states_bytes += task.state_bytes_max();
    const std::size_t room = work_item_limit_ == no_limit
                                 ? no_limit
                                 : work_item_limit_ - tasks_->uncommitted_work_items();
    MILLRACE_ASSIGN(const Turn turn, task.run(std::min(shared_->options.max_cycle_records, room)));
    task.keep_positions(now_ns, turn == Turn::idle);
    if (turn == Turn::idle) continue;
    result.worked = true;
    const bool full = turn == Turn::full ||
                      shared_->staged_bytes() >= shared_->options.max_commit_bytes ||
                      tasks_->uncommitted_work_items() >= work_item_limit_;
    more |= full || task.uncommitted_work_items() >= shared_->options.max_cycle_records ||
            shared_->cycle_over.load();
    if (!full) continue;
    MILLRACE_ASSIGN(const bool taken, commit(result));
    if (!taken) return {};
    states_bytes = 0;
  }
  const std::uint64_t before = shared_->commits;
  MILLRACE_TRY(commit(result));
  // What is full leaves more behind it, which need not wait to become worth a commit.
  if (shared_->commits != before && !more)
    next_cycle_ns_ = saturating_add(now_ns, ns_of_ms(shared_->options.commit_interval_ms));
  return {};
}

// False when it is refused: that may have cost us tasks and left the rest with nothing in hand, so
// that the next cycle sees to it.
Result<bool> Cycle::commit(StepResult& result) {
  bool anything = false;
  for (const auto& task : tasks_->list()) {
    if (!task->ready() || !task->has_work()) continue;
    task->stage();
    anything = true;
  }
  if (!anything) return true;
  MILLRACE_FAULT_POINT("stream.commit.before");
  const Result<log::Committed> committed = shared_->log.commit(shared_->transaction);
  if (!committed) {
    MILLRACE_TRY(refused(committed.error(), result));
    return false;
  }
  MILLRACE_FAULT_POINT("stream.commit.after");
  for (const auto& task : tasks_->list()) {
    if (task->ready() && task->has_work()) task->committed(*committed);
  }
  shared_->without_ranges.reset();
  shared_->transaction.clear();
  MILLRACE_ASSERT(shared_->state_bytes == 0, "every state change of the cycle is in its commit");
  progress_->made();
  ++shared_->commits;
  refused_in_a_row_ = 0;
  backoff_ms_ = 0;
  if (work_item_limit_ != no_limit)
    work_item_limit_ =
        work_item_limit_ > shared_->options.max_cycle_records ? no_limit : work_item_limit_ * 2;
  return true;
}

Status Cycle::refused(const Error& error, StepResult& result) {
  ++shared_->refused_commits;
  ++refused_in_a_row_;
  const bool of_one_record =
      error.is(log::errc::too_large) || error.is(log::errc::time_out_of_bounds) ||
      error.is(log::errc::record_refused) || error.is(log::errc::unknown_partition);
  if (of_one_record) return narrow_down(error);
  const bool may_pass = error.is(log::errc::fenced) || LostRanges::may_pass(error);
  const bool try_without = !may_pass && has_ranges(error);
  tasks_->drop_all();
  if (try_without) return {};
  if (error.is(log::errc::fenced)) {
    shared_->report(Level::warn, "commit refused, another member owns a task", error.message());
    if (refused_in_a_row_ > refusals_at_once) back_off(10, 1'000);
    tasks_->poll_soon();
    return tasks_->poll(shared_->environment.clock.monotonic_ns(), false, result);
  }
  if (error.is(log::errc::disk_full) || error.is(millrace::errc::disk_full)) {
    shared_->report(Level::error, "the disk is full, trying again", error.message());
    back_off(100, 1'000);
    result.worked = false;
    return {};
  }
  if (error.is(log::errc::unavailable)) return fail(error.at("committing"));
  if (error.is(log::errc::outcome_unknown)) {
    shared_->report(Level::warn, "outcome of a commit unknown, reading the state again",
                    error.message());
    tasks_->restart_all();
    // On Kafka the claims may be gone with the transaction.
    tasks_->poll_soon();
    return {};
  }
  return fail(error.at("committing"));
}

// True when the commit that was refused had ranges of inputs: the next one has none. When that is
// taken, the tasks give up those that it was to have; else something else is the reason.
bool Cycle::has_ranges(const Error& error) {
  if (std::exchange(shared_->without_ranges, std::nullopt)) return false;
  for (const auto& task : tasks_->list()) {
    if (task->ready() && task->has_work() && task->stages_ranges()) shared_->without_ranges = error;
  }
  return shared_->without_ranges.has_value();
}

// Sizes are checked before anything is staged, so this is for what only the log knows: halves the
// commits until the record or firing is found that alone makes one refused; that one is treated as
// failed.
Status Cycle::narrow_down(const Error& error) {
  const std::size_t work_items = tasks_->uncommitted_work_items();
  if (work_items <= 1 && has_ranges(error)) {
    tasks_->drop_all();
    return {};
  }
  if (work_items == 0) {
    tasks_->drop_all();
    return fail(error.at("committing positions and timers alone"));
  }
  if (work_items == 1) {
    shared_->report(Level::warn, "the log refuses what one record or firing causes",
                    error.message());
    for (const auto& task : tasks_->list()) {
      if (task->uncommitted_work_items() == 1) task->blame_last(error);
    }
  }
  tasks_->drop_all();
  work_item_limit_ = std::max<std::size_t>(1, work_items / 2);
  return {};
}

void Cycle::back_off(std::int64_t first_ms, std::int64_t last_ms) {
  backoff_ms_ = std::clamp(backoff_ms_ * 2, first_ms, last_ms);
  blocked_until_ns_ = shared_->environment.clock.monotonic_ns() + ns_of_ms(backoff_ms_);
}

// A cycle that is over early because it began meanwhile does less, and nothing wrong.
void Cycle::end_if_long(std::int64_t now_ns) {
  const std::int64_t session_ns = ns_of_ms(shared_->log.options().session_timeout_ms);
  if (now_ns - began_ns_ >= session_ns / cycles_per_session) shared_->cycle_over.store(true);
}

}  // namespace millrace::stream::runtime
