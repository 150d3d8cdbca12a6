// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "millrace/stream/topology.hpp"
#include "runtime_fixture.hpp"

// The timestamps of what operators with state emit.
namespace millrace::stream::test {
namespace {

using std::string;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::ElementsAreArray;

constexpr std::int64_t window_ms = 10'000;

class OutputTimes : public RuntimeTest {
 protected:
  /// Counts, adds and keeps the largest of `deposits` by account, and counts by window.
  static std::unique_ptr<Driver> open_times(InstanceOptions options = {}) {
    TopologyBuilder builder("times", 1);
    const auto by_account = builder.stream<string, Deposited>("deposits").group_by_key();
    by_account.count("counts").to_stream().to("times.counts");
    by_account
        .reduce([](const Deposited& a, const Deposited& b) { return a.amount < b.amount ? b : a; },
                "largest")
        .to_stream()
        .to("times.largest");
    by_account
        .aggregate(
            std::int64_t{0},
            [](const Deposited& deposit, std::int64_t so_far) { return so_far + deposit.amount; },
            "sums")
        .to_stream()
        .to("times.sums");
    by_account.windowed_by(tumbling(10s).never_closes().retention(std::chrono::hours(1)))
        .count("windows")
        .to_stream()
        .select_key([](const Windowed<string>& window, const std::int64_t&) {
          return window.key + "/" + std::to_string(window.start_ms);
        })
        .to("times.windows");
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    auto driver = open(*std::move(built), std::move(options));
    driver->declare_topic("deposits", "teller", 1);
    driver->run_until_idle();
    return driver;
  }
  static void deposit(Driver& driver, const string& account, std::int64_t amount,
                      std::int64_t time_ms) {
    driver.pipe("deposits", account, Deposited{amount}, time_ms);
  }
  /// `key@time` of what is in the topic.
  static std::vector<string> read_times(Driver& driver, const string& topic) {
    std::vector<string> out;
    for (const auto& record : driver.all_raw(topic))
      out.push_back(record.key.value_or("-") + "@" + std::to_string(record.timestamp_ms));
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(On, OutputTimes, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(OutputTimes, of_an_aggregation_are_the_largest_of_its_key) {
  auto driver = open_times();
  deposit(*driver, "a", 1, 10'000);
  deposit(*driver, "a", 1, 5'000);
  deposit(*driver, "b", 1, 4'000);
  deposit(*driver, "a", 1, 12'000);
  driver->run_until_idle();
  for (const string topic : {"times.counts", "times.largest", "times.sums"}) {
    EXPECT_THAT(read_times(*driver, topic), ElementsAre("a@10000", "a@10000", "b@4000", "a@12000"))
        << topic;
  }
}

TEST_P(OutputTimes, of_a_windowed_aggregation_are_the_largest_of_key_and_window) {
  auto driver = open_times();
  for (const int time_ms : {14'000, 9'000, 11'000, 3'000, 25'000})
    deposit(*driver, "a", 1, time_ms);
  driver->run_until_idle();
  EXPECT_THAT(
      read_times(*driver, "times.windows"),
      ElementsAre("a/10000@14000", "a/0@9000", "a/10000@14000", "a/0@9000", "a/20000@25000"));
}

TEST_P(OutputTimes, of_a_stream_joined_with_a_table_are_those_of_the_stream) {
  TopologyBuilder builder("times", 1);
  const auto limits = builder.table<string, Balance>("limits", "limits");
  builder.stream<string, Deposited>("deposits")
      .left_join(limits, [](const Deposited& deposit, const Balance*) { return deposit; })
      .to("times.joined");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto driver = open(*std::move(built));
  driver->declare_topic("deposits", "teller", 1);
  driver->declare_topic("limits", "risk", 1);
  driver->pipe("limits", string("a"), Balance{7, 1}, 9'000);
  driver->run_until_idle();
  deposit(*driver, "a", 1, 5'000);
  deposit(*driver, "b", 1, 6'000);
  driver->run_until_idle();
  EXPECT_THAT(read_times(*driver, "times.joined"), ElementsAre("a@5000", "b@6000"));
}

// Whatever is restored from, a snapshot, the changelog or both: the times that follow are those of
// a task that never stopped.
TEST_P(OutputTimes, are_the_same_live_and_rebuilt) {
  for (int seed = 1; seed <= times(2, 12); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(static_cast<std::uint64_t>(seed));
    InstanceOptions options;
    options.state_directory = "state";
    options.snapshot_interval_ms = 1;
    auto driver = open_times(options);
    std::map<string, std::int64_t> latest;
    std::map<string, std::int64_t> latest_of_window;
    std::vector<string> expected;
    std::vector<string> expected_windows;
    for (int round = 0; round < 12; ++round) {
      for (std::uint64_t left = random.below(4); left > 0; --left) {
        const string account(1, static_cast<char>('a' + random.below(3)));
        const auto time_ms = static_cast<std::int64_t>(random.below(40'000));
        deposit(*driver, account, 1, time_ms);
        const string window = account + "/" + std::to_string(time_ms - time_ms % window_ms);
        std::int64_t& time = latest[account];
        std::int64_t& window_time = latest_of_window[window];
        time = std::max(time, time_ms);
        window_time = std::max(window_time, time_ms);
        expected.push_back(account + "@" + std::to_string(time));
        expected_windows.push_back(window + "@" + std::to_string(window_time));
      }
      driver->run_until_idle();
      const std::uint64_t event = random.below(4);
      if (event == 1) driver->crash_and_restart();
      if (event == 2) driver->restart();
      if (event == 3) {
        driver->crash_and_restart();
        for (const string& file : driver->files().list("state").value_or(std::vector<string>()))
          ASSERT_TRUE(driver->files().remove("state/" + file));
        driver->crash_and_restart();
      }
      driver->run_until_idle();
    }
    EXPECT_THAT(read_times(*driver, "times.sums"), ElementsAreArray(expected));
    EXPECT_THAT(read_times(*driver, "times.windows"), ElementsAreArray(expected_windows));
  }
}

}  // namespace
}  // namespace millrace::stream::test
