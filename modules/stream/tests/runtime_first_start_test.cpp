// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What may go wrong between the manifest and the topics that it names.
#include <gtest/gtest.h>

#include "manifest/continue_topology.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/stream/manifest.hpp"
#include "millrace/stream/topology.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

class FirstStart : public RuntimeTest {
 protected:
  FirstStart() {
    driver_->declare_topic("orders", "counter", 2);
    driver_->run_until_idle();
    order(0, 6);
  }

  static Topology shop(bool with_last) {
    TopologyBuilder builder("shop");
    const auto orders = builder.stream<std::string, Deposited>("orders");
    orders.group_by_key().count("counts");
    if (with_last) {
      orders.to_table("last");
      orders.group_by([](const Deposited& order) { return order.amount; }).count("by-amount");
    }
    auto plan = builder.build();
    if (!plan) throw std::runtime_error(plan.error().to_string());
    return *std::move(plan);
  }

  void order(int from, int to) {
    for (int i = from; i < to; ++i)
      driver_->pipe("orders", "customer-" + std::to_string(i % 3), Deposited{100}, 1'000 + i);
    driver_->run_until_idle();
  }

  std::int64_t counted() {
    std::int64_t sum = 0;
    for (const auto& [customer, count] : driver_->store<std::string, std::int64_t>("counts").all())
      sum += count;
    return sum;
  }

  std::int64_t revision() {
    const auto manifest = read_manifest(driver_->tool(), "shop");
    if (!manifest || !*manifest) throw std::runtime_error("there is no manifest");
    return (*manifest)->revision;
  }

  // A process of the new build notes its topology in the manifest, and dies before it makes a
  // topic.
  Status dies_behind_the_manifest() {
    log::LogOptions options;
    options.service = "shop";
    options.member = "shop-dead";
    const auto log = driver_->world().connect(options);
    hear_of_all(*log);
    Plan topology = shop(true).plan();
    RuntimeWorld& world = driver_->world();
    const Status noted = continue_topology(
        *log, topology, {world.clock(), world.files(), world.random(), /*events=*/{}});
    driver_->world().kill(*log);
    return noted;
  }

  // Nothing is lost or counted twice, and the new parts work.
  void expect_continued() {
    driver_->run_until_idle();
    order(6, 9);
    EXPECT_EQ(counted(), 9);
    EXPECT_EQ((driver_->store<std::string, Deposited>("last").all().size()), 3U);
    const auto by_amount = driver_->store<std::int64_t, std::int64_t>("by-amount").get(100);
    EXPECT_EQ(by_amount, 3);
    EXPECT_EQ(revision(), 2);
  }

  std::unique_ptr<Driver> driver_ = std::make_unique<Driver>(make_world(), shop(false));
};
INSTANTIATE_TEST_SUITE_P(On, FirstStart, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(FirstStart, continues_after_a_death_between_the_manifest_and_the_topics_that_it_names) {
  driver_->deploy(shop(true), [&] {
    EXPECT_TRUE(dies_behind_the_manifest());
    EXPECT_EQ(revision(), 2);
    EXPECT_FALSE(driver_->tool().find_topic("shop.last.changelog"));
    EXPECT_FALSE(driver_->tool().find_topic("shop.by-amount.repartition"));
  });
  expect_continued();
}

TEST_P(FirstStart, goes_back_to_the_build_before_after_such_a_death) {
  driver_->deploy(shop(false), [&] { EXPECT_TRUE(dies_behind_the_manifest()); });
  order(6, 9);
  EXPECT_EQ(counted(), 9);
  EXPECT_EQ(driver_->instance().status().records, 3U);
}

TEST_P(FirstStart, is_refused_on_a_full_disk_and_continues_when_there_is_room) {
  driver_->deploy(shop(true), [&] {
    driver_->world().fail_commits(log::errc::disk_full, 1);
    const Status refused = dies_behind_the_manifest();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), log::errc::disk_full);
    EXPECT_NE(refused.error().message().find("topic shop.manifest"), std::string::npos);
    EXPECT_EQ(revision(), 1);
  });
  expect_continued();
}

TEST_P(FirstStart, continues_when_the_answer_to_the_manifest_is_lost) {
  driver_->deploy(shop(true), [&] {
    driver_->world().answer_commit(log::errc::outcome_unknown);
    EXPECT_TRUE(dies_behind_the_manifest());
    EXPECT_EQ(revision(), 2);
  });
  expect_continued();
}

}  // namespace
}  // namespace millrace::stream::test
