// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/topology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;

class Ignore final : public Processor<string, Placed> {
 public:
  void process(const string&, const Placed&, ProcessorContext&) override {}
};
// Whatever it is given.
const auto ignore = [](const auto&...) { return std::make_unique<Ignore>(); };
const auto country = [](const Placed& order) { return order.country; };

std::vector<string> names_of(const Topology& plan) {
  std::vector<string> names;
  for (const SubTopology& part : plan.sub_topologies())
    names.push_back(part.name);
  return names;
}

std::vector<string> topics_of(const Topology& plan) {
  std::vector<string> topics;
  for (const log::TopicSpec& topic : plan.own_topics())
    topics.push_back(topic.name);
  return topics;
}

string problem_of(TopologyBuilder& builder) {
  const auto plan = builder.build();
  if (plan) return "none";
  EXPECT_EQ(plan.error().code(), errc::bad_topology);
  return plan.error().message();
}

TEST(Topology, is_cut_where_a_private_topic_lies_between) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders")
      .group_by(country)
      .count("by-country")
      .to_stream()
      .to("counts");
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_THAT(names_of(*plan), ElementsAre("orders", "by-country"));
  EXPECT_THAT(topics_of(*plan),
              ElementsAre("shop.by-country.repartition", "counts", "shop.by-country.changelog",
                          "shop.dead-letters", "shop.retry"));
  EXPECT_EQ(plan->sub_topologies()[0].partitions, 0);
  EXPECT_EQ(plan->sub_topologies()[1].partitions, 4);
}

TEST(Topology, says_once_for_a_topic_whether_unknown_types_are_errors) {
  TopologyBuilder builder("shop");
  const auto orders = builder.stream<string, Placed>("orders", OnUnknownType::error);
  EXPECT_EQ((builder.stream<string, Placed>("orders", OnUnknownType::error).node()), orders.node());
  orders.to_table("last");
  ASSERT_TRUE(builder.build());
  std::ignore = builder.stream<string, Placed>("orders");
  EXPECT_THAT(problem_of(builder),
              HasSubstr("topic 'orders' is read with OnUnknownType::error and without"));
}

TEST(Topology, its_topics_have_the_kinds_that_the_log_guards) {
  TopologyBuilder builder("shop", 7);
  const auto orders = builder.stream<string, Placed>("orders");
  orders.to("public");
  orders.to_private("own");
  orders.to_table("latest");
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  using log::TopicKind;
  EXPECT_THAT(
      plan->own_topics(),
      ElementsAre(log::TopicSpec{"public", 7, TopicKind::events, "shop"},
                  log::TopicSpec{"shop.own", 7, TopicKind::private_topic, "shop"},
                  log::TopicSpec{"shop.latest.changelog", 7, TopicKind::private_topic, "shop"},
                  log::TopicSpec{"shop.dead-letters", 7, TopicKind::events, "shop"},
                  log::TopicSpec{"shop.retry", 7, TopicKind::commands, "shop"}));
}

TEST(Topology, a_private_topic_is_not_called_as_one_of_the_library) {
  for (const char* name : {"orders.changelog", "manifest", "orders.repartition"}) {
    TopologyBuilder builder("shop");
    builder.stream<string, Placed>("orders").to_private(name);
    const auto plan = builder.build();
    ASSERT_FALSE(plan) << name;
    EXPECT_THAT(plan.error().message(), testing::HasSubstr(name));
    EXPECT_THAT(plan.error().message(), testing::HasSubstr("choose another one"));
  }
}

TEST(Topology, what_a_repartition_writes_is_read_there_alone) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").repartition("by-key").to_private("own");
  builder.private_stream<string, Placed>("by-key.repartition").to_private("other");
  const auto plan = builder.build();
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message(),
              testing::HasSubstr("private_stream(\"by-key.repartition\"): what repartition() "
                                 "writes is read there alone"));
}

TEST(Topology, a_table_read_from_a_topic_has_it_for_its_changelog) {
  TopologyBuilder builder("shop");
  builder.table<string, Placed>("orders", "latest");
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_EQ(plan->stores()[0].changelog, "orders");
  EXPECT_TRUE(plan->stores()[0].source_is_changelog);
  EXPECT_TRUE(plan->sources()[0].is_table);
  EXPECT_EQ(plan->sources()[0].table, plan->stores()[0].id);
  EXPECT_THAT(topics_of(*plan), ElementsAre("shop.dead-letters", "shop.retry"));
}

