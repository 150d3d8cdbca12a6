// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/signals.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>

#include "millrace/base/assert.hpp"

namespace millrace::service {

namespace {

sigset_t wanted_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  return wanted;
}

StopReason reason_of(const signalfd_siginfo& info) {
  return info.ssi_signo == SIGTERM ? StopReason::sigterm : StopReason::sigint;
}

}  // namespace

std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::sigint:
      return "SIGINT";
    case StopReason::sigterm:
      return "SIGTERM";
    case StopReason::log_failed:
      return "the log failed";
    case StopReason::topology_stopped:
      return "the topology stopped";
  }
  return "unknown";
}

Signals::Signals() : signals_(-1), stop_event_(::eventfd(0, EFD_CLOEXEC)) {
  const sigset_t wanted = wanted_signals();
  hold();
  signals_ = ::signalfd(-1, &wanted, SFD_CLOEXEC);
  // A peer that hangs up is an error of that write, not the end of the service.
  ::signal(SIGPIPE, SIG_IGN);
  MILLRACE_ASSERT(signals_ >= 0 && stop_event_ >= 0,
                  "the system has no descriptor left for signals");
}

Signals::~Signals() {
  ::close(signals_);
  ::close(stop_event_);
}

void Signals::release() {
  const sigset_t wanted = wanted_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &wanted, nullptr);
}

void Signals::hold() {
  const sigset_t wanted = wanted_signals();
  ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
}

std::optional<StopReason> Signals::poll() {
  pollfd watched{signals_, POLLIN, 0};
  signalfd_siginfo info{};
  if (::poll(&watched, 1, 0) != 1 || ::read(signals_, &info, sizeof info) != sizeof info)
    return std::nullopt;
  return reason_of(info);
}

StopReason Signals::wait() {
  std::array<pollfd, 2> watched{{{signals_, POLLIN, 0}, {stop_event_, POLLIN, 0}}};
  while (::poll(watched.data(), watched.size(), -1) <= 0) {
  }
  if ((watched[1].revents & POLLIN) != 0) return reason_.load();
  signalfd_siginfo info{};
  if (::read(signals_, &info, sizeof info) != sizeof info) return StopReason::sigterm;
  return reason_of(info);
}

void Signals::stop(StopReason reason) {
  reason_.store(reason);
  MILLRACE_ASSERT(::eventfd_write(stop_event_, 1) == 0, "writing to an eventfd of ours");
}

}  // namespace millrace::service
