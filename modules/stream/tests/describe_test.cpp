// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <concepts>
#include <type_traits>
#include <utility>

#include "millrace/stream/manifest.hpp"
#include "millrace/stream/topology.hpp"
#include "shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::HasSubstr;
using testing::StartsWith;

Topology counting() {
  TopologyBuilder builder("shop");
  builder.stream<string, OrderEvent>("orders")
      .filter(is<Placed>)
      .group_by([](const OrderEvent& event) { return std::get<Placed>(event).country; })
      .count("by-country")
      .to_stream()
      .to("counts");
  auto plan = builder.build();
  if (!plan) throw std::runtime_error(plan.error().to_string());
  return *std::move(plan);
}

// Only a builder makes one, and nobody changes it.
static_assert(!std::default_initializable<Topology> && !std::constructible_from<Topology, Plan>);
static_assert(std::is_const_v<std::remove_reference_t<decltype(std::declval<Topology&>().plan())>>);
static_assert(
    std::is_const_v<std::remove_reference_t<decltype(std::declval<Topology&>().stores())>>);

TEST(Describe, tells_in_words_what_runs_where) {
  EXPECT_EQ(counting().describe(), R"(topology of shop
  sub-topology orders, as many tasks as its topics have partitions
    reads orders: string -> Placed | Cancelled
    writes shop.by-country.repartition: string -> Placed | Cancelled
    source orders -> filter-1
    filter-1 -> select_key-1
    select_key-1 -> shop.by-country.repartition
    repartition shop.by-country.repartition
  sub-topology by-country, 4 tasks
    reads shop.by-country.repartition: string -> Placed | Cancelled
    writes counts: string -> int64
    keeps by-country in shop.by-country.changelog: string -> int64
    source shop.by-country.repartition -> count by-country
    count by-country [by-country] -> to_stream-1
    to_stream-1 -> counts
    to counts
  topics
    shop.by-country.repartition: private, 4 partitions
    counts: events, 4 partitions
    shop.by-country.changelog: private, 4 partitions, compacted
    shop.dead-letters: events, 4 partitions
    shop.retry: commands, 4 partitions
)");
}

TEST(Describe, shows_what_was_called_otherwise_and_versions) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").to_table("last");
  builder.was("last", "latest").was("last", "newest").version("last", 3);
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_THAT(plan->describe(),
              HasSubstr("keeps last in shop.last.changelog: string -> Placed, was "
                        "latest and newest, version 3\n"));
  EXPECT_THAT(
      plan->describe("json"),
      HasSubstr(R"("changelog":"shop.last.changelog","was":["latest","newest"],"version":3})"));
}

TEST(Describe, shows_where_unknown_types_are_errors) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders", OnUnknownType::error).to_table("last");
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_THAT(plan->describe(),
              HasSubstr("reads orders: string -> Placed, other types are errors\n"));
  EXPECT_THAT(plan->describe("json"), HasSubstr(R"("unknown_types_are_errors":true)"));
}

TEST(Describe, draws_parts_topics_and_stores) {
  const string drawing = counting().describe("dot");
  EXPECT_THAT(drawing, StartsWith("digraph \"shop\" {"));
  EXPECT_THAT(drawing, HasSubstr("subgraph \"cluster_by-country\""));
  EXPECT_THAT(drawing, HasSubstr("  \"orders\" -> n0;\n"));
  EXPECT_THAT(
      drawing,
      HasSubstr("  n3 -> \"shop.by-country.repartition\";\n  n7 -> \"counts\";\n  n0 -> n1;\n"));
  EXPECT_THAT(drawing, HasSubstr("s0 [shape=cylinder, label=\"by-country\"]"));
  EXPECT_THAT(drawing, HasSubstr("n0 [label=\"source\\norders\"]"));
}

TEST(Describe, gives_tools_the_same_as_json) {
  const string json = counting().describe("json");
  EXPECT_THAT(
      json,
      StartsWith(
          R"({"service":"shop","sub_topologies":[{"name":"orders","partitions":0,"sources":[{"topic":"orders",)"));
  EXPECT_THAT(
      json,
      HasSubstr(
          R"({"name":"count by-country","kind":"count","parents":["shop.by-country.repartition"],"stores":["by-country"]})"));
  EXPECT_THAT(
      json,
      HasSubstr(
          R"({"name":"shop.by-country.changelog","kind":"private","partitions":4,"compacted":true})"));
  const auto described = read_description(json);
  ASSERT_TRUE(described) << described.error().to_string();
  EXPECT_EQ(described->service, "shop");
  EXPECT_EQ(described->manifest.parts.size(), 2U);
}

TEST(Describe, tells_what_is_no_description) {
  for (const char* text : {"", "{", "[]", R"({"service":"shop"})"}) {
    const auto described = read_description(text);
    ASSERT_FALSE(described) << text;
    EXPECT_THAT(described.error().message(), HasSubstr("--describe json"));
  }
}

}  // namespace
}  // namespace millrace::stream::test
