// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/worker.hpp"

#include <algorithm>
#include <string>

#include "manifest/continue_topology.hpp"
#include "manifest/passed_positions.hpp"
#include "millrace/base/interval.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::stream {

namespace {

constexpr std::int64_t poll_interval_ms = 100;
constexpr std::int32_t default_partitions = 4;
// A rebuild takes minutes to hours, and nothing waits for its end.
constexpr std::int64_t passed_interval_ns = 60'000'000'000;

InstanceOptions resolved(InstanceOptions options, const log::Log& log) {
  constexpr std::size_t step_bytes = 4U << 20U;
  const std::size_t scale =
      std::clamp<std::size_t>(log.options().max_transaction_bytes / step_bytes, 1, 16);
  if (options.fetch_bytes == 0) options.fetch_bytes = scale * (256U << 10U);
  if (options.max_cycle_records == 0) options.max_cycle_records = scale * 4'000;
  if (options.max_commit_bytes == 0) options.max_commit_bytes = scale * (512U << 10U);
  return options;
}

}  // namespace

Instance::Worker::Worker(log::Log& log, Topology topology, InstanceOptions options,
                         Environment environment)
    : topology_(std::move(topology)),
      options_(resolved(std::move(options), log)),
      environment_(std::move(environment)),
      shared_{.log = log,
              .topology = topology_.plan_,
              .options = options_,
              .environment = environment_,
              .transaction = {},
              .sinks = {},
              .dead_letters = {},
              .retry = {},
              .source = "/" + topology_.service(),
              .cycle_over = false},
      waiter_(log.waiter()),
      progress_(environment_.clock),
      tasks_(shared_, *waiter_, progress_),
      cycle_(shared_, tasks_, progress_),
      board_(shared_, tasks_, progress_),
      queries_(topology_.plan_, tasks_) {}

Status Instance::Worker::open() {
  MILLRACE_TRY(check_interval_ms("snapshot_interval_ms", options_.snapshot_interval_ms, 1));
  MILLRACE_TRY(check_interval_ms("commit_interval_ms", options_.commit_interval_ms, 0));
  MILLRACE_TRY(check_interval_ms("max_task_idle_ms", options_.max_task_idle_ms, 0));
  MILLRACE_TRY(check_interval_ms("max_catch_up_wait_ms", options_.max_catch_up_wait_ms, 0));
  MILLRACE_TRY(check_interval_ms("keep_for_shadow_ms", options_.keep_for_shadow_ms, 0));
  MILLRACE_TRY(continue_topology(shared_.log, topology_.plan_, environment_));
  MILLRACE_TRY(make_topics());
  tasks_.open();
  progress_.made();
  progress_.stepped();
  StepResult ignored;
  MILLRACE_TRY(tasks_.look_for_topics(environment_.clock.monotonic_ns(), ignored));
  board_.update(false);
  return {};
}

Status Instance::Worker::make_topics() {
  const auto is_changelog = [this](const std::string& name) {
    return std::any_of(topology_.stores().begin(), topology_.stores().end(),
                       [&](const StoreSpec& store) {
                         return store.changelog == name && !store.source_is_changelog;
                       });
  };
  std::int32_t partitions = 0;
  for (const log::TopicSpec& spec : topology_.own_topics()) {
    // Those have as many partitions as their sub-topology's inputs, which may come later.
    if (is_changelog(spec.name)) continue;
    MILLRACE_ASSIGN(const log::Topic topic, make_own_topic(spec));
    if (log::is_repartition(spec)) MILLRACE_TRY(keep_for_shadow(topic));
    if (spec.kind != log::TopicKind::commands) partitions = std::max(partitions, spec.partitions);
  }
  shared_.sinks.resize(topology_.nodes().size());
  for (const SinkSpec& sink : topology_.sinks()) {
    MILLRACE_ASSIGN(const log::Topic topic, shared_.log.find_topic(sink.topic.name));
    shared_.sinks[static_cast<std::size_t>(sink.node)] = {&sink, topic.id, topic.spec.partitions};
  }
  // The counts of an earlier version stay.
  const auto make = [&](const std::string& name, log::TopicKind kind) -> Result<log::Topic> {
    Result<log::Topic> found = shared_.log.find_topic(name);
    if (found || !found.error().is(log::errc::unknown_topic)) return found;
    return shared_.log.create_topic(
        {name, partitions > 0 ? partitions : default_partitions, kind, topology_.service()});
  };
  MILLRACE_ASSIGN(shared_.dead_letters,
                  make(topology_.service() + ".dead-letters", log::TopicKind::events));
  MILLRACE_ASSIGN(shared_.retry, make(topology_.service() + ".retry", log::TopicKind::commands));
  return keep_for_shadow(*shared_.retry);
}

// An operator may have added partitions to one that is not private: they are written, too.
Result<log::Topic> Instance::Worker::make_own_topic(const log::TopicSpec& spec) {
  Result<log::Topic> made = shared_.log.create_topic(spec);
  const bool may_have_more = spec.kind != log::TopicKind::private_topic;
  if (made || !may_have_more || !made.error().is(log::errc::topic_mismatch)) return made;
  Result<log::Topic> found = shared_.log.find_topic(spec.name);
  if (!found || found->spec.partitions <= spec.partitions) return made;
  log::TopicSpec larger = spec;
  larger.partitions = found->spec.partitions;
  if (found->spec != larger) return made;
  // Not `found`: a cluster checks its settings, too.
  return shared_.log.create_topic(larger);
}

