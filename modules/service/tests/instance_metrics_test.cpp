// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "instance_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <memory>
#include <string>

#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/stream/topology.hpp"

namespace millrace::service {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Lent {
  std::string reader;
};
BOOST_DESCRIBE_STRUCT(Lent, (), (reader))

TEST(InstanceMetrics, show_records_of_unknown_types_by_topic_and_type) {
  ManualClock clock;
  log::MemoryBroker broker{clock, true};
  const auto writer = broker.connect({.service = "writer", .member = ""});
  const auto topic = writer->create_topic({"books", 1, log::TopicKind::events, "writer"});
  ASSERT_TRUE(topic);
  const auto log = broker.connect({.service = "library", .member = "1"});
  stream::TopologyBuilder builder("library", 1);
  builder.stream<std::string, Lent>("books").to_table("last");
  SeededRandom random{7};
  const auto instance =
      stream::Instance::open(*log, *builder.build(), {}, {clock, real_file_system(), random, {}});
  ASSERT_TRUE(instance);
  telemetry::MetricRegistry metrics;
  const auto handles = add_instance_metrics(metrics, **instance, clock);
  constexpr const char* name = "millrace_stream_unknown_type_records_total";
  EXPECT_THAT(metrics.exposition(), Not(HasSubstr(name)));

  log::Transaction transaction;
  int id = 0;
  for (const char* type : {"Burnt", "a\"b\\c\x1b", "Burnt", "Lent"}) {
    log::HeadersBuilder headers;
    headers.add("ce_id", std::to_string(++id)).add("ce_source", "/w").add("ce_specversion", "1.0");
    headers.add("ce_type", type);
    transaction.append({topic->id, log::partition(0)},
                       {1, "book", R"({"reader":"anna"})", headers.view()});
  }
  ASSERT_TRUE(writer->commit(transaction));
  constexpr int steps_max = 100;
  for (int i = 0; i < steps_max && (*instance)->status().records < 4; ++i)
    ASSERT_TRUE((*instance)->step());
  const std::string text = metrics.exposition();
  EXPECT_THAT(text, HasSubstr(std::string("# TYPE ") + name + " counter\n"));
  EXPECT_THAT(text, HasSubstr(std::string(name) + R"({topic="books",type="Burnt"} 2)"));
  // Escaped for people, and then for Prometheus.
  EXPECT_THAT(text, HasSubstr(std::string(name) + R"({topic="books",type="a\"b\\\\c\\x1b"} 1)"));
  EXPECT_THAT(text, HasSubstr("\nmillrace_stream_skipped_total 3\n"));
}

}  // namespace
}  // namespace millrace::service
