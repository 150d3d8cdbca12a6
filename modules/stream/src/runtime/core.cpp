// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/core.hpp"

#include <algorithm>
#include <charconv>

#include "millrace/base/assert.hpp"
#include "millrace/base/interval.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::stream {

using runtime::SubTopologyMember;

namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t look_interval_ns = 50 * ms;
constexpr std::int64_t poll_interval_ms = 100;
constexpr std::int64_t poll_interval_ns = poll_interval_ms * ms;
constexpr std::int64_t cycles_per_session = 5;  // at least, when there is work
constexpr std::size_t restore_bytes_per_step = 4U << 20U;
constexpr std::int32_t default_partitions = 4;

InstanceOptions resolved(InstanceOptions options, const log::Log& log) {
  constexpr std::size_t unit_bytes = 4U << 20U;
  const std::size_t scale =
      std::clamp<std::size_t>(log.options().max_transaction_bytes / unit_bytes, 1, 16);
  if (options.fetch_bytes == 0) options.fetch_bytes = scale * (256U << 10U);
  if (options.max_cycle_records == 0) options.max_cycle_records = scale * 4'000;
  if (options.max_commit_bytes == 0) options.max_commit_bytes = scale * (512U << 10U);
  return options;
}

log::PartitionId partition_of_unit(const std::string& unit) {
  std::int32_t partition = -1;
  const std::size_t slash = unit.rfind('/');
  MILLRACE_ASSERT(slash != std::string::npos, "units are named <sub-topology>/<partition>");
  std::from_chars(unit.data() + slash + 1, unit.data() + unit.size(), partition);
  return log::partition(partition);
}

}  // namespace

Instance::Core::Core(log::Log& log, Topology topology, InstanceOptions options,
                     Environment environment)
    : topology_(std::move(topology)),
      options_(resolved(std::move(options), log)),
      environment_(std::move(environment)),
      shared_{.log = log,
              .topology = topology_,
              .options = options_,
              .environment = environment_,
              .transaction = {},
              .sinks = {},
              .dead_letters = {},
              .retry = {},
              .source = "/" + topology_.service,
              .cycle_over = false},
      waiter_(log.waiter()) {}

Instance::Core::~Core() {
  tasks_.clear();
  members_.clear();
}

Status Instance::Core::open() {
  MILLRACE_TRY(check_interval_ms("snapshot_interval_ms", options_.snapshot_interval_ms, 1));
  MILLRACE_TRY(check_interval_ms("commit_interval_ms", options_.commit_interval_ms, 0));
  MILLRACE_TRY(make_topics());
  for (const SubTopology& sub : topology_.sub_topologies) {
    if (!sub.sources.empty()) members_.push_back(std::make_unique<SubTopologyMember>(shared_, sub));
  }
  progress_ns_ = stepped_ns_ = environment_.clock.monotonic_ns();
  StepResult ignored;
  MILLRACE_TRY(look_for_topics(environment_.clock.monotonic_ns(), ignored));
  update_status();
  return {};
}

Status Instance::Core::make_topics() {
  const auto is_changelog = [this](const std::string& name) {
    return std::any_of(topology_.stores.begin(), topology_.stores.end(),
                       [&](const StoreSpec& store) {
                         return store.changelog == name && !store.source_is_changelog;
                       });
  };
  std::int32_t partitions = 0;
  for (const log::TopicSpec& spec : topology_.own_topics) {
    // Those have as many partitions as their sub-topology's inputs, which may come later.
    if (is_changelog(spec.name)) continue;
    MILLRACE_TRY(shared_.log.create_topic(spec));
    if (spec.kind != log::TopicKind::commands) partitions = std::max(partitions, spec.partitions);
  }
  shared_.sinks.resize(topology_.nodes.size());
  for (const SinkSpec& sink : topology_.sinks) {
    MILLRACE_ASSIGN(const log::Topic topic, shared_.log.find_topic(sink.topic.name));
    shared_.sinks[static_cast<std::size_t>(sink.node)] = {&sink, topic.id, topic.spec.partitions};
  }
  // The counts of an earlier version stay.
  const auto make = [&](const std::string& name, log::TopicKind kind) -> Result<log::Topic> {
    Result<log::Topic> found = shared_.log.find_topic(name);
    if (found || !found.error().is(log::errc::unknown_topic)) return found;
    return shared_.log.create_topic({name, partitions > 0 ? partitions : default_partitions, kind,
                                     topology_.service, log::CleanupPolicy::keep});
  };
  MILLRACE_ASSIGN(shared_.dead_letters,
                  make(topology_.service + ".dead-letters", log::TopicKind::events));
  MILLRACE_ASSIGN(shared_.retry, make(topology_.service + ".retry", log::TopicKind::commands));
  return {};
}

