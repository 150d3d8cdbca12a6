// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "run_directory.hpp"

#include <cerrno>
#include <csignal>
#include <limits>

#include "json.hpp"
#include "names.hpp"
#include "program.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::string_view extension = ".json";

bool is_alive(std::int64_t pid) {
  return pid > 0 && (::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
}

std::string service_of_instance(const std::string& name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string::npos || !parse_integer(std::string_view(name).substr(dash + 1))) {
    return name;
  }
  return name.substr(0, dash);
}

Result<RunningInstance> read_instance(FileSystem& files, const std::string& path,
                                      const std::string& name) {
  MILLRACE_ASSIGN(const std::string text, read_file(files, path));
  const auto pid = integer_in(text, "pid");
  const auto port = integer_in(text, "port");
  if (!pid || !port || *port < 1 || *port > std::numeric_limits<std::uint16_t>::max()) {
    return fail(errc::invalid_argument, path + ": pid and port are missing");
  }
  return RunningInstance{name, *pid, static_cast<std::uint16_t>(*port)};
}

}  // namespace

Result<std::vector<RunningInstance>> find_instances(FileSystem& files, const std::string& directory,
                                                    const std::string& service) {
  Result<std::vector<std::string>> listed = files.list(directory);
  if (!listed) {
    return fail(errc::not_found,
                "no run directory " + directory + ": start ./run, or name another with --run DIR");
  }
  std::vector<RunningInstance> instances;
  std::vector<std::string> services;
  std::string dead;
  for (const std::string& file : *listed) {
    if (!file.ends_with(extension)) continue;
    const std::string name = file.substr(0, file.size() - extension.size());
    services.push_back(service_of_instance(name));
    if (name != service && service_of_instance(name) != service) continue;
    MILLRACE_ASSIGN(RunningInstance one, read_instance(files, directory + "/" + file, name));
    if (is_alive(one.pid)) {
      instances.push_back(std::move(one));
    } else {
      dead = name + " (pid " + std::to_string(one.pid) + ")";
    }
  }
  if (!instances.empty()) return instances;
  if (!dead.empty()) return fail(errc::not_found, "service " + dead + " is not up: start ./run");
  if (services.empty()) {
    return fail(errc::not_found, "no service is up in " + directory + ": start ./run");
  }
  return fail(errc::not_found, unknown_name("running service", service, services));
}

std::string default_run_directory(const std::string& log_url) {
  const std::string directory = log_directory(log_url);
  return directory.empty() ? "data/run" : run_directory_of(directory);
}

std::string run_directory_of(const std::string& log_directory) {
  std::string directory = log_directory;
  while (directory.size() > 1 && directory.ends_with('/'))
    directory.pop_back();
  const std::size_t slash = directory.rfind('/');
  if (slash == std::string::npos) return "run";
  return directory.substr(0, slash) + "/run";
}

}  // namespace millrace::cli
