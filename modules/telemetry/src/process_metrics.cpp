// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "millrace/telemetry/metrics.hpp"

namespace millrace::telemetry {
namespace {

double resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) {
    return 0;
  }
  unsigned long long total = 0;
  unsigned long long resident = 0;
  const int fields = std::fscanf(file, "%llu %llu", &total, &resident);
  std::fclose(file);
  return fields == 2 ? static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE))
                     : 0;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double open_files() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) {
    return 0;
  }
  // Less `.`, `..` and the directory's own descriptor.
  double entries = -3;
  while (::readdir(directory) != nullptr) {
    ++entries;
  }
  ::closedir(directory);
  return entries;
}

}  // namespace

std::vector<MetricCallback> add_process_metrics(MetricRegistry& metrics) {
  std::vector<MetricCallback> callbacks;
  callbacks.push_back(metrics.callback_gauge("millrace_process_resident_memory_bytes",
                                             "Memory of this process that is in RAM.", {},
                                             resident_bytes));
  callbacks.push_back(metrics.callback_counter("millrace_process_cpu_seconds_total",
                                               "User and system time of this process.", {},
                                               cpu_seconds));
  callbacks.push_back(metrics.callback_gauge(
      "millrace_process_open_files", "Open file descriptors of this process.", {}, open_files));
  return callbacks;
}

}  // namespace millrace::telemetry
