// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/tasks.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include "manifest/continue_topology.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/log/find_groups.hpp"

namespace millrace::stream::runtime {

namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t look_interval_ns = 50 * ms;
constexpr std::int64_t poll_interval_ns = 100 * ms;
constexpr std::int64_t owners_interval_ns = 1'000 * ms;
constexpr std::int64_t inputs_interval_ns = 1'000 * ms;
constexpr std::size_t restore_bytes_per_step = 4U << 20U;

log::PartitionId partition_of_task(const std::string& task) {
  std::int32_t partition = -1;
  const std::size_t slash = task.rfind('/');
  MILLRACE_ASSERT(slash != std::string::npos, "tasks are named <sub-topology>/<partition>");
  std::from_chars(task.data() + slash + 1, task.data() + task.size(), partition);
  return log::partition(partition);
}

}  // namespace

Tasks::Tasks(Shared& shared, log::Waiter& waiter, Progress& progress)
    : shared_(&shared), waiter_(&waiter), progress_(&progress) {}

Tasks::~Tasks() {
  tasks_.clear();
  members_.clear();
}

void Tasks::open() {
  for (const SubTopology& sub : shared_->topology.sub_topologies) {
    if (!sub.sources.empty())
      members_.push_back(std::make_unique<SubTopologyMember>(*shared_, sub));
  }
}

Status Tasks::look_for_topics(std::int64_t now_ns, StepResult& result) {
  if (looked_ns_ >= 0 && now_ns - looked_ns_ < look_interval_ns) return {};
  looked_ns_ = now_ns;
  for (const auto& member : members_) {
    if (!member->joined()) {
      MILLRACE_TRY(member->look_for_topics());
    }
  }
  // Their topics of input ranges come after all changelogs: where a log has room for few more, no
  // part is without its changelogs for them.
  for (const auto& member : members_) {
    if (!member->may_join()) continue;
    MILLRACE_TRY(member->join());
    result.worked = true;
    // Its tasks are to be had at once, not at the next turn of the clock.
    poll_soon();
  }
  return check_inputs(now_ns);
}

// Topics get more partitions rarely.
Status Tasks::check_inputs(std::int64_t now_ns) {
  if (inputs_checked_ns_ >= 0 && now_ns - inputs_checked_ns_ < inputs_interval_ns) return {};
  inputs_checked_ns_ = now_ns;
  for (const auto& member : members_) {
    if (member->joined()) MILLRACE_TRY(member->check_inputs());
  }
  return {};
}

// In simulated time the clock stands still between steps, and every idle step counts.
Status Tasks::poll(std::int64_t now_ns, bool idle, StepResult& result) {
  const std::int64_t since = now_ns - polled_ns_;
  if (polled_ns_ >= 0 && since < poll_interval_ns && !(idle && since == 0)) return {};
  polled_ns_ = now_ns;
  for (const auto& member : members_) {
    if (!member->joined()) continue;
    MILLRACE_ASSIGN(const log::MembershipChange change, member->poll());
    if (change.empty()) continue;
    result.worked = true;
    MILLRACE_TRY(apply(*member, change));
  }
  look_for_owners(now_ns);
  return {};
}

// On Kafka the question costs a round trip: it is asked only after a loss, and not at each poll.
void Tasks::look_for_owners(std::int64_t now_ns) {
  if (orphans_.empty()) return;
  if (owners_looked_ns_ >= 0 && now_ns - owners_looked_ns_ < owners_interval_ns) return;
  owners_looked_ns_ = now_ns;
  for (const auto& member : members_) {
    const bool misses =
        member->joined() && std::any_of(orphans_.begin(), orphans_.end(), [&](const auto& orphan) {
          return orphan.first == member->resolved().group;
        });
    if (!misses) continue;
    const std::string name = shared_->topology.service + "/" + member->spec().name;
    const auto groups = log::find_groups(shared_->log, {.name = name, .positions = false});
    // While the log does not say, nothing is known of an owner.
    if (!groups) return;
    for (const log::GroupInfo& group : *groups) {
      for (const log::GroupInfo::Task& task : group.tasks) {
        if (!task.member.empty()) orphans_.erase({group.id, task.name});
      }
    }
  }
}

