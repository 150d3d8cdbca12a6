// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "standard_settings.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "millrace/base/interval.hpp"
#include "millrace/service/log_settings.hpp"

namespace millrace::service {

namespace {
// Two bodies of the largest size, and more than a machine has.
constexpr std::int64_t body_memory_bytes_min = std::int64_t{2} << 20;
constexpr std::int64_t body_memory_bytes_max = std::int64_t{1} << 40;

Status check_ip_address(const Settings& settings, std::string_view name) {
  const std::string& address = settings.get(name);
  unsigned char parsed[sizeof(in6_addr)];
  if (::inet_pton(AF_INET, address.c_str(), parsed) == 1 ||
      ::inet_pton(AF_INET6, address.c_str(), parsed) == 1) {
    return {};
  }
  return fail(millrace::errc::invalid_argument,
              "{}: '{}' is no IP address: take one such as 127.0.0.1, 0.0.0.0 or ::1",
              settings.named(name), address);
}
}  // namespace

std::vector<Setting> standard_settings() {
  return {
      {"log", "file:./data/log", "The log, as a URL: file:DIR or kafka://HOST:PORT,.../PREFIX"},
      {"log-identity", "",
       "Refuse any other log than the one of this identity, and none is created; empty: any log"},
      {"durability", "sync", "When an answer may leave: sync, interval=MS or os"},
      {"address", "127.0.0.1", "IP address to serve HTTP on"},
      {"advertise-address", "",
       "IP address at which other instances reach this one; empty: that of --address"},
      number_setting("port", "0", "Port to serve HTTP on; 0 takes a free one", 0, 65'535),
      number_setting("max-in-flight", "1024", "Requests worked on at once; one more waits in line",
                     1, 1'000'000),
      number_setting("max-waiting", "1024", "Requests in that line; one more is answered 429", 0,
                     1'000'000),
      number_setting("max-body-memory-bytes", "67108864",
                     "Memory for the bodies of all requests; one that takes more is answered 503",
                     body_memory_bytes_min, body_memory_bytes_max),
      path_setting("state-dir", "",
                   "Directory for snapshots of state; without one none are kept and state is "
                   "rebuilt from the log"),
      number_setting("snapshot-interval-ms", "30000", "Time between snapshots of a task", 10,
                     86'400'000),
      number_setting("commit-interval-ms", "0",
                     "Least time from one commit to the next; 0: after each turn", 0, 60'000),
      number_setting("max-task-idle-ms", "0",
                     "How long records wait for an input that is empty, so that times are in order",
                     0, 86'400'000),
      number_setting("max-catch-up-wait-ms", "0",
                     "How long a record waits for an input that is far behind; 0: until it has "
                     "caught up",
                     0, 86'400'000),
      number_setting("keep-for-shadow-ms", "0",
                     "How long after its append a record of a repartition stays though it was "
                     "read, and a dead letter that was sent back; 0: as their topics are set",
                     0, longest_interval_ms),
      path_setting("run-dir", "",
                   "Directory for <service>.json with pid and port; without one none is written"),
      number_setting("instance", "1", "Number of this instance among those of the service", 1,
                     9'999),
      number_setting("session-timeout-ms", "10000", "A member silent for so long loses its tasks",
                     100, 3'600'000),
      {"log-level", "info", "Least level of log lines", {"debug", "info", "warn", "error", "off"}},
      path_setting("log-file", "", "File for log lines (JSON); without one: standard error"),
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

Result<log::LogOptions> log_options(const Settings& settings, const std::string& service) {
  log::LogOptions options;
  options.service = service;
  options.member = instance_name(settings, service);
  options.create = settings.get("log-identity").empty();
  MILLRACE_ASSIGN(options.session_timeout_ms,
                  settings.integer("session-timeout-ms", 100, 3'600'000));
  if (const Status read = read_durability(settings.get("durability"), options); !read) {
    return fail(read.error().at(settings.named("durability")));
  }
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
  MILLRACE_ASSIGN(options.max_task_idle_ms, settings.integer("max-task-idle-ms", 0, 86'400'000));
  MILLRACE_ASSIGN(options.max_catch_up_wait_ms,
                  settings.integer("max-catch-up-wait-ms", 0, 86'400'000));
  MILLRACE_ASSIGN(options.keep_for_shadow_ms,
                  settings.integer("keep-for-shadow-ms", 0, longest_interval_ms));
  return options;
}

Status check_directories(const Settings& settings, FileSystem& files) {
  for (const char* name : {"state-dir", "run-dir"}) {
    const std::string& path = settings.get(name);
    if (path.empty()) {
      continue;
    }
    if (const Status made = files.create_directories(path); !made) {
      return fail(millrace::errc::invalid_argument, "{}: {}", settings.named(name),
                  made.error().message());
    }
  }
  return {};
}

Result<http::ServerOptions> server_options(const Settings& settings) {
  http::ServerOptions options;
  options.address = settings.get("address");
  MILLRACE_TRY(check_ip_address(settings, "address"));
  MILLRACE_ASSIGN(const std::int64_t port, settings.integer("port", 0, 65'535));
  MILLRACE_ASSIGN(const std::int64_t in_flight, settings.integer("max-in-flight", 1, 1'000'000));
  options.port = static_cast<std::uint16_t>(port);
  MILLRACE_ASSIGN(const std::int64_t waiting, settings.integer("max-waiting", 0, 1'000'000));
  options.max_in_flight = static_cast<std::size_t>(in_flight);
  options.max_waiting = static_cast<std::size_t>(waiting);
  MILLRACE_ASSIGN(
      const std::int64_t body_memory,
      settings.integer("max-body-memory-bytes", body_memory_bytes_min, body_memory_bytes_max));
  options.max_body_memory_bytes = static_cast<std::size_t>(body_memory);
  // Each of them holds a connection, and there must be some left for probes and for requests that
  // are refused.
  options.max_connections =
      std::max(options.max_connections, 2 * (options.max_in_flight + options.max_waiting));
  return options;
}

Result<std::string> advertised_address(const Settings& settings) {
  const std::string& named = settings.get("advertise-address");
  if (!named.empty()) {
    MILLRACE_TRY(check_ip_address(settings, "advertise-address"));
    return named;
  }
  const std::string& listens = settings.get("address");
  return listens == "0.0.0.0" || listens == "::" ? std::string() : listens;
}

std::string instance_on_host(const ProcessName& process, std::uint16_t port) {
  return process.host.substr(0, process.host.find('/')) + ":" + std::to_string(port);
}

std::string http_url(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

}  // namespace millrace::service
