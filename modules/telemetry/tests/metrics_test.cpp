// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace millrace::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, a_family_is_exposed_with_help_type_and_labels) {
  MetricRegistry metrics;
  metrics.counter("millrace_log_refused_total", "Commits refused.", {{"reason", "fenced"}}).add(3);
  EXPECT_THAT(metrics.exposition(), HasSubstr("# HELP millrace_log_refused_total Commits refused.\n"
                                              "# TYPE millrace_log_refused_total counter\n"
                                              "millrace_log_refused_total{reason=\"fenced\"} 3\n"));
}

TEST(Metrics, the_same_name_and_labels_give_the_same_series_in_any_order) {
  MetricRegistry metrics;
  Counter& one = metrics.counter("millrace_a_total", "A.", {{"x", "1"}, {"y", "2"}});
  Counter& same = metrics.counter("millrace_a_total", "A.", {{"y", "2"}, {"x", "1"}});
  Counter& other = metrics.counter("millrace_a_total", "A.", {{"x", "1"}, {"y", "3"}});
  EXPECT_EQ(&one, &same);
  EXPECT_NE(&one, &other);
}

TEST(Metrics, a_gauge_goes_up_and_down) {
  MetricRegistry metrics;
  Gauge& gauge = metrics.gauge("millrace_queue_records", "Queued.");
  gauge.set(5);
  gauge.add(-2.5);
  EXPECT_THAT(metrics.exposition(), HasSubstr("\nmillrace_queue_records 2.5\n"));
}

TEST(Metrics, a_histogram_counts_cumulatively_with_inclusive_bounds) {
  MetricRegistry metrics;
  const double bounds[] = {0.1, 1};
  Histogram& histogram = metrics.histogram("millrace_step_seconds", "Steps.", bounds);
  for (const double value : {0.05, 0.1, 0.5, 7.0}) {
    histogram.observe(value);
  }
  const std::string text = metrics.exposition();
  EXPECT_THAT(text, HasSubstr("millrace_step_seconds_bucket{le=\"0.1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("millrace_step_seconds_bucket{le=\"1\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("millrace_step_seconds_bucket{le=\"+Inf\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("millrace_step_seconds_count 4\n"));
  EXPECT_EQ(histogram.count(), 4U);
}

TEST(Metrics, a_callback_is_asked_at_each_scrape_until_its_handle_goes) {
  MetricRegistry metrics;
  double lag = 1;
  {
    const auto handle = metrics.callback_gauge("millrace_lag_records", "Lag.",
                                               {{"topic", "orders"}}, [&] { return lag; });
    EXPECT_THAT(metrics.exposition(), HasSubstr("millrace_lag_records{topic=\"orders\"} 1\n"));
    lag = 2;
    EXPECT_THAT(metrics.exposition(), HasSubstr("millrace_lag_records{topic=\"orders\"} 2\n"));
  }
  EXPECT_THAT(metrics.exposition(), Not(HasSubstr("millrace_lag_records")));
}

TEST(Metrics, a_callback_made_again_outlives_the_handle_of_the_first) {
  MetricRegistry metrics;
  auto first = metrics.callback_gauge("millrace_lag_records", "Lag.", {}, [] { return 1.0; });
  const auto second =
      metrics.callback_gauge("millrace_lag_records", "Lag.", {}, [] { return 2.0; });
  {
    const MetricCallback gone = std::move(first);
  }
  EXPECT_THAT(metrics.exposition(), HasSubstr("millrace_lag_records 2\n"));
}

TEST(Metrics, a_family_that_is_computed_has_the_series_of_the_moment_until_its_handle_goes) {
  MetricRegistry metrics;
  std::vector<Sample> samples;
  {
    const auto handle =
        metrics.callback_counters("millrace_refused_total", "Refused.", [&] { return samples; });
    EXPECT_EQ(metrics.exposition(), "");
    samples = {{{{"reason", "fenced"}}, 2}, {{{"reason", "a\"b"}}, 3}};
    EXPECT_EQ(metrics.exposition(),
              "# HELP millrace_refused_total Refused.\n"
              "# TYPE millrace_refused_total counter\n"
              "millrace_refused_total{reason=\"fenced\"} 2\n"
              "millrace_refused_total{reason=\"a\\\"b\"} 3\n");
  }
  EXPECT_EQ(metrics.exposition(), "");
}

TEST(Metrics, a_family_that_is_computed_again_outlives_the_handle_of_the_first) {
  MetricRegistry metrics;
  const auto of = [](double value) { return [value] { return std::vector<Sample>{{{}, value}}; }; };
  auto first = metrics.callback_counters("millrace_refused_total", "Refused.", of(1));
  const auto second = metrics.callback_counters("millrace_refused_total", "Refused.", of(2));
  {
    const MetricCallback gone = std::move(first);
  }
  EXPECT_THAT(metrics.exposition(), HasSubstr("millrace_refused_total 2\n"));
}

TEST(Metrics, label_values_and_help_are_escaped) {
  MetricRegistry metrics;
  metrics.gauge("millrace_x", "X.", {{"path", "a\"b\\c\nd"}}).set(1);
  EXPECT_THAT(metrics.exposition(), HasSubstr(R"(millrace_x{path="a\"b\\c\nd"} 1)"));
}

TEST(Metrics, no_increment_is_lost_among_threads) {
  MetricRegistry metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Counter& counter = metrics.counter("millrace_a_total", "A.");
      Histogram& histogram = metrics.histogram("millrace_a_seconds", "A.", latency_buckets());
      for (int i = 0; i < 1000; ++i) {
        counter.add();
        histogram.observe(0.5);
      }
      EXPECT_FALSE(metrics.exposition().empty());
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(metrics.counter("millrace_a_total", "A.").value(), 4000U);
  EXPECT_DOUBLE_EQ(metrics.histogram("millrace_a_seconds", "A.", latency_buckets()).sum(), 2000.0);
}

TEST(Metrics, process_metrics_say_something_plausible) {
  MetricRegistry metrics;
  const auto handles = add_process_metrics(metrics);
  const std::string text = metrics.exposition();
  EXPECT_THAT(text, HasSubstr("millrace_process_cpu_seconds_total"));
  EXPECT_THAT(text, Not(HasSubstr("millrace_process_resident_memory_bytes 0\n")));
  EXPECT_THAT(text, Not(HasSubstr("millrace_process_open_files 0\n")));
}

TEST(MetricsDeathTest, names_that_break_the_rules_are_refused) {
  MetricRegistry metrics;
  EXPECT_DEATH(metrics.counter("other_a_total", "A."), "prefix");
  EXPECT_DEATH(metrics.counter("millrace_a", "A."), "_total");
  EXPECT_DEATH(metrics.gauge("millrace_a_total", "A."), "_total");
  EXPECT_DEATH(metrics.gauge("millrace_A", "A."), "snake");
  metrics.gauge("millrace_a_seconds", "A.");
  EXPECT_DEATH(metrics.histogram("millrace_a_seconds", "A.", latency_buckets()), "one kind");
  const auto computed =
      metrics.callback_counters("millrace_c_total", "C.", [] { return std::vector<Sample>(); });
  EXPECT_DEATH(metrics.counter("millrace_c_total", "C."), "computed whole");
}

}  // namespace
}  // namespace millrace::telemetry
