// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/keeper.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "support/arguments.hpp"

namespace millrace::bench {
namespace {

constexpr std::chrono::milliseconds keep_interval{100};

void keep(const std::stop_token& stop, log::Log& log) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    must(log.maintain());
    stopped.wait_for(lock, stop, keep_interval, [] { return false; });
  }
}

}  // namespace

Keeper::Keeper(log::Log& log) : thread_([&log](const std::stop_token& stop) { keep(stop, log); }) {}

}  // namespace millrace::bench
