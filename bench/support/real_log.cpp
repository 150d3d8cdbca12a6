// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/real_log.hpp"

#include "millrace/base/processes.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "support/arguments.hpp"

namespace millrace::bench {

RealLog::RealLog(const std::string& directory, const std::string& service,
                 const std::string& durability, const std::string& settling)
    : random_(real_seed()),
      environment_{real_clock(), real_file_system(), random_, real_processes()} {
  log::LogOptions options;
  options.service = service;
  if (durability == "os") {
    options.durability = log::DurabilityPolicy::os;
  } else if (durability != "sync") {
    give_up("durability is os or sync, not " + durability);
  }
  log::register_embedded();
  log_ = must(log::open_log("file:" + directory + "?settle=" + settling, environment_, options));
  keeper_ = std::make_unique<Keeper>(*log_);
}

log::Topic RealLog::make_topic(const std::string& name, std::int32_t partitions) {
  return must(
      log_->create_topic({name, partitions, log::TopicKind::events, log_->options().service}));
}

}  // namespace millrace::bench
