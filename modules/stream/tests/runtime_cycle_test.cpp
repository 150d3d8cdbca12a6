// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "millrace/base/die_at.hpp"
#include "millrace/log/errors.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

class Cycle : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Cycle, testing::ValuesIn(runtime_backends()), backend_name);

InstanceOptions small_cycles(std::size_t records) {
  InstanceOptions options;
  options.max_cycle_records = records;
  return options;
}

// Counts deposits over all accounts by way of a topic that the service itself writes.
Topology rerouted() {
  TopologyBuilder builder("rerouted");
  builder.stream<std::string, Deposited>("deposits")
      .select_key([](const std::string&, const Deposited&) { return std::string("all"); })
      .group_by_key()
      .count("counts")
      .to_stream()
      .map_values([](std::int64_t count) { return Balance{count, count}; })
      .to("rerouted.counts");
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

TEST_P(Cycle, a_record_becomes_state_and_output_with_its_envelope) {
  auto driver = open_bank();
  const std::string id =
      driver->pipe("deposits", std::string("anna"), Deposited{5}, 1'000, "process-1");
  driver->pipe("deposits", std::string("anna"), Deposited{7}, 2'000);
  driver->run_until_idle();

  const auto balances = driver->read<std::string, Balance>("bank.balances");
  ASSERT_EQ(balances.size(), 2U);
  EXPECT_EQ(balances[0].key, "anna");
  EXPECT_EQ(balances[0].value, (Balance{5, 1}));
  EXPECT_EQ(balances[0].type, "Balance");
  EXPECT_EQ(balances[0].raw.timestamp_ms, 1'000);
  EXPECT_EQ(balances[0].raw.header("ce_source"), "/bank");
  EXPECT_EQ(balances[0].raw.header("ce_correlationid"), "process-1");
  EXPECT_EQ(balances[0].raw.header("ce_causationid"), id);
  EXPECT_NE(balances[0].raw.header("ce_id"), balances[1].raw.header("ce_id"));
  EXPECT_EQ(balances[1].value, (Balance{12, 2}));
  EXPECT_EQ((driver->store<std::string, Balance>("balances").get("anna")), (Balance{12, 2}));
}

TEST_P(Cycle, a_dead_process_repeats_nothing_and_loses_nothing_wherever_it_died) {
  // Dies before the nth commit, for every n, and after it.
  for (const char* point : {"stream.commit.before", "stream.commit.after"}) {
    for (int n = 1; n <= 12; n += times(8, 1)) {
      SCOPED_TRACE(std::string(point) + ", pass " + std::to_string(n));
      auto driver = open_bank({}, {});
      std::optional<DieAt> death(std::in_place, point, n);
      for (int i = 0; i < 60; ++i) {
        driver->pipe("deposits", "account-" + std::to_string(i % 7), Deposited{1}, 1'000 + i);
        if (i % 5 != 0) continue;
        try {
          driver->run_until_idle();
        } catch (const SimulatedDeath&) {
          driver->crash_and_restart();
        }
      }
      EXPECT_TRUE(death->happened());
      death.reset();
      driver->run_until_idle();
      const auto published = driver->read<std::string, Balance>("bank.balances");
      EXPECT_EQ(published.size(), 60U);
      EXPECT_TRUE(without_gap_or_repeat(published));
      std::int64_t total = 0;
      for (const auto& [account, amount] : totals(*driver))
        total += amount;
      EXPECT_EQ(total, 60);
    }
  }
}

TEST_P(Cycle, a_refused_commit_leaves_no_trace_and_is_done_again) {
  auto driver = open_bank();
  for (int i = 0; i < 10; ++i)
    driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000 + i);
  driver->world().fail_commits(log::errc::fenced, 2);
  driver->run_until([&] { return driver->instance().status().refused_commits == 1; });
  EXPECT_TRUE(driver->read_raw("bank.balances").empty());
  EXPECT_TRUE(totals(*driver).empty());
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 10);
  EXPECT_TRUE(without_gap_or_repeat(driver->read<std::string, Balance>("bank.balances")));
}

TEST_P(Cycle, a_full_disk_is_waited_out) {
  auto driver = open_bank();
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->world().fail_commits(log::errc::disk_full, 3);
  driver->run_until_idle();
  EXPECT_TRUE(totals(*driver).empty());
  for (int i = 0; i < 4; ++i)
    driver->advance_ms(1'000);
  EXPECT_EQ(totals(*driver).at("anna"), 1);
  EXPECT_EQ(driver->read_raw("bank.balances").size(), 1U);
  EXPECT_EQ(driver->instance().status().refused_commits, 3U);
}

TEST_P(Cycle, an_unknown_outcome_is_settled_by_what_the_log_has) {
  for (const bool carried_out : {false, true}) {
    SCOPED_TRACE(carried_out ? "carried out" : "not carried out");
    auto driver = open_bank();
    for (int i = 0; i < 10; ++i)
      driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000 + i);
    driver->run_until_idle();
    driver->pipe("deposits", std::string("anna"), Deposited{1}, 2'000);
    if (carried_out) {
      driver->world().answer_commit(log::errc::outcome_unknown);
    } else {
      driver->world().fail_commits(log::errc::outcome_unknown, 1);
    }
    driver->run_until_idle();
    EXPECT_EQ(driver->instance().status().refused_commits, 1U);
    EXPECT_EQ(totals(*driver).at("anna"), 11);
    const auto published = driver->read<std::string, Balance>("bank.balances");
    EXPECT_EQ(published.size(), 11U);
    EXPECT_TRUE(without_gap_or_repeat(published));
  }
}

TEST_P(Cycle, a_failed_log_ends_the_instance_with_its_reason) {
  auto driver = open_bank();
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->world().fail_commits(log::errc::failed_sync, 1);
  const auto step = driver->step();
  ASSERT_FALSE(step);
  EXPECT_TRUE(step.error().is(log::errc::failed_sync));
  EXPECT_FALSE(driver->step());
}

TEST_P(Cycle, a_commit_that_is_too_large_is_cut_until_one_record_is_to_blame) {
  auto driver = open_bank();
  for (int i = 0; i < 8; ++i)
    driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000 + i);
  // 8 records, then 4, 2 and 1 are refused: the first record goes to the dead letters, the rest
  // goes through.
  driver->world().fail_commits(log::errc::too_large, 4);
  driver->run_until_idle();
  EXPECT_EQ(driver->read_raw("bank.dead-letters").size(), 1U);
  EXPECT_EQ(totals(*driver).at("anna"), 7);
}

TEST_P(Cycle, a_dead_letter_that_is_too_large_itself_goes_without_its_value) {
  auto driver = open_bank();
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->pipe("deposits", std::string("anna"), Deposited{2}, 2'000);
  driver->world().fail_commits(log::errc::too_large, 3);
  driver->run_until_idle();
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].key, "anna");
  EXPECT_FALSE(dead[0].value);
  EXPECT_EQ(dead[0].header("dl-code"), "log.too_large");
  EXPECT_EQ(totals(*driver).at("anna"), 2);
}

TEST_P(Cycle, what_is_not_committed_is_seen_by_no_query) {
  BankOptions bank_options;
  std::optional<std::int64_t> seen;
  Driver* driver_in_handler = nullptr;
  bank_options.on_process = [&](const std::string& key, const Deposited& deposit) {
    if (deposit.amount != 2) return;
    const auto balance = driver_in_handler->store<std::string, Balance>("balances").get(key);
    seen = balance ? balance->total : 0;
  };
  auto driver = open_bank({}, bank_options);
  driver_in_handler = driver.get();
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->run_until_idle();
  driver->pipe("deposits", std::string("anna"), Deposited{2}, 2'000);
  driver->run_until_idle();
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(totals(*driver).at("anna"), 3);
}

TEST_P(Cycle, an_answer_carries_the_position_that_holds_it) {
  auto driver = open_bank();
  if (!driver->world().ordered()) GTEST_SKIP() << "this log has no positions over all topics";
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->run_until_idle();
  const auto answer = driver->instance().view<std::string, Balance>("balances").value().get("anna");
  ASSERT_TRUE(answer);
  EXPECT_GT(answer->position.position, 0U);
  EXPECT_LE(answer->position.position, driver->log().committed().position);
}

TEST_P(Cycle, small_cycles_give_the_same_as_large_ones) {
  std::vector<std::string> balances;
  for (const std::size_t records : {1U, 3U, 1'000U}) {
    auto driver = open_bank(small_cycles(records));
    for (int i = 0; i < 40; ++i)
      driver->pipe("deposits", "account-" + std::to_string(i % 3), Deposited{i}, 1'000 + i);
    driver->run_until_idle();
    std::map<std::string, std::string> by_id;
    for (const auto& record : driver->all_raw("bank.balances"))
      by_id[record.header("ce_id")] = *record.value;
    std::string text;
    for (const auto& [id, value] : by_id)
      text += id + " " + value + "\n";
    balances.push_back(text);
  }
  EXPECT_EQ(balances[0], balances[1]);
  EXPECT_EQ(balances[0], balances[2]);
}

TEST_P(Cycle, an_interval_between_commits_gathers_records) {
  InstanceOptions options;
  options.commit_interval_ms = 5'000;
  auto driver = open_bank(options);
  if (driver->world().manual_clock() == nullptr) GTEST_SKIP() << "needs a clock that stands still";
  const auto deposit = [&](std::int64_t time) {
    driver->pipe("deposits", std::string("anna"), Deposited{1}, time);
  };
  deposit(1'000);
  driver->run_until([&] { return driver->instance().status().records == 1; });
  const std::uint64_t commits = driver->instance().status().commits;
  deposit(1'001);
  deposit(1'002);
  for (int i = 0; i < 10; ++i) {
    const auto step = driver->step();
    ASSERT_TRUE(step);
    EXPECT_FALSE(step->worked);
  }
  EXPECT_EQ(driver->instance().status().records, 1U);
  driver->advance_ms(5'000);
  driver->run_until([&] { return driver->instance().status().records == 3; });
  EXPECT_EQ(driver->instance().status().commits, commits + 1);
}

TEST_P(Cycle, the_status_tells_lag_and_the_age_of_the_oldest_record) {
  auto driver = open_bank(small_cycles(2));
  for (int i = 0; i < 5; ++i)
    driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000 + i);
  for (std::uint64_t done = 0; done < 5;) {
    ASSERT_TRUE(driver->step());
    const auto status = driver->instance().status();
    EXPECT_LE(status.records, done + 2);
    done = status.records;
    std::int64_t lag = 0;
    std::int64_t oldest = -1;
    for (const auto& task : status.tasks) {
      lag += task.lag;
      oldest = std::max(oldest, task.oldest_unprocessed_ms);
    }
    EXPECT_EQ(lag, 5 - static_cast<std::int64_t>(done));
    // The next one may be still on its way.
    if (oldest < 0 && GetParam().remote) continue;
    EXPECT_EQ(oldest, done < 5 ? 1'000 + static_cast<std::int64_t>(done) : -1);
  }
}

// What a cluster keeps between the records, transaction markers, is passed over.
TEST_P(Cycle, the_positions_reach_the_ends_once_all_is_done) {
  auto driver = open(rerouted());
  driver->declare_topic("deposits", "teller");
  for (int i = 0; i < 8; ++i)
    driver->pipe("deposits", "account-" + std::to_string(i), Deposited{1}, 1'000 + i);
  driver->run_until_idle();
  EXPECT_EQ(driver->read_raw("rerouted.counts").size(), 8U);
  const auto left = [&] {
    std::map<std::string, std::int64_t> by_group;
    const auto groups = driver->tool().groups();
    if (!groups) throw testkit::TestError(groups.error().to_string());
    for (const log::GroupInfo& group : *groups) {
      for (const auto& position : group.positions) {
        const auto end = driver->tool().end_offset(position.partition);
        if (!end) throw testkit::TestError(end.error().to_string());
        by_group[group.name] += end->value - position.next.value;
      }
    }
    return by_group;
  };
  driver->run_until([&] {
    const auto by_group = left();
    return by_group.size() == 2 && std::all_of(by_group.begin(), by_group.end(),
                                               [](const auto& one) { return one.second == 0; });
  });
  // Nor do they run after themselves: who rests commits nothing.
  const std::uint64_t commits = driver->instance().status().commits;
  for (int i = 0; i < 5; ++i)
    driver->advance_ms(1'000);
  EXPECT_EQ(driver->instance().status().commits, commits);
  EXPECT_EQ(driver->read_raw("rerouted.counts").size(), 0U);
}

}  // namespace
}  // namespace millrace::stream::test
