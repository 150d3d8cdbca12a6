// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "standard_settings.hpp"

#include <algorithm>
#include <charconv>

#include "millrace/service/durability.hpp"

namespace millrace::service {

std::vector<Setting> standard_settings() {
  return {
      {"log", "file:./data/log", "The log, as a URL: file:DIR or kafka://HOST:PORT,.../PREFIX"},
      {"durability", "sync", "When an answer may leave: sync, interval=MS or os"},
      {"address", "127.0.0.1", "IP address to serve HTTP on"},
      {"port", "0", "Port to serve HTTP on; 0 takes a free one"},
      {"max-in-flight", "1024", "Requests worked on at once; one more waits in line"},
      {"max-waiting", "1024", "Requests in that line; one more is answered 429"},
      {"state-dir", "",
       "Directory for snapshots of state; empty: none are kept and state is rebuilt from the log"},
      {"snapshot-interval-ms", "30000", "Time between snapshots of a task"},
      {"commit-interval-ms", "0", "Least time from one commit to the next; 0: after each turn"},
      {"run-dir", "", "Directory for <service>.json with pid and port; empty: none is written"},
      {"instance", "1", "Number of this instance among those of the service"},
      {"session-timeout-ms", "10000", "A member silent for so long loses its tasks"},
      {"log-level", "info", "Least level of log lines", {"debug", "info", "warn", "error", "off"}},
      {"log-file", "", "File for log lines (JSON); empty: standard error"},
      {"describe",
       "",
       "Print what the service reads, keeps and writes, and leave: text, dot or json",
       {"", "text", "dot", "json"}},
  };
}

std::string instance_name(const Settings& settings, const std::string& service) {
  const std::string& number = settings.get("instance");
  return number == "1" ? service : service + "-" + number;
}

Status read_durability(std::string_view text, log::LogOptions& options) {
  constexpr std::string_view interval = "interval=";
  if (text == "sync") {
    options.durability = log::DurabilityPolicy::sync;
  } else if (text == "os") {
    options.durability = log::DurabilityPolicy::os;
  } else if (text.starts_with(interval)) {
    const std::string_view number = text.substr(interval.size());
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), options.sync_interval_ms);
    if (error != std::errc() || end != number.data() + number.size() ||
        options.sync_interval_ms < 1) {
      return fail(millrace::errc::invalid_argument,
                  "--durability: '" + std::string(text) + "': interval= wants a number of ms");
    }
    options.durability = log::DurabilityPolicy::interval;
  } else {
    return fail(millrace::errc::invalid_argument,
                "--durability: '" + std::string(text) + "' is none of sync, interval=MS, os");
  }
  return {};
}

Result<log::LogOptions> log_options(const Settings& settings, const std::string& service) {
  log::LogOptions options;
  options.service = service;
  options.member = instance_name(settings, service);
  MILLRACE_ASSIGN(options.session_timeout_ms,
                  settings.integer("session-timeout-ms", 100, 3'600'000));
  MILLRACE_TRY(read_durability(settings.get("durability"), options));
  return options;
}

Result<stream::InstanceOptions> instance_options(const Settings& settings,
                                                 const std::string& service) {
  stream::InstanceOptions options;
  if (!settings.get("state-dir").empty())
    options.state_directory = settings.get("state-dir") + "/" + service;
  MILLRACE_ASSIGN(options.snapshot_interval_ms,
                  settings.integer("snapshot-interval-ms", 10, 86'400'000));
  MILLRACE_ASSIGN(options.commit_interval_ms, settings.integer("commit-interval-ms", 0, 60'000));
  return options;
}

Result<http::ServerOptions> server_options(const Settings& settings) {
  http::ServerOptions options;
  options.address = settings.get("address");
  MILLRACE_ASSIGN(const std::int64_t port, settings.integer("port", 0, 65'535));
  MILLRACE_ASSIGN(const std::int64_t in_flight, settings.integer("max-in-flight", 1, 1'000'000));
  options.port = static_cast<std::uint16_t>(port);
  MILLRACE_ASSIGN(const std::int64_t waiting, settings.integer("max-waiting", 0, 1'000'000));
  options.max_in_flight = static_cast<std::size_t>(in_flight);
  options.max_waiting = static_cast<std::size_t>(waiting);
  // Each of them holds a connection, and there must be some left for probes and for who is told no.
  options.max_connections =
      std::max(options.max_connections, 2 * (options.max_in_flight + options.max_waiting));
  return options;
}

}  // namespace millrace::service
