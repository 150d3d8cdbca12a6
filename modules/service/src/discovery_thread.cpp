// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "discovery_thread.hpp"

#include <chrono>

namespace millrace::service {

namespace {
constexpr std::chrono::seconds refused_pause{1};
}

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
  while (!is_stopping()) {
    const Status status = discovery_.step();
    report(status);
    if (status) {
      if (!is_stopping()) discovery_.wait();
      continue;
    }
    MutexLock lock(mutex_);
    if (!stopping_) changed_.wait_for(lock, refused_pause);
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
