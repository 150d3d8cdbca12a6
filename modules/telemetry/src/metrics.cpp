// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <map>

#include "millrace/base/assert.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

bool is_snake_case(std::string_view name) {
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

struct Callback {
  std::uint64_t serial;
  std::function<double()> value;
};

// One series: exactly one of the pointers, or the callback, is set.
struct Series {
  std::unique_ptr<Counter> counter;
  std::unique_ptr<Gauge> gauge;
  std::unique_ptr<Histogram> histogram;
  Callback callback{};
};

struct FamilyCallback {
  std::uint64_t serial;
  std::function<std::vector<Sample>()> values;
};

// Series, or the callback that returns all of them.
struct Family {
  MetricType type;
  std::string help;
  std::map<Labels, Series> series;
  FamilyCallback callback{};
};

void collect_histogram(const Histogram& histogram, ClientMetric::Histogram& out) {
  std::uint64_t cumulative = 0;
  const auto& bounds = histogram.upper_bounds();
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    cumulative += histogram.bucket(i);
    const double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    out.bucket.push_back({cumulative, bound});
  }
  out.sample_count = cumulative;
  out.sample_sum = histogram.sum();
}

void check_label_names(const Labels& labels) {
  for (const auto& [label, value] : labels) {
    MILLRACE_ASSERT(is_snake_case(label) && label != "le",
                    "a label's name is in snake case and not `le`");
  }
}

ClientMetric labelled(const Labels& labels) {
  ClientMetric metric;
  for (const auto& [name, value] : labels) {
    metric.label.push_back({name, value});
  }
  return metric;
}

void set_value(MetricType type, double value, ClientMetric& out) {
  if (type == MetricType::Counter) {
    out.counter.value = value;
  } else {
    out.gauge.value = value;
  }
}

ClientMetric collect_series(const Labels& labels, const Series& series, MetricType type) {
  ClientMetric metric = labelled(labels);
  if (series.histogram) {
    collect_histogram(*series.histogram, metric.histogram);
    return metric;
  }
  double value = 0;
  if (series.counter) {
    value = static_cast<double>(series.counter->value());
  } else if (series.gauge) {
    value = series.gauge->value();
  } else if (series.callback.value) {
    value = series.callback.value();
  }
  set_value(type, value, metric);
  return metric;
}

void collect_family(const Family& family, prometheus::MetricFamily& out) {
  for (const auto& [labels, series] : family.series) {
    out.metric.push_back(collect_series(labels, series, family.type));
  }
  if (!family.callback.values) {
    return;
  }
  for (const Sample& sample : family.callback.values()) {
    check_label_names(sample.labels);
    ClientMetric metric = labelled(sample.labels);
    set_value(family.type, sample.value, metric);
    out.metric.push_back(std::move(metric));
  }
}

}  // namespace

Histogram::Histogram(std::span<const double> upper_bounds)
    : upper_bounds_(upper_bounds.begin(), upper_bounds.end()),
      buckets_(std::make_unique<std::atomic<std::uint64_t>[]>(upper_bounds.size() + 1)) {
  MILLRACE_ASSERT(std::adjacent_find(upper_bounds.begin(), upper_bounds.end(),
                                     std::greater_equal<>()) == upper_bounds.end(),
                  "the bounds of a histogram ascend");
}

void Histogram::observe(double value) {
  // A bound is inclusive (`le`).
  const auto bound = std::lower_bound(upper_bounds_.begin(), upper_bounds_.end(), value);
  buckets_[static_cast<std::size_t>(bound - upper_bounds_.begin())].fetch_add(
      1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= upper_bounds_.size(); ++i) {
    total += bucket(i);
  }
  return total;
}

std::span<const double> latency_buckets() {
  static constexpr double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                      0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                      1,      2.5,     5,      10,    30,     60};
  return bounds;
}

struct MetricRegistry::Impl {
  std::string prefix;
  mutable Mutex mutex;
  std::map<std::string, Family, std::less<>> families MILLRACE_GUARDED_BY(mutex);
  std::uint64_t next_serial MILLRACE_GUARDED_BY(mutex) = 1;

  Family& family(std::string_view name, std::string_view help, MetricType type)
      MILLRACE_REQUIRES(mutex) {
    MILLRACE_ASSERT(is_snake_case(name) && name.starts_with(prefix),
                    "a metric's name is in snake case, prefix first");
    MILLRACE_ASSERT(name.ends_with("_total") == (type == MetricType::Counter),
                    "counters, and they only, end in _total");
    auto found = families.find(name);
    if (found == families.end()) {
      found = families.emplace(std::string(name), Family{type, std::string(help), {}}).first;
    }
    MILLRACE_ASSERT(found->second.type == type, "a metric's name stands for one kind");
    return found->second;
  }

