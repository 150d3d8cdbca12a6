// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "millrace/base/interval.hpp"
#include "millrace/log/errors.hpp"
#include "runtime_fixture.hpp"

// In which order a task takes the records of its inputs, and how long they wait for each other.
namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;
using testing::IsEmpty;

Topology merging(TopologyBuilder& builder) {
  auto plan = builder.build();
  if (!plan) throw std::runtime_error(plan.error().to_string());
  return *std::move(plan);
}

class OrderOfInputs : public RuntimeTest {
 protected:
  /// `left` and `right` as one stream, in the order in which they are taken.
  static std::unique_ptr<Driver> open_merged(InstanceOptions options) {
    TopologyBuilder builder("order", 1);
    builder.stream<string, Deposited>("left")
        .merge(builder.stream<string, Deposited>("right"))
        .to("order.out");
    auto driver = open(merging(builder), std::move(options));
    driver->declare_topic("left", "teller", 1);
    driver->declare_topic("right", "teller", 1);
    driver->run_until_idle();
    return driver;
  }
  /// `deposits` joined with the table `limits`, `-1` where there is none.
  static std::unique_ptr<Driver> open_joined(InstanceOptions options) {
    TopologyBuilder builder("order", 1);
    const auto limits = builder.table<string, Balance>("limits", "limits");
    builder.stream<string, Deposited>("deposits")
        .left_join(limits,
                   [](const Deposited&, const Balance* limit) {
                     return Deposited{limit != nullptr ? limit->total : -1};
                   })
        .to("order.out");
    auto driver = open(merging(builder), std::move(options));
    driver->declare_topic("limits", "risk", 1);
    driver->declare_topic("deposits", "teller", 1);
    driver->run_until_idle();
    return driver;
  }
  static void pipe(Driver& driver, const string& topic, std::int64_t time_ms) {
    driver.pipe(topic, string("a"), Deposited{1}, time_ms);
  }
  static std::vector<std::int64_t> times(Driver& driver) {
    std::vector<std::int64_t> out;
    for (const auto& record : driver.all_raw("order.out"))
      out.push_back(record.timestamp_ms);
    return out;
  }
  static std::vector<std::int64_t> matches(Driver& driver) {
    std::vector<std::int64_t> out;
    for (const auto& joined : driver.read<string, Deposited>("order.out"))
      out.push_back(joined.value.amount);
    return out;
  }
  static InstanceOptions waiting_for_empty(std::int64_t ms) {
    InstanceOptions options;
    options.max_task_idle_ms = ms;
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(On, OrderOfInputs, testing::ValuesIn(runtime_backends()), backend_name);

constexpr std::int64_t far_ms = 1'000'000;
constexpr int steps = 700;

/// Feeds `left` as fast as it is read, and steps until `right`, which is newer, was seen. Returns
/// how many steps that took, each of 10 ms; `steps` when it was not seen.
int feed_until_seen(Driver& driver) {
  driver.pipe("right", string("a"), Deposited{1}, far_ms);
  std::int64_t time_ms = 1'000;
  for (int step = 0; step < steps; ++step) {
    const auto processed = static_cast<std::int64_t>(driver.instance().status().records);
    while (time_ms - 1'000 < processed + 50)
      driver.pipe("left", string("a"), Deposited{1}, time_ms++);
    if (!driver.step()) throw std::runtime_error("the instance ended");
    for (const auto& record : driver.read_raw("order.out")) {
      if (record.timestamp_ms == far_ms) return step;
    }
    driver.world().let_pass(10);
  }
  return steps;
}

TEST_P(OrderOfInputs, a_newer_input_waits_for_one_that_is_behind) {
  InstanceOptions options;
  options.fetch_bytes = 300;
  auto driver = open_merged(options);
  EXPECT_EQ(feed_until_seen(*driver), steps);
  driver->run_until_idle();
  EXPECT_EQ(times(*driver).back(), far_ms);
  EXPECT_EQ(driver->instance().status().catch_up_waits, 0U);
}

TEST_P(OrderOfInputs, a_newer_input_waits_no_longer_than_the_bound_for_one_that_is_behind) {
  InstanceOptions options;
  options.fetch_bytes = 300;
  options.max_catch_up_wait_ms = 1'000;
  auto driver = open_merged(options);
  const int taken = feed_until_seen(*driver);
  EXPECT_GE(taken, 90);
  EXPECT_LE(taken, 110);
  EXPECT_EQ(driver->instance().status().catch_up_waits, 1U);
  // Nothing is lost of what was passed over.
  driver->run_until_idle();
  std::vector<std::int64_t> all = times(*driver);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  EXPECT_EQ(all.size(), driver->instance().status().records);
}

TEST_P(OrderOfInputs, what_waits_for_the_log_is_not_overdue) {
  InstanceOptions options;
  options.max_catch_up_wait_ms = 1'000;
  auto driver = open_merged(options);
  pipe(*driver, "right", far_ms);
  for (int i = 0; i < 5; ++i)
    pipe(*driver, "left", 1'000 + i);
  driver->world().fail_commits(log::errc::disk_full, 4);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(driver->step());
    driver->world().let_pass(1'000);
  }
  EXPECT_THAT(times(*driver), ElementsAre(1'000, 1'001, 1'002, 1'003, 1'004, far_ms));
  EXPECT_EQ(driver->instance().status().catch_up_waits, 0U);
}

TEST_P(OrderOfInputs, an_empty_input_is_not_waited_for_unless_that_is_asked_for) {
  auto driver = open_joined({});
  pipe(*driver, "deposits", 5'000);
  driver->run_until_idle();
  driver->pipe("limits", string("a"), Balance{7, 1}, 4'000);
  driver->run_until_idle();
  EXPECT_THAT(matches(*driver), ElementsAre(-1));
  EXPECT_EQ(driver->instance().status().idle_waits, 0U);
}

TEST_P(OrderOfInputs, an_empty_input_is_waited_for_and_a_join_sees_what_a_replay_sees) {
  auto live = open_joined(waiting_for_empty(1'000));
  pipe(*live, "deposits", 5'000);
  live->run_until_idle();
  EXPECT_THAT(matches(*live), IsEmpty());
  live->world().let_pass(500);
  live->pipe("limits", string("a"), Balance{7, 1}, 4'000);
  live->run_until_idle();
  live->advance_ms(1'000);
  EXPECT_THAT(matches(*live), ElementsAre(7));

  auto replay = open_joined({});
  replay->pipe("limits", string("a"), Balance{7, 1}, 4'000);
  pipe(*replay, "deposits", 5'000);
  replay->run_until_idle();
  EXPECT_THAT(matches(*replay), ElementsAre(7));
}

TEST_P(OrderOfInputs, an_input_that_stays_empty_is_waited_for_once_and_no_longer_than_the_bound) {
  InstanceOptions options = waiting_for_empty(1'000);
  options.max_cycle_records = 1;
  auto driver = open_merged(options);
  for (const int time_ms : {1'000, 2'000, 3'000})
    pipe(*driver, "left", time_ms);
  driver->run_until_idle();
  driver->advance_ms(990);
  EXPECT_THAT(times(*driver), IsEmpty());
  driver->advance_ms(10);
  EXPECT_THAT(times(*driver), ElementsAre(1'000, 2'000, 3'000));
  EXPECT_EQ(driver->instance().status().idle_waits, 1U);
  // After a rest it is waited for again.
  pipe(*driver, "left", 4'000);
  driver->run_until_idle();
  EXPECT_EQ(times(*driver).size(), 3U);
  driver->advance_ms(1'000);
  EXPECT_EQ(times(*driver).size(), 4U);
  EXPECT_EQ(driver->instance().status().idle_waits, 2U);
}

TEST_P(OrderOfInputs, a_step_wakes_when_the_wait_for_an_empty_input_ends) {
  InstanceOptions options = waiting_for_empty(30);
  options.fetch_bytes = 1;
  auto driver = open_merged(options);
  // The second is not at hand: it must not end the wait.
  pipe(*driver, "left", 1'000);
  pipe(*driver, "left", 1'001);
  const std::int64_t now_ns = driver->world().clock().monotonic_ns();
  const auto held = driver->step();
  ASSERT_TRUE(held);
  EXPECT_FALSE(held->worked);
  EXPECT_EQ(held->wake_at_ns, now_ns + ns_of_ms(30));
  driver->instance().wait(*held);
  EXPECT_EQ(driver->world().last_wait(), log::WaitOutcome::timeout);
  pipe(*driver, "right", 999);
  driver->instance().wait(*held);
  EXPECT_EQ(driver->world().last_wait(), log::WaitOutcome::ready);
}

TEST_P(OrderOfInputs, replayed_dead_letters_are_not_waited_for) {
  auto driver = open_bank(waiting_for_empty(1'000));
  driver->pipe("deposits", string("anna"), Deposited{1}, 1'000);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 1);
}

struct Arrival {
  std::int64_t at_ms;
  std::int64_t time_ms;
  string topic;
};

/// Events 1 to 60 ms apart, each of which reaches one of two inputs up to 180 ms later; in the
/// order of arrival.
std::vector<Arrival> random_arrivals(Random& random) {
  std::vector<Arrival> arrivals;
  std::int64_t reached_ms[] = {0, 0};
  std::int64_t time_ms = 0;
  for (int i = 0; i < 60; ++i) {
    time_ms += 1 + static_cast<std::int64_t>(random.below(60));
    const std::size_t side = random.below(2);
    std::int64_t& reached = reached_ms[side];
    reached = std::max(reached, time_ms + static_cast<std::int64_t>(random.below(180)));
    arrivals.push_back({reached, time_ms, side == 0 ? "left" : "right"});
  }
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at_ms < b.at_ms; });
  return arrivals;
}

// Whatever reaches each input when: as long as no input is empty for longer than the bound, all is
// taken in the order of time, as by a task that reads the topics afterwards.
TEST_P(OrderOfInputs, is_that_of_time_when_no_input_is_empty_for_longer_than_the_bound) {
  int others = 0;  // that the bound of 0 ms takes in another order
  for (int seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(static_cast<std::uint64_t>(seed));
    const std::vector<Arrival> arrivals = random_arrivals(random);
    for (const std::int64_t bound_ms : {0, 2'000}) {
      auto driver = open_merged(waiting_for_empty(bound_ms));
      std::int64_t now_ms = 0;
      for (const Arrival& arrival : arrivals) {
        driver->advance_ms(arrival.at_ms - now_ms);
        now_ms = arrival.at_ms;
        pipe(*driver, arrival.topic, arrival.time_ms);
        driver->run_until_idle();
      }
      EXPECT_EQ(driver->instance().status().idle_waits, 0U);
      driver->advance_ms(bound_ms);
      const std::vector<std::int64_t> taken = times(*driver);
      EXPECT_EQ(taken.size(), arrivals.size());
      const bool sorted = std::is_sorted(taken.begin(), taken.end());
      others += sorted ? 0 : 1;
      if (bound_ms > 0) {
        EXPECT_TRUE(sorted) << testing::PrintToString(taken);
      }
    }
  }
  EXPECT_EQ(others, 20);
}

}  // namespace
}  // namespace millrace::stream::test
