// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::telemetry {

/// Names and values of the labels of one series, fixed when it is created. Values must come from a
/// small, bounded set; never use ids.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// The value of one series at the time of the call.
struct Sample {
  Labels labels;
  double value = 0;
};

/// A count that only increases. Lock-free; lives as long as its registry.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A value that goes up and down. Lock-free; lives as long as its registry.
class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double delta) { value_.fetch_add(delta, std::memory_order_relaxed); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Counts of observations below fixed bounds, and their sum. Lock-free; lives as long as its
/// registry. A scrape may miss observations that other threads make at the same time.
class Histogram {
 public:
  explicit Histogram(std::span<const double> upper_bounds);
  void observe(double value);
  [[nodiscard]] const std::vector<double>& upper_bounds() const { return upper_bounds_; }
  /// The number of observations in bucket `i`, not cumulative; `i == upper_bounds().size()` is the
  /// bucket without an upper bound.
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const {
    return buckets_[i].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> upper_bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;
  std::atomic<double> sum_{0};
};

/// Bounds for latencies, in seconds: from 100 us to 60 s, three per decade.
[[nodiscard]] std::span<const double> latency_buckets();

/// Owns a callback series. The destructor removes the series from the registry and waits for a
/// scrape that is calling it. Must not outlive the registry. Move-only; not thread-safe.
class MetricCallback {
 public:
  MetricCallback() = default;
  MetricCallback(MetricCallback&& other) noexcept
      : release_(std::exchange(other.release_, nullptr)) {}
  MetricCallback& operator=(MetricCallback&& other) noexcept {
    std::swap(release_, other.release_);
    return *this;
  }
  ~MetricCallback() {
    if (release_) {
      release_();
    }
  }

 private:
  friend class MetricRegistry;
  explicit MetricCallback(std::function<void()> release) : release_(std::move(release)) {}
  std::function<void()> release_;
};

/// The metrics of one process. Thread-safe. Creating a series takes a lock, using it does not, so
/// keep the reference.
///
/// Rules for names (asserted): they begin with `prefix` and are in lower-case snake case with base
/// units (`_seconds`, `_bytes`). Names of counters, and only these, end in `_total`. The same name
/// and labels return the same object. All series of a name have the same kind and help.
///
///     auto& refused = metrics.counter("millrace_log_refused_total", "Commits refused.",
///     {{"reason", "fenced"}}); refused.add();
class MetricRegistry {
 public:
  /// With an empty prefix any name is allowed.
  explicit MetricRegistry(std::string prefix = "millrace_");
  ~MetricRegistry();
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
  /// `upper_bounds` must ascend. The first call for a series decides them.
  Histogram& histogram(std::string_view name, std::string_view help,
                       std::span<const double> upper_bounds, Labels labels = {});

  /// A gauge whose value is computed at each scrape, in the thread of the scrape and under the lock
  /// of the registry. So `value` must be thread-safe and quick and must not call the registry. A
  /// second callback for the same series replaces the first.
  [[nodiscard]] MetricCallback callback_gauge(std::string_view name, std::string_view help,
                                              Labels labels, std::function<double()> value);
  /// The same for a count that is kept elsewhere and only increases.
  [[nodiscard]] MetricCallback callback_counter(std::string_view name, std::string_view help,
                                                Labels labels, std::function<double()> value);

  /// A family of counters whose series are added over time, such as one for each reason that
  /// occurred. `values` is called as above and returns each series once. It must return every
  /// series that it returned before, and their number must be bounded. No other series may have
  /// this name. A second callback for the same name replaces the first.
  [[nodiscard]] MetricCallback callback_counters(std::string_view name, std::string_view help,
                                                 std::function<std::vector<Sample>()> values);

  /// All series as Prometheus text, format 0.0.4, families in order of name.
  [[nodiscard]] std::string exposition() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The content type of MetricRegistry::exposition().
inline constexpr std::string_view exposition_content_type =
    "text/plain; version=0.0.4; charset=utf-8";

/// Adds `millrace_process_resident_memory_bytes`, `_process_cpu_seconds_total` and
/// `_process_open_files` of this process. Keep the returned handles as long as the registry is
/// used.
[[nodiscard]] std::vector<MetricCallback> add_process_metrics(MetricRegistry& metrics);

}  // namespace millrace::telemetry