  Series& series(std::string_view name, std::string_view help, MetricType type, Labels labels)
      MILLRACE_REQUIRES(mutex) {
    check_label_names(labels);
    // The same labels in another order are the same series.
    std::sort(labels.begin(), labels.end());
    Family& found = family(name, help, type);
    MILLRACE_ASSERT(!found.callback.values, "a family is either of series or computed whole");
    return found.series[std::move(labels)];
  }

  void drop_callback(const std::string& name, const Labels& labels, std::uint64_t serial) {
    const MutexLock lock(mutex);
    auto& all = families.find(name)->second.series;
    const auto found = all.find(labels);
    if (found != all.end() && found->second.callback.serial == serial) {
      all.erase(found);
    }
  }

  std::function<void()> add_callback(std::string_view name, std::string_view help, MetricType type,
                                     Labels labels, std::function<double()> value) {
    std::sort(labels.begin(), labels.end());
    const MutexLock lock(mutex);
    Series& made = series(name, help, type, labels);
    MILLRACE_ASSERT(!made.counter && !made.gauge, "a series is either kept or computed");
    const std::uint64_t serial = next_serial++;
    made.callback = {serial, std::move(value)};
    return [this, name = std::string(name), labels = std::move(labels), serial] {
      drop_callback(name, labels, serial);
    };
  }

  std::function<void()> add_callbacks(std::string_view name, std::string_view help, MetricType type,
                                      std::function<std::vector<Sample>()> values) {
    const MutexLock lock(mutex);
    Family& made = family(name, help, type);
    MILLRACE_ASSERT(made.series.empty(), "a family is either of series or computed whole");
    const std::uint64_t serial = next_serial++;
    made.callback = {serial, std::move(values)};
    return [this, &made, serial] {
      const MutexLock removing(mutex);
      if (made.callback.serial == serial) made.callback = {};
    };
  }
};

MetricRegistry::MetricRegistry(std::string prefix) : impl_(std::make_unique<Impl>()) {
  impl_->prefix = std::move(prefix);
}
MetricRegistry::~MetricRegistry() = default;

Counter& MetricRegistry::counter(std::string_view name, std::string_view help, Labels labels) {
  const MutexLock lock(impl_->mutex);
  Series& series = impl_->series(name, help, MetricType::Counter, std::move(labels));
  MILLRACE_ASSERT(!series.callback.value, "a series is either kept or computed");
  if (!series.counter) {
    series.counter = std::make_unique<Counter>();
  }
  return *series.counter;
}

Gauge& MetricRegistry::gauge(std::string_view name, std::string_view help, Labels labels) {
  const MutexLock lock(impl_->mutex);
  Series& series = impl_->series(name, help, MetricType::Gauge, std::move(labels));
  MILLRACE_ASSERT(!series.callback.value, "a series is either kept or computed");
  if (!series.gauge) {
    series.gauge = std::make_unique<Gauge>();
  }
  return *series.gauge;
}

Histogram& MetricRegistry::histogram(std::string_view name, std::string_view help,
                                     std::span<const double> upper_bounds, Labels labels) {
  const MutexLock lock(impl_->mutex);
  Series& series = impl_->series(name, help, MetricType::Histogram, std::move(labels));
  if (!series.histogram) {
    series.histogram = std::make_unique<Histogram>(upper_bounds);
  }
  return *series.histogram;
}

MetricCallback MetricRegistry::callback_gauge(std::string_view name, std::string_view help,
                                              Labels labels, std::function<double()> value) {
  return MetricCallback(
      impl_->add_callback(name, help, MetricType::Gauge, std::move(labels), std::move(value)));
}

MetricCallback MetricRegistry::callback_counter(std::string_view name, std::string_view help,
                                                Labels labels, std::function<double()> value) {
  return MetricCallback(
      impl_->add_callback(name, help, MetricType::Counter, std::move(labels), std::move(value)));
}

MetricCallback MetricRegistry::callback_counters(std::string_view name, std::string_view help,
                                                 std::function<std::vector<Sample>()> values) {
  return MetricCallback(impl_->add_callbacks(name, help, MetricType::Counter, std::move(values)));
}

std::string MetricRegistry::exposition() const {
  std::vector<prometheus::MetricFamily> collected;
  {
    const MutexLock lock(impl_->mutex);
    for (const auto& [name, family] : impl_->families) {
      prometheus::MetricFamily out{name, family.help, family.type, {}};
      collect_family(family, out);
      if (!out.metric.empty()) {
        collected.push_back(std::move(out));
      }
    }
  }
  return prometheus::TextSerializer().Serialize(collected);
}

}  // namespace millrace::telemetry
