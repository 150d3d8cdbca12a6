// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/topology_driver.hpp"

#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <variant>

#include "millrace/stream/topology.hpp"

namespace millrace::testkit {
namespace {

struct Said {
  std::string words;
};
BOOST_DESCRIBE_STRUCT(Said, (), (words))

struct Count {
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Count, (), (count))

stream::Topology speakers() {
  stream::TopologyBuilder builder("speakers");
  builder.stream<std::string, Said>("talk")
      .group_by_key()
      .count("counts")
      .to_stream()
      .map_values([](std::int64_t count) { return Count{count}; })
      .to("speakers.counts");
  auto built = builder.build();
  if (!built) throw TestError(built.error().to_string());
  return *std::move(built);
}

TEST(TopologyDriver, writes_and_reads_topics_as_the_topology_does) {
  stream::TopologyBuilder builder("speakers");
  const auto form = stream::serde(codec::json_serde(), codec::binary_serde());
  builder.stream<std::string, Said>("talk", form).to("speakers.said", form);
  TopologyDriver driver(*builder.build());
  driver.declare_topic("talk", "stage");
  driver.pipe("talk", std::string("anna"), Said{"hello"}, 1'000);
  driver.run_until_idle();
  const auto said = driver.read<std::string, Said>("speakers.said");
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].key, "anna");
  EXPECT_EQ(said[0].raw.key, "\"anna\"");
  EXPECT_EQ(said[0].value.words, "hello");
  EXPECT_EQ(said[0].raw.header("content-type"), "application/octet-stream");
}

TEST(TopologyDriver, reads_the_changelog_of_a_store_with_the_serde_of_the_store) {
  stream::TopologyBuilder builder("speakers");
  builder.stream<std::string, Said>("talk").to_table("last", stream::serde(codec::json_serde()));
  TopologyDriver driver(*builder.build());
  const auto talk = driver.input<std::string, Said>("talk", "stage");
  talk.pipe("anna", Said{"hello"}, 1'000);
  driver.run_until_idle();
  const auto last = driver.read<std::string, Said>("speakers.last.changelog");
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].key, "anna");
  EXPECT_EQ(last[0].raw.value, R"({"words":"hello"})");
  EXPECT_EQ(last[0].value.words, "hello");
}

TEST(TopologyDriver, pipes_in_reads_out_and_looks_into_stores) {
  TopologyDriver driver(speakers());
  driver.declare_topic("talk", "stage");
  driver.pipe("talk", std::string("anna"), Said{"hello"}, 1'000);
  driver.run_until_idle();
  const auto counts = driver.read<std::string, Count>("speakers.counts");
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].key, "anna");
  EXPECT_EQ(counts[0].value.count, 1);
  EXPECT_EQ(counts[0].type, "Count");
  EXPECT_EQ((driver.store<std::string, std::int64_t>("counts").get("anna")), 1);
  EXPECT_EQ((driver.store<std::string, std::int64_t>("counts").get("berta")), std::nullopt);
  EXPECT_TRUE((driver.read<std::string, Count>("speakers.counts")).empty());
  EXPECT_EQ(driver.all_raw("speakers.counts").size(), 1U);
}

struct Left {};
BOOST_DESCRIBE_STRUCT(Left, (), ())

TEST(TopologyDriver, an_input_has_its_topic_and_its_types) {
  TopologyDriver driver(speakers());
  const auto talk = driver.input<std::string, std::variant<Said, Left>>("talk", "stage");
  talk.pipe("anna", Said{"hello"}, 1'000);
  talk.pipe("anna", Left{}, 1'001);
  EXPECT_EQ(talk.pipe("anna", Said{"again"}, 1'002, "process-1"), "talk-2");
  driver.run_until_idle();
  EXPECT_EQ((driver.store<std::string, std::int64_t>("counts").get("anna")), 2);
  EXPECT_EQ(driver.instance().status().skipped, 1U) << "the source does not read the other event";
}

TEST(TopologyDriver, a_crash_leaves_what_was_committed) {
  TopologyDriver driver(speakers());
  driver.declare_topic("talk", "stage");
  driver.pipe("talk", std::string("anna"), Said{"hello"}, 1'000);
  driver.run_until_idle();
  driver.crash_and_restart();
  driver.pipe("talk", std::string("anna"), Said{"again"}, 2'000);
  driver.run_until_idle();
  EXPECT_EQ((driver.store<std::string, std::int64_t>("counts").get("anna")), 2);
  driver.restart();
  driver.run_until_idle();
  EXPECT_EQ((driver.store<std::string, std::int64_t>("counts").get("anna")), 2);
}

TEST(TopicReader, has_no_records_of_a_missing_topic_and_throws_when_the_log_does_not_say) {
  ManualClock clock;
  log::MemoryBroker broker(clock, true);
  const auto log = broker.connect({});
  TopicReader reader(*log);
  EXPECT_TRUE(reader.all("talk").empty());
  broker.kill_member(*log);
  EXPECT_THROW(static_cast<void>(reader.all("talk")), TestError);
}

TEST(TopologyDriver, an_unknown_topic_is_an_error_that_says_what_to_do) {
  TopologyDriver driver(speakers());
  try {
    driver.pipe("tlak", std::string("anna"), Said{"hello"}, 1'000);
    FAIL() << "the topic does not exist";
  } catch (const TestError& error) {
    EXPECT_NE(std::string(error.what()).find("declare_topic"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace::testkit
