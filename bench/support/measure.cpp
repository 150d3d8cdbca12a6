// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/measure.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace millrace::bench {
namespace {

std::int64_t read_clock(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void print_field(const char* name, double value, bool last = false) {
  if (value < 0) {
    std::printf("\"%s\": null%s", name, last ? "" : ", ");
  } else {
    std::printf("\"%s\": %.9g%s", name, value, last ? "" : ", ");
  }
}

}  // namespace

std::int64_t now_ns() { return read_clock(CLOCK_MONOTONIC); }
std::int64_t cpu_ns() { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

void sleep_until_ns(std::int64_t moment_ns) {
  const timespec until{moment_ns / 1'000'000'000, moment_ns % 1'000'000'000};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

double peak_rss_mb() {
  // ru_maxrss would count what this process was before it became this program.
  std::FILE* status = std::fopen("/proc/self/status", "re");
  if (status == nullptr) return -1;
  char line[256];
  long kilobytes = -1;
  while (std::fgets(line, sizeof line, status) != nullptr) {
    if (std::sscanf(line, "VmHWM: %ld kB", &kilobytes) == 1) break;
  }
  std::fclose(status);
  return kilobytes < 0 ? -1 : static_cast<double>(kilobytes) * 1024 / 1e6;
}

double Latencies::percentile_us(double share) {
  std::sort(values_ns_.begin(), values_ns_.end());
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(values_ns_.size()));
  return static_cast<double>(values_ns_[std::min(rank, values_ns_.size() - 1)]) / 1000.0;
}

void report(const Sample& sample) {
  std::printf("{");
  print_field("records", sample.records);
  print_field("seconds", sample.seconds);
  print_field("cpu_seconds", sample.cpu_seconds);
  print_field("peak_rss_mb", sample.peak_rss_mb);
  print_field("p50_us", sample.p50_us);
  print_field("p99_us", sample.p99_us, true);
  std::printf("}\n");
}

}  // namespace millrace::bench
