// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wallets.hpp"

#include <gtest/gtest.h>

#include "millrace/testkit/topology_driver.hpp"
#include "millrace/testkit/torture.hpp"
#include "millrace/testkit/world.hpp"

namespace wallets {
namespace {

using millrace::stream::RequestAsked;
using millrace::testkit::TopologyDriver;
using millrace::testkit::torture;
using millrace::testkit::TortureInputs;
using millrace::testkit::World;
using millrace::testkit::WorldOptions;

/// As the HTTP side writes it.
RequestAsked asked(const std::string& wallet, std::int64_t pence) {
  return {"MoveMoney", "\"" + wallet + "\"", "{\"pence\":" + std::to_string(pence) + "}"};
}

// [driver]
TEST(Wallets, a_move_below_zero_is_refused) {
  TopologyDriver driver(topology().value());
  const auto commands = driver.input<std::string, MoveMoney>(commands_topic);
  commands.pipe("anna", {500}, 1'000);
  commands.pipe("anna", {-501}, 2'000);
  driver.run_until_idle();

  const auto moves = driver.read<std::string, MoveDecided>("wallets.moves");
  ASSERT_EQ(moves.size(), 2U);
  EXPECT_TRUE(moves[0].value.accepted);
  EXPECT_FALSE(moves[1].value.accepted);
  EXPECT_EQ(moves[1].value.balance, 500);
  EXPECT_EQ((driver.store<std::string, std::int64_t>("balances").get("anna")), 500);
}

TEST(Wallets, a_request_that_comes_again_after_a_crash_takes_effect_once) {
  TopologyDriver driver(topology().value());
  const auto requests = driver.input<std::string, RequestAsked>("wallets.requests");
  requests.pipe("m1", asked("anna", 500), 1'000);
  driver.run_until_idle();
  driver.crash_and_restart();
  requests.pipe("m1", asked("anna", 500), 1'000);
  driver.run_until_idle();
  EXPECT_EQ((driver.store<std::string, std::int64_t>("balances").get("anna")), 500);
}
// [driver]

// [world]
TEST(Wallets, whatever_dies_no_penny_is_lost) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    WorldOptions rough;
    rough.deaths = 50;           // permille of steps
    rough.refused_commits = 20;  // fenced, disk full, of unknown outcome
    World world(seed, rough);
    SCOPED_TRACE(world.name());
    world.add_service("wallets", [] { return topology().value(); }, 2);
    for (int i = 0; i < 50; ++i) {
      // Each is asked twice: a client that saw nothing of the first one asks again.
      for (int again = 0; again < 2; ++again) {
        world.write("wallets.requests", "m" + std::to_string(i),
                    asked("wallet-" + std::to_string(i % 5), 10), 1'000 + i);
      }
      world.step_randomly(5);
    }
    world.run_to_rest();
    std::int64_t total = 0;
    for (millrace::stream::Instance* instance : world.instances("wallets")) {
      const auto balances = instance->view<std::string, std::int64_t>("balances").value().all(100);
      if (!balances) continue;  // this instance has none of the tasks
      for (const auto& [wallet, pence] : balances->value)
        total += pence;
    }
    EXPECT_EQ(total, 500);
  }
}
// [world]

TEST(Wallets, no_torture_loses_or_doubles_a_move) {
  TortureInputs commands;
  commands.topic(commands_topic, "wallets", 4, millrace::log::TopicKind::commands);
  for (int i = 0; i < 60; ++i)
    commands.write(commands_topic, "wallet-" + std::to_string(i % 7),
                   MoveMoney{i % 3 == 0 ? -20 : 15}, 1'000 + i);
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    torture([] { return topology().value(); }, commands, {.seed = seed});
}

}  // namespace
}  // namespace wallets