Status Tasks::apply(SubTopologyMember& member, const log::MembershipChange& change) {
  for (const log::Claim& claim : change.lost) {
    shared_->report(Level::warn, "task lost", claim.task());
    remove(claim);
    orphans_.emplace(claim.group(), claim.task());
    owners_looked_ns_ = -1;
  }
  for (const log::Claim& claim : change.asked_back) {
    shared_->report(Level::info, "task given back", claim.task());
    remove(claim);
    MILLRACE_TRY(member.release(claim));
  }
  for (const log::Claim& claim : change.granted) {
    remove(claim);
    orphans_.erase({claim.group(), claim.task()});
    auto task =
        std::make_unique<Task>(*shared_, member.resolved(), claim, partition_of_task(claim.task()));
    static_cast<void>(task->restart());
    shared_->report(Level::info, "task granted", claim.task());
    const UniqueLock lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_ = true;
    granted_ = true;
  }
  return {};
}

// Its snapshot stays: the task may come back soon, and a snapshot that is too old by then is passed
// over.
void Tasks::remove(const log::Claim& claim) {
  // Processors are destroyed without the lock: they may wait for threads that ask a view.
  List removed;
  const UniqueLock lock(mutex_);
  const auto is_other = [&](const std::unique_ptr<Task>& task) {
    return task->claim().group() != claim.group() || task->claim().task() != claim.task();
  };
  const auto first = std::stable_partition(tasks_.begin(), tasks_.end(), is_other);
  removed.assign(std::make_move_iterator(first), std::make_move_iterator(tasks_.end()));
  tasks_.erase(first, tasks_.end());
  changed_ |= !removed.empty();
}

Status Tasks::restore(StepResult& result) {
  const std::size_t restoring = static_cast<std::size_t>(
      std::count_if(tasks_.begin(), tasks_.end(), [](const auto& task) { return !task->ready(); }));
  if (restoring == 0) return {};
  result.worked = true;
  // A reset or an accepted version that no member was there to prevent. What is granted from now on
  // is seen by both.
  if (granted_) {
    MILLRACE_TRY(check_still_there(shared_->log, shared_->topology));
    granted_ = false;
  }
  interests_.clear();
  for (const auto& task : tasks_) {
    if (task->ready()) continue;
    MILLRACE_TRY(task->begin_restore());
    task->add_interests(interests_);
  }
  read_ahead();
  for (const auto& task : tasks_) {
    if (task->ready()) continue;
    MILLRACE_ASSIGN(const bool done, task->restore(restore_bytes_per_step / restoring));
    if (done) task->add_interests(interests_);
    progress_->made();
  }
  read_ahead();
  return {};
}

// A log that reads over a network begins with all partitions at once, rather than with each when
// its turn comes.
void Tasks::read_ahead() {
  static_cast<void>(waiter_->wait(interests_, shared_->environment.clock.monotonic_ns()));
  interests_.clear();
}

void Tasks::restart_all() {
  std::vector<Nodes::List> old;
  const UniqueLock lock(mutex_);
  for (const auto& task : tasks_)
    old.push_back(task->restart());
}

void Tasks::drop_all() {
  for (const auto& task : tasks_)
    task->drop();
  shared_->transaction.clear();
}

std::size_t Tasks::uncommitted_work_items() const {
  std::size_t work_items = 0;
  for (const auto& task : tasks_)
    work_items += task->uncommitted_work_items();
  return work_items;
}

void Tasks::keep_snapshots(std::int64_t now_ns) {
  if (shared_->options.state_directory.empty()) return;
  bool waiting = false;
  for (const auto& task : tasks_) {
    task->keep_snapshot(now_ns, false);
    waiting |= task->unpublished_snapshot().has_value();
  }
  if (!waiting) return;
  const log::LogPosition durable = shared_->log.durable();
  for (const auto& task : tasks_)
    task->publish_snapshot(durable);
}

Status Tasks::write_last_snapshots() {
  std::optional<log::LogPosition> last;
  for (const auto& task : tasks_) {
    task->keep_snapshot(shared_->environment.clock.monotonic_ns(), true);
    if (const auto stamp = task->unpublished_snapshot();
        stamp && (!last || stamp->position > last->position))
      last = stamp;
  }
  if (!last) return {};
  MILLRACE_TRY(shared_->log.wait_durable(*last));
  const log::LogPosition durable = shared_->log.durable();
  for (const auto& task : tasks_)
    task->publish_snapshot(durable);
  return {};
}

void Tasks::leave() {
  List removed;
  {
    const UniqueLock lock(mutex_);
    removed.swap(tasks_);
    changed_ = true;
  }
  removed.clear();
  for (const auto& member : members_)
    member->leave();
}

bool Tasks::take_changed() { return std::exchange(changed_, false); }

void Tasks::heartbeat() {
  for (const auto& member : members_)
    member->heartbeat();
}

}  // namespace millrace::stream::runtime