TEST(Topology, processors_that_share_a_store_run_in_one_task) {
  TopologyBuilder builder("shop");
  const auto shared = builder.store<string, Placed>("shared");
  builder.stream<string, Placed>("web").process("one", ignore, shared);
  builder.stream<string, Placed>("phone").process("other", ignore, shared);
  builder.stream<string, Placed>("letters").process("apart", ignore);
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_THAT(names_of(*plan), ElementsAre("one", "apart"));
  EXPECT_EQ(plan->sub_topologies()[0].sources.size(), 2U);
}

TEST(Topology, a_join_ties_the_stream_to_the_tables_task) {
  TopologyBuilder builder("shop");
  const auto table = builder.table<string, Paid>("payments", "paid");
  builder.stream<string, Placed>("orders")
      .join(table, [](const Placed& o, const Paid& p) { return o.total - p.amount; })
      .to("due");
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_THAT(names_of(*plan), ElementsAre("paid"));
}

TEST(Topology, asking_for_a_topic_twice_gives_the_same_stream) {
  TopologyBuilder builder("shop");
  EXPECT_EQ((builder.stream<string, Placed>("orders").node()),
            (builder.stream<string, Placed>("orders").node()));
}

TEST(Topology, types_are_the_same_wherever_they_were_described) {
  // As another shared library would have them.
  const codec::TypeInfo key = codec::type_info<string>();
  const codec::TypeInfo value = codec::type_info<Placed>();
  const RecordType theirs = public_record(key, value);
  const RecordType theirs_private = private_record(key, value);
  detail::Graph graph("shop", 4);
  const auto ours = detail::public_type<string, Placed>();
  const NodeId orders = graph.source("orders", ours, OnUnknownType::skip);
  EXPECT_EQ(graph.source("orders", theirs, OnUnknownType::skip), orders);
  graph.to(orders, "out", ours, {});
  graph.to(orders, "out", theirs, {});
  graph.to_private(orders, "own", detail::private_type<string, Placed>(), {});
  graph.to_private(orders, "own", theirs_private, {});
  graph.to(graph.private_source("own", theirs_private), "seen", ours, {});
  const auto plan = graph.build();
  EXPECT_TRUE(plan) << plan.error().to_string();
}

TEST(Topology, parents_come_before_children_though_emitters_are_declared_first) {
  TopologyBuilder builder("shop");
  const auto out = builder.emitter<string, Placed>("out");
  builder.stream(out).to("result");
  builder.stream<string, Placed>("orders").process("p", ignore, out);
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  std::vector<string> names;
  for (const NodeId id : plan->sub_topologies().at(0).nodes)
    names.push_back(plan->nodes()[static_cast<std::size_t>(id)].name);
  EXPECT_THAT(names, ElementsAre("orders", "p", "out", "result"));
}

TEST(Topology, a_processor_with_stores_behind_a_changed_key_is_repartitioned_under_its_name) {
  TopologyBuilder builder("shop");
  const auto store = builder.store<string, Placed>("store");
  const auto keyed = builder.stream<string, Placed>("orders").select_key(country);
  keyed.process("with", ignore, store);
  keyed.process("without", ignore);
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_THAT(names_of(*plan), ElementsAre("without", "with"));
  EXPECT_THAT(topics_of(*plan), IsSupersetOf({"shop.with.repartition"}));
}

TEST(Topology, what_a_processor_emits_is_repartitioned_before_it_is_aggregated) {
  TopologyBuilder builder("shop");
  const auto out = builder.emitter<string, Placed>("out");
  builder.stream<string, Placed>("orders").process("p", ignore, out);
  builder.stream(out).group_by_key().count("counts");
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  EXPECT_THAT(topics_of(*plan), IsSupersetOf({"shop.counts.repartition"}));
}

TEST(Topology, names_of_parts_do_not_change_when_unrelated_operators_are_added) {
  const auto build = [](bool more) {
    TopologyBuilder builder("shop");
    if (more)
      builder.stream<string, Paid>("payments")
          .filter([](const Paid& p) { return p.amount > 0; })
          .to("paid");
    auto orders = builder.stream<string, Placed>("orders");
    if (more) orders = orders.filter([](const Placed& o) { return o.total > 0; });
    orders.group_by(country).count("by-country");
    orders.process("p", ignore);
    return names_of(*builder.build());
  };
  EXPECT_THAT(build(false), ElementsAre("p", "by-country"));
  EXPECT_THAT(build(true), IsSupersetOf(build(false)));
}

TEST(BadTopology, tells_of_a_topic_read_with_other_types) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").to("a");
  builder.stream<string, OrderEvent>("orders").to("b");
  EXPECT_THAT(problem_of(builder),
              HasSubstr("(string -> Placed) and (string -> Placed | Cancelled)"));
}

