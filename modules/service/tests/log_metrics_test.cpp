// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_metrics.hpp"

#include <gmock/gmock.h>

#include "millrace/base/fault_file_system.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_embedded/shared_region.hpp"

namespace millrace::service {
namespace {

using testing::HasSubstr;

class LogMetrics : public testing::Test {
 protected:
  std::unique_ptr<log::Log> open() {
    log::LogOptions options;
    options.service = "stock";
    log::EmbeddedOptions embedded;
    embedded.regions = &regions_;
    auto log = log::open_embedded("/log", environment_, options, embedded);
    EXPECT_TRUE(log) << log.error().to_string();
    return log ? *std::move(log) : nullptr;
  }

  FaultFileSystem files_;
  ManualClock clock_;
  SeededRandom random_{1};
  SimulatedProcesses processes_;
  SimulatedRegions regions_{clock_};
  log::LogEnvironment environment_{clock_, files_, random_, processes_};
};

TEST_F(LogMetrics, every_count_of_the_log_is_a_metric) {
  auto log = open();
  ASSERT_NE(log, nullptr);
  const auto topic = log->create_topic({"t", 1, log::TopicKind::events, "stock"});
  ASSERT_TRUE(topic) << topic.error().to_string();
  {
    telemetry::MetricRegistry metrics;
    const auto handles = add_log_metrics(metrics, *log);
    ASSERT_EQ(handles.size(), log->counts().size());
    for (const log::LogCount& count : log->counts()) {
      const bool is_gauge = count.kind == log::LogCount::Kind::gauge;
      const std::string name =
          "millrace_log_" + std::string(count.name) + (is_gauge ? "" : "_total");
      EXPECT_THAT(metrics.exposition(),
                  HasSubstr("# HELP " + name + " " + std::string(count.help)));
      EXPECT_THAT(metrics.exposition(),
                  HasSubstr("# TYPE " + name + (is_gauge ? " gauge\n" : " counter\n")));
      EXPECT_THAT(metrics.exposition(),
                  HasSubstr("\n" + name + " " + std::to_string(count.value) + "\n"));
    }
  }
  EXPECT_GT(log->committed().position, 0U);
  {
    telemetry::MetricRegistry metrics;
    const auto handles = add_log_metrics(metrics, *log);
    EXPECT_THAT(metrics.exposition(), HasSubstr("\nmillrace_log_unsettled_bytes " +
                                                std::to_string(log->committed().position) + "\n"));
  }
  // What a power cut in the middle of a write leaves behind the last commit.
  const std::uint64_t end = log->committed().position;
  log.reset();
  ASSERT_TRUE(files_.flip_bit("/log/journal/00000000000000000000.journal", end, 1));
  log = open();
  ASSERT_NE(log, nullptr);
  telemetry::MetricRegistry metrics;
  const auto handles = add_log_metrics(metrics, *log);
  EXPECT_THAT(metrics.exposition(), HasSubstr("\nmillrace_log_repaired_tails_total 1\n"));
}

}  // namespace
}  // namespace millrace::service
