// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "log_guard.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "millrace/base/mutex.hpp"
#include "millrace/log/group.hpp"

namespace retail {

using millrace::fail;
using millrace::Result;
using millrace::Status;
namespace log = millrace::log;

namespace {

constexpr const char* guard_group = "retail-run";
constexpr const char* guard_unit = "run";
constexpr std::chrono::milliseconds keep_interval{250};
constexpr std::chrono::milliseconds look_interval{20};
constexpr std::int64_t ns_per_ms = 1'000'000;

std::unexpected<millrace::Error> taken(const std::string& holder) {
  return fail(millrace::errc::busy, "another ./run works on this log (" + holder +
                                        "): stop it first, or use another log");
}

// The member that has the claim, if it showed since `since_ns` that it is at work: the claim of one
// that died is free soon.
Result<std::optional<std::string>> working_holder(log::Log& log, const std::string& self,
                                                  std::int64_t since_ns, std::int64_t now_ns) {
  MILLRACE_ASSIGN(const auto groups, log.groups());
  for (const log::GroupInfo& group : groups) {
    if (group.name != guard_group || group.tasks.empty()) continue;
    const std::string& holder = group.tasks.front().member;
    for (const auto& member : group.members) {
      if (member.name == holder && holder != self &&
          (member.heartbeat_age_ms + 1) * ns_per_ms <= now_ns - since_ns)
        return holder;
    }
  }
  return std::nullopt;
}

}  // namespace

struct LogGuard::State {
  std::unique_ptr<log::Membership> membership;
  std::int64_t session_ns = 0;
  millrace::Clock* clock = nullptr;
  millrace::Mutex mutex;
  millrace::CondVar changed;
  bool stopping = false;
  std::atomic<bool> lost = false;
  std::thread thread;

  void keep();
};

// A cluster that was away may have ended the claim, which then comes back unless another run has
// it.
void LogGuard::State::keep() {
  millrace::MutexLock lock(mutex);
  constexpr std::int64_t never = -1;
  std::int64_t without_since_ns = never;
  while (!stopping) {
    changed.wait_for(lock, keep_interval);
    if (stopping) return;
    lock.unlock();
    const auto change = membership->poll();
    const std::int64_t now_ns = clock->monotonic_ns();
    if (change && !change->lost.empty()) without_since_ns = now_ns;
    if (change && !change->granted.empty()) without_since_ns = never;
    if (without_since_ns != never && now_ns - without_since_ns > session_ns) lost = true;
    lock.lock();
  }
}

Result<std::unique_ptr<LogGuard>> LogGuard::take(log::Log& log, millrace::Clock& clock) {
  auto state = std::make_unique<State>();
  state->session_ns = log.options().session_timeout_ms * ns_per_ms;
  state->clock = &clock;
  MILLRACE_ASSIGN(const log::GroupId group, log.group(guard_group));
  MILLRACE_ASSIGN(state->membership, log.join(group, {guard_unit}));
  const std::int64_t since_ns = clock.monotonic_ns();
  for (;;) {
    MILLRACE_ASSIGN(const log::MembershipChange change, state->membership->poll());
    if (!change.granted.empty()) break;
    MILLRACE_TRY(log.maintain());
    const std::int64_t now_ns = clock.monotonic_ns();
    MILLRACE_ASSIGN(const auto holder, working_holder(log, log.options().member, since_ns, now_ns));
    if (holder) return taken(*holder);
    if (now_ns - since_ns > 3 * state->session_ns) return taken("its claim does not end");
    std::this_thread::sleep_for(look_interval);
  }
  State& kept = *state;
  state->thread = std::thread([&kept] { kept.keep(); });
  return std::unique_ptr<LogGuard>(new LogGuard(std::move(state)));
}

LogGuard::LogGuard(std::unique_ptr<State> state) : state_(std::move(state)) {}

LogGuard::~LogGuard() {
  {
    const millrace::MutexLock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

Status LogGuard::check() const {
  if (!state_->lost) return {};
  return fail(millrace::errc::busy,
              "this run stood still for so long that another ./run took its log over");
}

std::string run_member_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return "run-" + std::to_string(::getpid()) + "@" + std::string(host.data()).substr(0, 64);
}

}  // namespace retail