// Only ever longer: an operator may have set more. A log that keeps all has nothing to change.
Status Instance::Worker::keep_for_shadow(const log::Topic& topic) {
  if (options_.keep_for_shadow_ms == 0) return {};
  MILLRACE_ASSIGN(const log::TopicSettings settings, shared_.log.topic_settings(topic.id));
  if (!settings.deletes || !settings.retention_ms) return {};
  if (*settings.retention_ms >= options_.keep_for_shadow_ms) return {};
  const log::SettingChange change[] = {
      {"retention.ms", std::to_string(options_.keep_for_shadow_ms)}};
  MILLRACE_TRY(shared_.log.alter_topic(topic.id, change));
  return {};
}

Result<StepResult> Instance::Worker::step() {
  if (ended_) return fail(*ended_);
  Result<StepResult> result = do_step();
  if (!result) {
    ended_ = result.error();
    tasks_.drop_all();
  }
  return result;
}

Result<StepResult> Instance::Worker::do_step() {
  StepResult result;
  const std::int64_t now_ns = environment_.clock.monotonic_ns();
  const bool blocked = cycle_.is_blocked(now_ns);
  Status done;
  if (!blocked) done = tasks_.look_for_topics(now_ns, result);
  MILLRACE_TRY(tasks_.poll(now_ns, idle_, result));
  if (done && !blocked) done = tasks_.restore(result);
  // What follows may take long, and they are ready now.
  if (result.worked) board_.update(false);
  if (done && !blocked && cycle_.is_due(now_ns)) {
    done = cycle_.run(result);
    if (done && !result.worked) progress_.made();
  }
  if (done && !blocked) end_passed_positions(now_ns);
  MILLRACE_TRY(wait_if_unavailable(std::move(done), result));
  tasks_.keep_snapshots(now_ns);
  board_.update(false);
  progress_.stepped();
  idle_ = !result.worked;
  if (idle_) result.wake_at_ns = wake_at(now_ns);
  return result;
}

// A cluster that does not answer is no reason to end: what is not committed is done again.
Status Instance::Worker::wait_if_unavailable(Status done, StepResult& result) {
  const auto is = [&](ErrorCode code) { return !done && done.error().is(code); };
  // A loaded broker may not know yet of a topic that another one has made.
  const bool passing =
      is(log::errc::unavailable) || is(log::errc::outcome_unknown) || is(log::errc::unknown_topic);
  if (!passing) return done;
  shared_.report(Level::warn, "the log does not answer, trying again", done.error().message());
  tasks_.drop_all();
  cycle_.back_off(100, 1'000);
  result.worked = false;
  return {};
}

// A reset needs that no instance lives: what is left at the start becomes less, never more.
void Instance::Worker::end_passed_positions(std::int64_t now_ns) {
  if (!passed_due_ns_ || now_ns < *passed_due_ns_) return;
  passed_due_ns_ = now_ns + passed_interval_ns;
  const Result<bool> left = stream::end_passed_positions(shared_.log, topology_.service());
  if (!left) {
    shared_.report(Level::warn, "what earlier parts have not read is kept",
                   left.error().to_string());
  } else if (!*left) {
    passed_due_ns_.reset();
  }
}

std::int64_t Instance::Worker::wake_at(std::int64_t now_ns) const {
  std::int64_t at = now_ns + ns_of_ms(poll_interval_ms);
  if (cycle_.next_ns() > now_ns) at = std::min(at, cycle_.next_ns());
  const std::int64_t wall = environment_.clock.wall_ms();
  for (const auto& task : tasks_.list()) {
    if (!task->ready()) continue;
    if (const auto held_until = task->held_until_ns()) at = std::min(at, *held_until);
    const auto due = task->next_wall_ms();
    if (!due) continue;
    // An interval may have any length: the difference is limited before it becomes nanoseconds.
    const std::uint64_t left_ms =
        *due <= wall ? 0 : static_cast<std::uint64_t>(*due) - static_cast<std::uint64_t>(wall);
    at = std::min(at, now_ns + ns_of_ms(static_cast<std::int64_t>(
                                   std::min<std::uint64_t>(left_ms, poll_interval_ms))));
  }
  return at;
}

void Instance::Worker::wait(const StepResult& last) {
  interests_.clear();
  if (cycle_.next_ns() <= environment_.clock.monotonic_ns()) {
    for (const auto& task : tasks_.list())
      task->add_interests(interests_);
  }
  static_cast<void>(waiter_->wait(interests_, last.wake_at_ns));
}

void Instance::Worker::maintain() {
  tasks_.heartbeat();
  const std::int64_t now_ns = environment_.clock.monotonic_ns();
  cycle_.end_if_long(now_ns);
  board_.refresh_lag(now_ns);
  board_.report_stall();
}

Status Instance::Worker::close() {
  if (ended_) return fail(*ended_);
  ended_ = Error(log::errc::closed, "the instance is closed");
  // What could not be written is restored by replay; the tasks must be free for others all the
  // same.
  Status written = tasks_.write_last_snapshots();
  tasks_.leave();
  board_.update(true);
  return written;
}

}  // namespace millrace::stream
