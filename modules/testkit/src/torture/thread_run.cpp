// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "torture/thread_run.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "millrace/base/fault_file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/errors.hpp"
#include "torture/hostile.hpp"

namespace millrace::testkit {

namespace {

constexpr std::int64_t turn_ms = 100;
// Idle steps of each member after the last work of any, so that timers of some seconds are seen.
constexpr int quiet_steps = 30;
constexpr int quiet_steps_max = 20'000;
constexpr int misfortunes_max = 12;

}  // namespace

struct ThreadRun::Member {
  std::string name;
  SeededRandom random{0};
  FaultFileSystem files;
  int misfortunes = 0;  // of its own thread
  int ends = 0;         // of those: it died or handed over
  int idle_steps = 0;   // since the last work of any; under the run's mutex
  mutable Mutex mutex;  // of the two below, while they are made and destroyed
  std::unique_ptr<log::Log> log;
  std::unique_ptr<stream::Instance> instance;
  std::jthread thread;
};

namespace {
thread_local void* member_of_thread = nullptr;
}

ThreadRun::ThreadRun(const TortureTopology& topology, const TortureInputs& inputs,
                     const TortureOptions& options, std::size_t tasks)
    : topology_(&topology),
      inputs_(&inputs),
      options_(&options),
      tasks_(tasks),
      plan_(topology()),
      torment_(options.seed, options.throwing, [this] { get_stuck(); }),
      broker_(options.threads_log ? nullptr : std::make_unique<log::MemoryBroker>(clock_, true)),
      connect_(options.threads_log
                   ? options.threads_log
                   : [this](log::LogOptions
                                log_options) { return broker_->connect(std::move(log_options)); }),
      writer_(connect_),
      tool_log_(connect_({})),
      reader_(*tool_log_),
      calls_to_stuck_(
          static_cast<std::int64_t>(SeededRandom(options.seed).below(inputs.writes().size() + 1)) +
          1) {
  SeededRandom random(options.seed);
  for (const char* const number : {"-1", "-2"}) {
    auto& member = members_.emplace_back(std::make_unique<Member>());
    member->name = plan_.service() + number;
    member->random = SeededRandom(random.next());
  }
}

ThreadRun::~ThreadRun() { end(); }

void ThreadRun::end() {
  release();
  stopping_ = true;
  for (const auto& member : members_) {
    if (member->thread.joinable()) member->thread.join();
  }
}

Tally ThreadRun::run() {
  for (const TortureInputs::Topic& topic : inputs_->topics())
    writer_.declare_topic(topic.name, topic.owner, topic.partitions, topic.kind);
  // One after the other, as torture() promises for the topology's factory.
  for (const auto& member : members_)
    start(*member);
  for (const auto& member : members_)
    member->thread = std::jthread([this, &member = *member] { work(member); });
  await_rest();
  for (const auto& write : inputs_->writes()) {
    write_undisturbed([&] { write(writer_); });
  }
  await_rest(true);
  {
    const MutexLock lock(mutex_);
    if (stuck_ != nullptr) ++stuck_calls_;
  }
  release();
  await_rest();
  for (const HostileGroup& group : hostile_groups(*inputs_, reader_)) {
    for (const auto& [topic, record] : group.records) {
      write_undisturbed([&] { writer_.write_raw(topic, record); });
    }
    await_rest();
  }
  end();
  std::vector<stream::Instance*> instances;
  for (const auto& member : members_)
    instances.push_back(member->instance.get());
  return Tally::take(plan_, *options_, reader_, instances);
}

// The refused commit that a member asked for is not this one.
void ThreadRun::write_undisturbed(const std::function<void()>& write) {
  const MutexLock lock(commits_mutex_);
  if (broker_) broker_->fail_commits(log::errc::fenced, 0);
  write();
}

void ThreadRun::work(Member& member) {
  member_of_thread = &member;
  try {
    while (!stopping_)
      step(member);
  } catch (...) {
    const MutexLock lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    changed_.notify_all();
  }
}

void ThreadRun::step(Member& member) {
  if (broker_ && member.misfortunes < misfortunes_max && member.random.below(20) == 0) {
    constexpr std::array codes{log::errc::fenced, log::errc::disk_full, log::errc::outcome_unknown};
    const MutexLock lock(commits_mutex_);
    broker_->fail_commits(codes[member.random.below(codes.size())], 1);
    ++member.misfortunes;
  }
  const auto result = member.instance->step();
  if (!result) throw TestError(member.name + " ended: " + result.error().to_string());
  ++steps_;
  const bool ends = member.ends == 0 || member.random.below(12) == 0;
  if (result->worked && member.misfortunes < misfortunes_max && ends) {
    ++member.misfortunes;
    ++member.ends;
    if (member.random.below(3) == 0) {
      hand_over(member);
    } else {
      kill(member);
    }
    start(member);
  }
  if (!result->worked) {
    pass_ms(turn_ms);
    std::this_thread::yield();
  }
  count_step(member, result->worked);
}

void ThreadRun::count_step(Member& member, bool worked) {
  const MutexLock lock(mutex_);
  ++member.idle_steps;
  if (worked) {
    for (const auto& each : members_)
      each->idle_steps = 0;
  }
  changed_.notify_all();
}

void ThreadRun::start(Member& member) {
  const MutexLock lock(member.mutex);
  log::LogOptions log_options;
  log_options.service = plan_.service();
  log_options.member = member.name;
  member.log = connect_(std::move(log_options));
  stream::InstanceOptions options;
  options.state_directory = "state";
  options.snapshot_interval_ms = 500;
  auto opened = stream::Instance::open(*member.log, torment_.apply(plan_), std::move(options),
                                       {clock_, member.files, member.random, {}});
  if (!opened) throw TestError(member.name + ": " + opened.error().to_string());
  member.instance = *std::move(opened);
}

void ThreadRun::kill(Member& member) {
  const MutexLock lock(member.mutex);
  if (broker_) broker_->kill_member(*member.log);
  member.instance.reset();
  member.log.reset();
  ++deaths_;
}

void ThreadRun::hand_over(Member& member) {
  const MutexLock lock(member.mutex);
  const Status closed = member.instance->close();
  if (!closed) throw TestError(member.name + " does not close: " + closed.error().to_string());
  member.instance.reset();
  member.log.reset();
  ++hand_overs_;
}

void ThreadRun::pass_ms(std::int64_t ms) {
  clock_.advance_ms(ms);
  for (const auto& member : members_) {
    const MutexLock lock(member->mutex);
    if (!member->instance) continue;
    // A member that was given up meanwhile learns it by its next step.
    static_cast<void>(member->log->maintain());
    member->instance->maintain();
  }
}

void ThreadRun::get_stuck() {
  if (--calls_to_stuck_ != 0) return;
  {
    const MutexLock lock(mutex_);
    stuck_ = static_cast<Member*>(member_of_thread);
    changed_.notify_all();
  }
  released_.wait(false);
  const MutexLock lock(mutex_);
  stuck_ = nullptr;
}

void ThreadRun::release() {
  released_ = true;
  released_.notify_all();
}

void ThreadRun::await_rest(bool or_stuck) {
  {
    const MutexLock lock(mutex_);
    for (const auto& member : members_)
      member->idle_steps = 0;
  }
  for (bool hopeless = false;;) {
    {
      MutexLock lock(mutex_);
      while (!failure_ && !rests(or_stuck))
        changed_.wait(lock);
      if (failure_) std::rethrow_exception(failure_);
      if (stuck_ != nullptr && or_stuck) return;
      hopeless = std::all_of(members_.begin(), members_.end(), [](const auto& member) {
        return member->idle_steps > quiet_steps_max;
      });
    }
    if (caught_up()) return;
    if (hopeless) throw TestError("the instances do not come to rest");
    std::this_thread::yield();
  }
}

bool ThreadRun::rests(bool or_stuck) const {
  const Member* const excused = or_stuck ? stuck_ : nullptr;
  return std::all_of(members_.begin(), members_.end(), [&](const auto& member) {
    return member.get() == excused || member->idle_steps > quiet_steps;
  });
}

bool ThreadRun::caught_up() const {
  std::size_t tasks = 0;
  for (const auto& member : members_) {
    const MutexLock lock(member->mutex);
    if (!member->instance) return false;
    const stream::InstanceStatus status = member->instance->status();
    if (!status.ready) return false;
    for (const auto& task : status.tasks) {
      if (task.lag != 0) return false;
    }
    tasks += status.tasks.size();
  }
  return tasks == tasks_;
}

void ThreadRun::report(TortureReport& report) const {
  report.deaths += deaths_;
  report.hand_overs += hand_overs_;
  report.stuck_calls += stuck_calls_;
}

}  // namespace millrace::testkit