Result<StepResult> Instance::Core::step() {
  if (ended_) return fail(*ended_);
  Result<StepResult> result = do_step();
  if (!result) {
    ended_ = result.error();
    drop_all();
  }
  return result;
}

Result<StepResult> Instance::Core::do_step() {
  StepResult result;
  const std::int64_t now_ns = environment_.clock.monotonic_ns();
  const bool blocked = now_ns < blocked_until_ns_;
  Status done;
  if (!blocked) done = look_for_topics(now_ns, result);
  MILLRACE_TRY(poll_memberships(now_ns, result));
  if (done && !blocked) done = restore_tasks(result);
  // What follows may take long, and they are ready now.
  if (result.worked) update_status();
  if (done && !blocked && now_ns >= next_cycle_ns_) {
    done = run_cycle(result);
    if (done && !result.worked) progress_ns_ = environment_.clock.monotonic_ns();
  }
  MILLRACE_TRY(wait_if_unavailable(std::move(done), result));
  keep_snapshots(now_ns);
  update_status();
  stepped_ns_ = environment_.clock.monotonic_ns();
  idle_ = !result.worked;
  if (idle_) result.wake_at_ns = wake_at(now_ns);
  return result;
}

Status Instance::Core::look_for_topics(std::int64_t now_ns, StepResult& result) {
  if (looked_ns_ >= 0 && now_ns - looked_ns_ < look_interval_ns) return {};
  looked_ns_ = now_ns;
  for (const auto& member : members_) {
    if (member->joined()) continue;
    MILLRACE_TRY(member->look_for_topics());
    if (!member->joined()) continue;
    result.worked = true;
    // Its units are to be had at once, not at the next turn of the clock.
    polled_ns_ = -1;
  }
  return {};
}

// In simulated time the clock stands still between steps, and every idle step counts.
Status Instance::Core::poll_memberships(std::int64_t now_ns, StepResult& result) {
  const std::int64_t since = now_ns - polled_ns_;
  if (polled_ns_ >= 0 && since < poll_interval_ns && !(idle_ && since == 0)) return {};
  polled_ns_ = now_ns;
  for (const auto& member : members_) {
    if (!member->joined()) continue;
    MILLRACE_ASSIGN(const log::MembershipChange change, member->poll());
    if (change.empty()) continue;
    result.worked = true;
    MILLRACE_TRY(apply_change(*member, change));
  }
  return {};
}

// Between cycles, so everything that the tasks did is committed.
Status Instance::Core::apply_change(SubTopologyMember& member,
                                    const log::MembershipChange& change) {
  for (const log::Claim& claim : change.lost) {
    shared_.tell("warn", "task lost", claim.unit());
    remove_task(claim);
  }
  for (const log::Claim& claim : change.asked_back) {
    shared_.tell("info", "task given back", claim.unit());
    remove_task(claim);
    MILLRACE_TRY(member.release(claim));
  }
  for (const log::Claim& claim : change.granted) {
    remove_task(claim);
    auto task =
        std::make_unique<Task>(shared_, member.resolved(), claim, partition_of_unit(claim.unit()));
    task->restart();
    shared_.tell("info", "task granted", claim.unit());
    const UniqueLock lock(tasks_mutex_);
    tasks_.push_back(std::move(task));
    tasks_changed_ = true;
  }
  return {};
}

// Its snapshot stays: the task may come back soon, and a snapshot that is too old by then is passed
// over.
void Instance::Core::remove_task(const log::Claim& claim) {
  const UniqueLock lock(tasks_mutex_);
  tasks_changed_ |=
      std::erase_if(tasks_, [&](const std::unique_ptr<Task>& task) {
        return task->claim().group() == claim.group() && task->claim().unit() == claim.unit();
      }) > 0;
}

