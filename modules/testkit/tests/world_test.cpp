// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/world.hpp"

#include <gtest/gtest.h>

#include <boost/describe/class.hpp>

#include "millrace/stream/topology.hpp"

namespace millrace::testkit {
namespace {

struct Ordered {
  std::string product;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(Ordered, (), (product, quantity))

struct Shipped {
  std::string product;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(Shipped, (), (product, quantity))

// Ships every order and counts quantities by product, which needs a repartition.
stream::Topology warehouse() {
  stream::TopologyBuilder builder("warehouse");
  const auto orders = builder.stream<std::string, Ordered>("orders");
  orders.map_values([](const Ordered& order) { return Shipped{order.product, order.quantity}; })
      .to("shipments");
  orders.group_by([](const Ordered& order) { return order.product; })
      .aggregate(
          std::int64_t{0},
          [](const std::string&, const Ordered& order, std::int64_t so_far) {
            return so_far + order.quantity;
          },
          "quantities");
  auto built = builder.build();
  if (!built) throw TestError(built.error().to_string());
  return *std::move(built);
}

// Counts the shipments of the other service by order.
stream::Topology billing() {
  stream::TopologyBuilder builder("billing");
  builder.stream<std::string, Shipped>("shipments").group_by_key().count("bills");
  auto built = builder.build();
  if (!built) throw TestError(built.error().to_string());
  return *std::move(built);
}

struct Outcome {
  std::string dump;
  std::uint64_t deaths = 0;
  std::int64_t quantity = 0;
  std::int64_t bills = 0;
};

template <class K>
std::int64_t sum(World& world, const std::string& service, const std::string& store) {
  std::int64_t total = 0;
  for (stream::Instance* instance : world.instances(service)) {
    const auto all = instance->view<K, std::int64_t>(store).value().all(10'000);
    if (!all) continue;  // this instance has no task of the store
    for (const auto& [key, value] : all->value)
      total += value;
  }
  return total;
}

constexpr int orders = 120;

Outcome live(std::uint64_t seed, WorldOptions options) {
  World world(seed, std::move(options));
  world.declare_topic("orders", "shop");
  world.add_service("warehouse", warehouse, 2);
  world.add_service("billing", billing, 2);
  for (int i = 0; i < orders; ++i) {
    world.write("orders", "order-" + std::to_string(i),
                Ordered{"product-" + std::to_string(i % 9), 1 + i % 3}, 1'000 + i);
    world.step_randomly(5);
  }
  world.run_to_rest();
  return {world.dump(), world.deaths(), sum<std::string>(world, "warehouse", "quantities"),
          sum<std::string>(world, "billing", "bills")};
}

WorldOptions rough() {
  WorldOptions options;
  options.deaths = 80;
  options.refused_commits = 30;
  options.clock_jumps = 20;
  options.instance.state_directory = "state";
  options.instance.snapshot_interval_ms = 500;
  return options;
}

TEST(World, whatever_dies_the_sums_are_right) {
  std::uint64_t deaths = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Outcome outcome = live(seed, rough());
    EXPECT_EQ(outcome.quantity, 2 * orders);
    EXPECT_EQ(outcome.bills, orders);
    deaths += outcome.deaths;
  }
  EXPECT_GT(deaths, 100U);
}

TEST(World, one_seed_gives_the_same_topics_byte_for_byte) {
  const Outcome first = live(5, rough());
  EXPECT_EQ(first.dump, live(5, rough()).dump);
  EXPECT_NE(first.dump.find("shipments"), std::string::npos);
}

// Each record takes longer than the session that an instance may be silent for.
TEST(World, slow_handlers_are_not_taken_for_dead) {
  World world(3);
  int calls = 0;
  world.declare_topic("orders", "shop");
  for (int i = 0; i < orders; ++i)
    world.write("orders", "order-" + std::to_string(i), Ordered{"lamp", 1}, 1'000 + i);
  const auto slow_warehouse = [&] {
    stream::TopologyBuilder builder("warehouse");
    builder.stream<std::string, Ordered>("orders")
        .map_values([&](const Ordered& order) {
          ++calls;
          world.pass_ms(12'000);
          return Shipped{order.product, order.quantity};
        })
        .to("shipments");
    auto built = builder.build();
    if (!built) throw TestError(built.error().to_string());
    return *std::move(built);
  };
  world.add_service("warehouse", slow_warehouse, 2);
  world.run_to_rest();
  EXPECT_EQ(calls, orders);
  EXPECT_EQ(world.reader().all("shipments").size(), static_cast<std::size_t>(orders));
}

TEST(World, a_killed_instance_is_replaced_by_the_other) {
  World world(1);
  world.declare_topic("orders", "shop");
  world.add_service("warehouse", warehouse, 2);
  world.run_to_rest();
  world.crash("warehouse");
  EXPECT_EQ(world.instances("warehouse").size(), 1U);
  world.write("orders", std::string("order-1"), Ordered{"lamp", 2}, 1'000);
  world.run_to_rest();
  EXPECT_EQ(sum<std::string>(world, "warehouse", "quantities"), 2);
}

TEST(World, writes_and_reads_topics_as_its_topologies_do) {
  World world(1);
  world.declare_topic("orders", "shop");
  world.add_service("warehouse", [] {
    const auto form = stream::serde(codec::json_serde(), codec::binary_serde());
    stream::TopologyBuilder builder("warehouse");
    builder.stream<std::string, Ordered>("orders", form)
        .to_table("last", stream::serde(codec::json_serde()));
    return *builder.build();
  });
  world.write("orders", std::string("order-1"), Ordered{"lamp", 2}, 1'000);
  world.run_to_rest();
  const std::string changelog = "warehouse.last.changelog";
  const auto last =
      world.reader().decode_all<std::string, Ordered>(changelog, world.reader().all(changelog));
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].key, "order-1");
  EXPECT_EQ(last[0].value.quantity, 2);
  EXPECT_EQ(last[0].raw.value, R"({"product":"lamp","quantity":2})");
}

TEST(World, a_failure_names_the_seed) {
  World world(77);
  try {
    world.crash("nobody");
    FAIL() << "there is no such service";
  } catch (const TestError& error) {
    EXPECT_NE(std::string(error.what()).find("seed 77"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace::testkit
