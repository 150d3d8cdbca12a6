// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "discovery_thread.hpp"

#include <algorithm>
#include <chrono>

namespace millrace::service {

namespace {
// The first pause after a failure; it doubles, so that a cluster is not asked all the time for what
// it does not permit.
constexpr std::chrono::seconds shortest_pause{1};
constexpr std::chrono::seconds longest_pause{10};
}  // namespace

DiscoveryThread::DiscoveryThread(Discovery& discovery, telemetry::Logger& logger)
    : discovery_(discovery), logger_(logger), thread_([this] { run(); }) {}

void DiscoveryThread::stop() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  discovery_.interrupt();
  thread_.join();
}

void DiscoveryThread::run() {
  std::chrono::seconds pause = shortest_pause;
  while (!is_stopping()) {
    const Status status = discovery_.step();
    report(status);
    if (status) {
      pause = shortest_pause;
      if (!is_stopping()) discovery_.wait();
      continue;
    }
    MutexLock lock(mutex_);
    if (!stopping_) changed_.wait_for(lock, pause);
    pause = std::min(2 * pause, longest_pause);
  }
  // Others pass over the record in a while, when it stays.
  static_cast<void>(discovery_.leave());
}

bool DiscoveryThread::is_stopping() {
  const MutexLock lock(mutex_);
  return stopping_;
}

void DiscoveryThread::report(const Status& status) {
  if (status || failing_) {
    failing_ = !status;
    return;
  }
  failing_ = true;
  logger_.warn("other instances are not found, and do not find this one",
               {{"code", status.error().code().name}, {"error", status.error().message()}});
}

}  // namespace millrace::service
