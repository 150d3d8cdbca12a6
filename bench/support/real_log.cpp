// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/real_log.hpp"

#include "millrace/base/shared_region.hpp"
#include "support/arguments.hpp"
#include "support/measure.hpp"

namespace millrace::bench {

namespace {
constexpr std::int64_t keep_interval_ns = 100'000'000;
}

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
}

log::Topic RealLog::make_topic(const std::string& name, std::int32_t partitions) {
  return must(log_->create_topic({name, partitions, log::TopicKind::events, log_->options().service,
                                  log::CleanupPolicy::keep}));
}

void RealLog::keep() {
  const std::int64_t now = now_ns();
  if (now - kept_ns_ < keep_interval_ns) return;
  kept_ns_ = now;
  must(log_->maintain());
}

}  // namespace millrace::bench
