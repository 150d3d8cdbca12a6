// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/real_log.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "millrace/base/shared_region.hpp"
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

RealLog::RealLog(const std::string& directory, const std::string& service,
                 const std::string& durability)
    : random_(real_seed()),
      environment_{real_clock(), real_file_system(), random_, real_shared_regions()} {
  log::LogOptions options;
  options.service = service;
  if (durability == "os") {
    options.durability = log::DurabilityPolicy::os;
  } else if (durability != "sync") {
    give_up("durability is os or sync, not " + durability);
  }
  log_ = must(log::open_log("file:" + directory, environment_, options));
  keeper_ = std::jthread([this](const std::stop_token& stop) { keep(stop, *log_); });
}

log::Topic RealLog::make_topic(const std::string& name, std::int32_t partitions) {
  return must(log_->create_topic({name, partitions, log::TopicKind::events, log_->options().service,
                                  log::CleanupPolicy::keep}));
}

}  // namespace millrace::bench