TEST(BadTopology, tells_of_a_topic_read_as_stream_and_table) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").to("a");
  builder.table<string, Placed>("orders", "store");
  EXPECT_THAT(problem_of(builder), HasSubstr("use table.to_stream()"));
}

TEST(BadTopology, tells_of_names_that_are_taken) {
  TopologyBuilder builder("shop");
  const auto orders = builder.stream<string, Placed>("orders");
  orders.to_table("t");
  orders.group_by_key().count("t");
  orders.process("p", ignore);
  orders.process("p", ignore);
  const string problem = problem_of(builder);
  EXPECT_THAT(problem, HasSubstr("store 't' is there twice"));
  EXPECT_THAT(problem, HasSubstr("processor 'p' is there twice"));
}

TEST(BadTopology, tells_of_names_that_no_topic_can_have) {
  TopologyBuilder builder("my shop");
  builder.stream<string, Placed>("orders").to_table("a/b");
  const string problem = problem_of(builder);
  EXPECT_THAT(problem, HasSubstr("the service's name 'my shop' becomes part of topics' names"));
  EXPECT_THAT(problem, HasSubstr("store 'a/b'"));
}

TEST(BadTopology, tells_of_stores_and_emitters_that_nobody_uses) {
  TopologyBuilder builder("shop");
  static_cast<void>(builder.store<string, Placed>("idle"));
  static_cast<void>(builder.emitter<string, Placed>("mute"));
  builder.stream<string, Placed>("orders").process("p", ignore);
  const string problem = problem_of(builder);
  EXPECT_THAT(problem,
              HasSubstr("store 'idle' is used by nothing: pass it to the process() that does"));
  EXPECT_THAT(
      problem,
      HasSubstr("nothing emits through emitter 'mute': pass it to the process() that does"));
}

TEST(BadTopology, tells_of_private_topics_that_do_not_match) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").to_private("own");
  builder.private_stream<string, Paid>("own").to("a");
  builder.private_stream<string, Paid>("unwritten").to("b");
  const string problem = problem_of(builder);
  EXPECT_THAT(
      problem,
      HasSubstr("'shop.own' is written as (string -> Placed) and read as (string -> Paid)"));
  EXPECT_THAT(problem, HasSubstr("'shop.unwritten' is read and never written"));
}

TEST(BadTopology, tells_of_two_ways_to_write_a_topic) {
  TopologyBuilder builder("shop");
  const auto orders = builder.stream<string, Placed>("orders");
  orders.to("out");
  orders.map([](const string&, const Placed& order) { return std::pair(order.total, order); })
      .to("out");
  EXPECT_THAT(problem_of(builder),
              HasSubstr("topic 'out' is written twice, with keys of type string and int64"));
}

TEST(BadTopology, tells_of_a_topic_that_has_two_uses) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").to("shop.dead-letters");
  EXPECT_THAT(
      problem_of(builder),
      HasSubstr(
          "topic 'shop.dead-letters' would be both a topic it writes and where dead letters go"));
}

TEST(BadTopology, tells_of_a_service_that_reads_what_the_runtime_writes_and_reads_for_it) {
  for (const char* topic : {"shop.dead-letters", "shop.retry"}) {
    TopologyBuilder builder("shop");
    builder.stream<string, Placed>(topic).process("p", ignore);
    EXPECT_THAT(problem_of(builder), HasSubstr("topic '" + string(topic) + "' is read"));
  }
}

TEST(BadTopology, tells_of_a_processor_that_feeds_itself) {
  TopologyBuilder builder("shop");
  const auto again = builder.emitter<string, Placed>("again");
  builder.stream<string, Placed>("orders").merge(builder.stream(again)).process("p", ignore, again);
  EXPECT_THAT(problem_of(builder), HasSubstr("what processor 'p' emits comes back to it"));
}

TEST(BadTopology, tells_of_merged_streams_that_would_have_to_be_repartitioned) {
  TopologyBuilder builder("shop");
  builder
      .merge(builder.stream<string, Placed>("orders").select_key(country),
             builder.stream<string, Paid>("payments"))
      .group_by_key()
      .count("counts");
  EXPECT_THAT(problem_of(builder), HasSubstr("repartition(\"name\") each stream before merging"));
}

TEST(BadTopology, tells_of_a_topology_that_reads_nothing) {
  TopologyBuilder builder("shop", 0);
  const string problem = problem_of(builder);
  EXPECT_THAT(problem, HasSubstr("at least 1 partition"));
  EXPECT_THAT(problem, HasSubstr("reads no topic"));
}

}  // namespace
}  // namespace millrace::stream::test