Status Instance::Core::restore_tasks(StepResult& result) {
  const std::size_t restoring = static_cast<std::size_t>(
      std::count_if(tasks_.begin(), tasks_.end(), [](const auto& task) { return !task->ready(); }));
  if (restoring == 0) return {};
  result.worked = true;
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
    progress_ns_ = environment_.clock.monotonic_ns();
  }
  read_ahead();
  return {};
}

// A log that reads over a network begins with all places at once, rather than with each when its
// turn comes.
void Instance::Core::read_ahead() {
  static_cast<void>(waiter_->wait(interests_, environment_.clock.monotonic_ns()));
  interests_.clear();
}

// A cluster that does not answer is no reason to end: what is not committed is done again.
Status Instance::Core::wait_if_unavailable(Status done, StepResult& result) {
  const auto is = [&](ErrorCode code) { return !done && done.error().is(code); };
  // A loaded broker may not know yet of a topic that another one has made.
  const bool passing =
      is(log::errc::unavailable) || is(log::errc::outcome_unknown) || is(log::errc::unknown_topic);
  if (!passing) return done;
  shared_.tell("warn", "the log does not answer, trying again", done.error().message());
  drop_all();
  back_off(100, 1'000);
  result.worked = false;
  return {};
}

void Instance::Core::keep_snapshots(std::int64_t now_ns) {
  if (options_.state_directory.empty()) return;
  bool waiting = false;
  for (const auto& task : tasks_) {
    task->keep_snapshot(now_ns, false);
    waiting |= task->unpublished_snapshot().has_value();
  }
  if (!waiting) return;
  const log::LogPosition durable = shared_.log.durable();
  for (const auto& task : tasks_)
    task->publish_snapshot(durable);
}

std::int64_t Instance::Core::wake_at(std::int64_t now_ns) const {
  std::int64_t at = now_ns + poll_interval_ns;
  const std::int64_t cycle_ns = std::max(blocked_until_ns_, next_cycle_ns_);
  if (cycle_ns > now_ns) at = std::min(at, cycle_ns);
  const std::int64_t wall = environment_.clock.wall_ms();
  for (const auto& task : tasks_) {
    const auto due = task->next_wall_ms();
    if (!due || !task->ready()) continue;
    // An interval may have any length: the difference is limited before it becomes nanoseconds.
    const std::uint64_t left_ms =
        *due <= wall ? 0 : static_cast<std::uint64_t>(*due) - static_cast<std::uint64_t>(wall);
    at = std::min(
        at, now_ns +
                static_cast<std::int64_t>(std::min<std::uint64_t>(left_ms, poll_interval_ms)) * ms);
  }
  return at;
}

void Instance::Core::wait(const StepResult& last) {
  interests_.clear();
  if (std::max(blocked_until_ns_, next_cycle_ns_) <= environment_.clock.monotonic_ns()) {
    for (const auto& task : tasks_)
      task->add_interests(interests_);
  }
  static_cast<void>(waiter_->wait(interests_, last.wake_at_ns));
}

void Instance::Core::maintain() {
  for (const auto& member : members_)
    member->heartbeat();
  // A cycle that is over early because it began meanwhile does less, and nothing wrong.
  const std::int64_t now_ns = environment_.clock.monotonic_ns();
  if (now_ns - cycle_began_ns_ >=
      ns_of_ms(shared_.log.options().session_timeout_ms) / cycles_per_session)
    shared_.cycle_over.store(true);
  refresh_lag(now_ns);
  report_stall();
}

Status Instance::Core::close() {
  if (ended_) return fail(*ended_);
  ended_ = Error(log::errc::closed, "the instance is closed");
  std::optional<log::LogPosition> last;
  for (const auto& task : tasks_) {
    task->keep_snapshot(environment_.clock.monotonic_ns(), true);
    if (const auto stamp = task->unpublished_snapshot();
        stamp && (!last || stamp->position > last->position))
      last = stamp;
  }
  if (last) {
    MILLRACE_TRY(shared_.log.wait_durable(*last));
    const log::LogPosition durable = shared_.log.durable();
    for (const auto& task : tasks_)
      task->publish_snapshot(durable);
  }
  {
    const UniqueLock lock(tasks_mutex_);
    tasks_.clear();
    tasks_changed_ = true;
  }
  for (const auto& member : members_)
    member->leave();
  update_status();
  return {};
}

}  // namespace millrace::stream
