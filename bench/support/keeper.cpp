// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/keeper.hpp"

#include <chrono>
#include <functional>
#include <stop_token>

#include "millrace/base/mutex.hpp"
#include "support/arguments.hpp"

namespace millrace::bench {
namespace {

constexpr std::chrono::milliseconds keep_interval{100};

using Work = Status (log::Log::*)();

void keep(const std::stop_token& stop, log::Log& log, Work work) {
  Mutex mutex;
  CondVar stopped;
  const std::stop_callback wake(stop, [&] {
    const MutexLock lock(mutex);
    stopped.notify_all();
  });
  MutexLock lock(mutex);
  while (!stop.stop_requested()) {
    must(std::invoke(work, log));
    stopped.wait_for(lock, keep_interval);
  }
}

}  // namespace

Keeper::Keeper(log::Log& log)
    : house_([&log](const std::stop_token& stop) { keep(stop, log, &log::Log::maintain); }),
      storage_(
          [&log](const std::stop_token& stop) { keep(stop, log, &log::Log::maintain_storage); }) {}

}  // namespace millrace::bench
