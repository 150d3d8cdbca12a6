// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log/settling_log.hpp"

#include "support/arguments.hpp"

namespace millrace::bench {

std::unique_ptr<log::Log> SettlingLog::open(const std::string& directory) {
  log::LogOptions options;
  options.service = "bench";
  options.durability = log::DurabilityPolicy::os;
  log::register_embedded();
  return must(log::open_log("file:" + directory + "?settle=on", environment, options));
}

std::uint64_t count_of(const log::Log& log, std::string_view name) {
  for (const log::LogCount& count : log.counts()) {
    if (count.name == name) {
      return count.value;
    }
  }
  give_up("the log does not count " + std::string(name));
}

void await_settled(const log::Log& log) {
  std::uint64_t before = 0;
  do {
    before = count_of(log, "settled_bytes");
    sleep_until_ns(now_ns() + 3'000'000'000);
  } while (count_of(log, "settled_bytes") != before);
}

}  // namespace millrace::bench
