// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::bench {

/// CLOCK_MONOTONIC, the same for all processes of the machine.
[[nodiscard]] std::int64_t now_ns();
/// CPU time of the calling process, all threads.
[[nodiscard]] std::int64_t cpu_ns();
/// Sleeps until that moment of now_ns().
void sleep_until_ns(std::int64_t moment_ns);
/// The most memory that the calling process has had resident, in MB (of 1,000,000 bytes).
[[nodiscard]] double peak_rss_mb();

/// Latencies of one thread, in nanoseconds.
class Latencies {
 public:
  explicit Latencies(std::size_t expected) { values_ns_.reserve(expected); }
  void add(std::int64_t ns) { values_ns_.push_back(ns); }
  [[nodiscard]] std::size_t size() const { return values_ns_.size(); }
  /// In microseconds; `share` of 0.5 is the median. Sorts. There must be one at least.
  [[nodiscard]] double percentile_us(double share);

 private:
  std::vector<std::int64_t> values_ns_;
};

/// What one measurement found; figures below zero were not measured.
struct Sample {
  double records = -1;
  double seconds = -1;
  double cpu_seconds = -1;
  double peak_rss_mb = -1;
  double p50_us = -1;
  double p99_us = -1;
};

/// Prints the sample as one line of JSON to standard output, for bench/run.
void report(const Sample& sample);

}  // namespace millrace::bench
