// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What the runtime does when the cluster does not answer, or not as it should: by a proxy between
// the instance and the broker. The other suites of this program are those of the other backends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <thread>

#include "kafka_world.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/stream/manifest.hpp"
#include "millrace/stream/reset.hpp"
#include "runtime_fixture.hpp"
#include "runtime_ranges.hpp"

namespace millrace::stream::test {
namespace {

using testkit::KafkaApi;
using testkit::KafkaFault;
using testkit::KafkaRequest;
using testkit::KafkaRuleHandle;

// Of Kafka's protocol; librdkafka takes it for the end of the producer.
constexpr std::int16_t invalid_producer_epoch = 47;
constexpr std::uint64_t for_good = testkit::KafkaRule::always;

class OnKafka : public testing::Test {
 protected:
  // A bank whose instance reaches the cluster through the proxy only.
  void open_bank() {
    auto world = std::make_unique<KafkaWorld>();
    world_ = world.get();
    proxy_ = &world->stand_before("bank", 5'000);
    driver_ = std::make_unique<Driver>(std::move(world), bank());
    driver_->declare_topic("deposits", "teller");
    driver_->run_until_idle();
  }

  // Of one each, over some accounts.
  void deposit(int count) {
    for (int i = 0; i < count; ++i, ++deposits_)
      driver_->pipe("deposits", "account-" + std::to_string(i % 7), Deposited{1},
                    1'000 + deposits_);
  }

  [[nodiscard]] std::int64_t reported(std::string_view part) const {
    return std::count_if(
        driver_->events().begin(), driver_->events().end(),
        [&](const std::string& event) { return event.find(part) != std::string::npos; });
  }

  // Steps until the instance has reported the outage.
  void run_until_waiting() {
    const std::int64_t before = reported("the log does not answer");
    driver_->run_until([&] { return reported("the log does not answer") > before; });
  }

  // Nobody behind the proxy gets through to the cluster for that long.
  void cut_off_for(std::int64_t ms) {
    proxy_->refuse_connections(true);
    proxy_->cut_all();
    // A request that nobody makes.
    EXPECT_FALSE(proxy_->wait_until_seen(KafkaApi::delete_groups, 1, ms));
    proxy_->refuse_connections(false);
  }

  // Each deposit had its effect once.
  void expect_exact() {
    driver_->run_until_idle();
    std::int64_t total = 0;
    for (const auto& [account, amount] : totals(*driver_))
      total += amount;
    EXPECT_EQ(total, deposits_);
    auto published =
        testkit::TopicReader(driver_->tool())
            .decode_all<std::string, Balance>("bank.balances", driver_->all_raw("bank.balances"));
    EXPECT_EQ(published.size(), static_cast<std::size_t>(deposits_));
    EXPECT_TRUE(without_gap_or_repeat(published));
  }

  KafkaWorld* world_ = nullptr;
  testkit::KafkaProxy* proxy_ = nullptr;
  std::unique_ptr<Driver> driver_;
  int deposits_ = 0;
};

TEST_F(OnKafka, a_reset_returns_when_the_next_start_can_read_it) {
  open_bank();
  deposit(10);
  driver_->run_until_idle();
  ASSERT_TRUE(driver_->instance().close());
  log::LogOptions options;
  options.service = "bank";
  const auto tool = world_->connect(options);
  hear_of_all(*tool);
  // From its commit on: the first question whether the commit can be read is lost.
  std::optional<KafkaRuleHandle> lost;
  world_->refuse_records(log::errc::fenced, [&](const log::RecordView&) {
    if (lost) return false;
    lost = proxy_->add({.api = KafkaApi::list_offsets,
                        .fault = KafkaFault::cut_before(),
                        .where = [](const KafkaRequest& request) {
                          return request.body.find("bank.manifest") != std::string_view::npos;
                        }});
    return false;
  });
  const auto done = reset_topology(*tool, "bank", {}, false);
  world_->refuse_records({}, nullptr);
  ASSERT_TRUE(done) << done.error().to_string();
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->applied(), 1U);
  const auto seen = read_manifest(*world_->connect(options), "bank");
  ASSERT_TRUE(seen && *seen);
  EXPECT_EQ((*seen)->revision, 2);
  EXPECT_EQ((*seen)->parts.front().state, "reset");
  driver_->restart_after_end();
  driver_->run_until_idle();
  EXPECT_EQ(driver_->instance().status().records, 10U);
}

TEST_F(OnKafka, records_that_cannot_be_read_are_waited_for) {
  open_bank();
  deposit(10);
  driver_->run_until_idle();
  const auto lost =
      proxy_->add({.api = KafkaApi::fetch, .fault = KafkaFault::black_hole(), .times = for_good});
  proxy_->cut_all();
  deposit(10);
  run_until_waiting();
  lost.remove();
  proxy_->cut_all();
  expect_exact();
}

TEST_F(OnKafka, an_instance_that_was_cut_off_continues_where_it_was) {
  open_bank();
  deposit(10);
  driver_->run_until_idle();
  std::thread network([&] { cut_off_for(5'000); });
  deposit(10);
  driver_->run_until_idle();
  network.join();
  deposit(10);
  expect_exact();
}

TEST_F(OnKafka, a_network_that_is_down_for_a_while_in_the_midst_of_a_commit_costs_time_only) {
  open_bank();
  deposit(10);
  const auto last = proxy_->add({.api = KafkaApi::end_txn, .fault = KafkaFault::hold_request()});
  std::thread network([&] {
    EXPECT_TRUE(last.wait_until_held());
    last.lose();
    cut_off_for(1'500);
  });
  driver_->run_until_idle();
  network.join();
  deposit(10);
  expect_exact();
}

TEST_F(OnKafka, a_task_whose_positions_cannot_be_read_is_restored_later) {
  open_bank();
  deposit(20);
  driver_->run_until_idle();
  driver_->crash_and_restart();
  const auto lost = proxy_->add(
      {.api = KafkaApi::offset_fetch, .fault = KafkaFault::black_hole(), .times = for_good});
  run_until_waiting();
  lost.remove();
  proxy_->cut_all();
  deposit(10);
  expect_exact();
}

TEST_F(OnKafka, a_task_granted_while_its_changelog_does_not_answer_is_restored_later) {
  open_bank();
  deposit(20);
  driver_->run_until_idle();
  driver_->crash_and_restart();
  const auto lost = proxy_->add({.api = KafkaApi::list_offsets,
                                 .fault = KafkaFault::black_hole(),
                                 .times = for_good,
                                 .where = [](const KafkaRequest& request) {
                                   return request.body.find(".changelog") != std::string_view::npos;
                                 }});
  run_until_waiting();
  lost.remove();
  proxy_->cut_all();
  deposit(10);
  expect_exact();
}

TEST_F(OnKafka, a_commit_whose_answer_was_cut_off_is_asked_for_again) {
  open_bank();
  deposit(10);
  for (const auto fault : {KafkaFault::cut_before(), KafkaFault::cut_after()}) {
    const auto cut = proxy_->add({.api = KafkaApi::end_txn, .fault = fault, .commits = true});
    deposit(10);
    driver_->run_until_idle();
    EXPECT_EQ(cut.applied(), 1U);
  }
  EXPECT_EQ(driver_->instance().status().refused_commits, 0U);
  expect_exact();
}

TEST_F(OnKafka, after_a_commit_of_unknown_outcome_that_failed_the_work_is_done_again) {
  open_bank();
  deposit(10);
  driver_->run_until_idle();
  // The end is lost on its way, and when it is repeated it is refused.
  const auto lost =
      proxy_->add({.api = KafkaApi::end_txn, .fault = KafkaFault::cut_before(), .commits = true});
  const auto failed = proxy_->add({.api = KafkaApi::end_txn,
                                   .fault = KafkaFault::fail(invalid_producer_epoch),
                                   .commits = true});
  deposit(10);
  driver_->run_until_idle();
  EXPECT_EQ(lost.applied(), 1U);
  EXPECT_EQ(failed.applied(), 1U);
  EXPECT_GE(reported("outcome of a commit unknown"), 1);
  deposit(10);
  expect_exact();
}

TEST_F(OnKafka, after_a_commit_of_unknown_outcome_that_succeeded_the_work_is_not_done_again) {
  open_bank();
  deposit(10);
  driver_->run_until_idle();
  // The answer is lost, and the question what became of it has a wrong one.
  const auto done =
      proxy_->add({.api = KafkaApi::end_txn, .fault = KafkaFault::cut_after(), .commits = true});
  const auto denied = proxy_->add({.api = KafkaApi::end_txn,
                                   .fault = KafkaFault::fail(invalid_producer_epoch),
                                   .commits = true});
  deposit(10);
  driver_->run_until_idle();
  EXPECT_TRUE(done.wait_until_answered());
  EXPECT_EQ(denied.applied(), 1U);
  EXPECT_GE(reported("outcome of a commit unknown"), 1);
  deposit(10);
  expect_exact();
}

TEST_F(OnKafka, of_two_instances_one_dies_in_its_transaction_and_the_other_takes_over) {
  open_bank();
  log::LogOptions options;
  options.service = "bank";
  options.member = "other";
  const auto log = world_->connect(std::move(options));
  const Topology topology = bank();
  auto other =
      Instance::open(*log, topology, {}, {world_->clock(), world_->files(), world_->random(), {}});
  ASSERT_TRUE(other) << other.error().to_string();
  const auto step_other = [&] {
    hear_of_all(*log);
    const auto step = (*other)->step();
    if (!step) throw testkit::TestError(step.error().to_string());
    if (!step->worked) world_->let_pass();
    const InstanceStatus status = (*other)->status();
    return status.ready ? status.tasks.size() : 0;
  };
  driver_->run_until([&] { return step_other() == 2; });
  deposit(20);
  const auto failed = proxy_->add({.api = KafkaApi::end_txn,
                                   .fault = KafkaFault::fail(invalid_producer_epoch),
                                   .times = for_good,
                                   .client_id_prefix = "millrace-bank",
                                   .commits = true});
  // Its records and positions are with the broker, and neither committed nor aborted.
  driver_->run_until([&] { return driver_->instance().status().refused_commits >= 1; });
  world_->kill(driver_->log());
  deposit(20);
  const auto published = [&] {
    return testkit::TopicReader(driver_->tool())
        .decode_all<std::string, Balance>("bank.balances", driver_->all_raw("bank.balances"));
  };
  for (int i = 0; i < 10'000 && (step_other() < 4 || published().size() < 40); ++i) {
  }
  EXPECT_EQ(published().size(), 40U);
  EXPECT_TRUE(without_gap_or_repeat(published()));
  EXPECT_EQ((*other)->status().tasks.size(), 4U);
}

TEST_F(OnKafka, the_open_transaction_of_a_dead_instance_does_not_hold_up_its_successor) {
  open_bank();
  deposit(10);
  driver_->run_until_idle();
  const auto failed = proxy_->add({.api = KafkaApi::end_txn,
                                   .fault = KafkaFault::fail(invalid_producer_epoch),
                                   .times = for_good,
                                   .commits = true});
  deposit(10);
  // Its records and positions are with the broker, and neither committed nor aborted.
  driver_->run_until([&] { return driver_->instance().status().refused_commits >= 1; });
  driver_->crash_and_restart();
  failed.remove();
  deposit(10);
  expect_exact();
}

// While nothing runs: that the cluster does not have the topic is no reason to wait for it.
TEST(DeletedOnKafka, ranges_of_inputs_are_given_up_at_the_first_look_when_the_topic_is_gone) {
  auto world = std::make_unique<KafkaWorld>();
  KafkaWorld& cluster = *world;
  Driver driver(std::move(world), took());
  for (const std::string& side : sides)
    driver.declare_topic(side, "counter", 1);
  for (int i = 0; i < 6; ++i) {
    const auto before = driver.instance().status().records;
    driver.pipe(sides[static_cast<std::size_t>(i) % 2], std::string("a"), Deposited{1}, 5'000 - i);
    driver.run_until([&] { return driver.instance().status().records > before; });
  }
  driver.run_until_idle();
  ASSERT_GE(driver.all_raw(ranges_topic).size(), 1U);
  const std::size_t before_reset = driver.events().size();
  driver.deploy(took(), [&] {
    ASSERT_TRUE(reset(driver, {"taken"}));
    cluster.delete_topic(ranges_topic);
  });
  driver.run_until([&] { return driver.instance().status().records == 6; });
  driver.run_until_idle();
  std::vector<std::string> troubles;
  std::copy_if(driver.events().begin() + static_cast<std::ptrdiff_t>(before_reset),
               driver.events().end(), std::back_inserter(troubles),
               [](const std::string& event) { return !event.starts_with("info"); });
  EXPECT_THAT(troubles,
              testing::ElementsAre(testing::AllOf(testing::HasSubstr("no input ranges"),
                                                  testing::HasSubstr("log.unknown_topic"))));
}

// By hand, say: the rest of the rebuild is by time, and nothing else is lost.
TEST(DeletedOnKafka, ranges_of_inputs_cost_a_rebuild_their_order_alone) {
  auto world = std::make_unique<KafkaWorld>();
  KafkaWorld& cluster = *world;
  InstanceOptions options;
  options.max_cycle_records = 1;
  Driver driver(std::move(world), took(), options);
  for (const std::string& side : sides)
    driver.declare_topic(side, "counter", 1);
  driver.run_until_idle();
  const auto records = [&] { return driver.instance().status().records; };
  const auto take = [&](const std::string& side, std::int64_t time_ms) {
    const auto before = records();
    driver.pipe(side, std::string("a"), Deposited{1}, time_ms);
    driver.run_until([&] { return records() > before; });
  };
  for (int i = 0; i < 6; ++i)
    take(sides[static_cast<std::size_t>(i) % 2], 5'000 - i);
  driver.run_until_idle();
  ASSERT_GE(driver.all_raw(ranges_topic).size(), 1U);
  driver.deploy(took(), [&] { ASSERT_TRUE(reset(driver, {"taken"})); });
  driver.run_until([&] { return records() >= 2; });
  cluster.delete_topic(ranges_topic);
  driver.run_until([&] { return records() >= 6; });
  driver.run_until_idle();
  const auto& events = driver.events();
  EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const std::string& event) {
    return event.find("how far a rebuild is in the input ranges of the part before is not kept") !=
               std::string::npos ||
           event.find("no input ranges") != std::string::npos;
  }));
  driver.restart();
  take("left", 9'000);
  const auto text =
      driver.store<std::string, std::string>("taken").get("a").value_or(std::string());
  EXPECT_EQ(std::count(text.begin(), text.end(), ' '), 7) << text;
  EXPECT_TRUE(text.ends_with("left1 ")) << text;
}

}  // namespace
}  // namespace millrace::stream::test
