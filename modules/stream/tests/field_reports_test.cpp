// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What public bug reports on other systems describe, tried on ours: docs/field-reports.md names the
// report behind each test.
#include <gtest/gtest.h>

#include "field_reports.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::stream::test {
namespace {

class FieldReports : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, FieldReports, testing::ValuesIn(runtime_backends()), backend_name);

InstanceOptions with_snapshots(std::int64_t interval_ms = 1'000) {
  InstanceOptions options;
  options.state_directory = "state";
  options.snapshot_interval_ms = interval_ms;
  return options;
}

std::vector<std::string> files_in(Driver& driver, const std::string& directory) {
  const auto names = driver.files().list(directory);
  return names ? *names : std::vector<std::string>{};
}

TEST_P(FieldReports, closing_amid_a_restore_leaves_no_snapshot_of_half_the_state) {
  TopologyBuilder builder("archive");
  builder.stream<std::string, Closed>("closings").to_table("last");
  auto built = builder.build();
  ASSERT_TRUE(built);
  constexpr std::int64_t day_ms = 86'400'000;
  auto driver = open(*built, with_snapshots(day_ms));
  driver->declare_topic("closings", "teller", 1);
  for (int i = 0; i < 100; ++i)
    driver->pipe("closings", "account-" + std::to_string(i), Closed{std::string(100'000, 'x')}, i);
  driver->run_until_idle();
  driver->crash_and_restart();
  ASSERT_TRUE(files_in(*driver, "state").empty());
  driver->run_until([&] {
    const auto tasks = driver->instance().status().tasks;
    return !tasks.empty() && tasks[0].state == InstanceStatus::TaskState::restoring &&
           tasks[0].records_left > 0 && tasks[0].records_left < 100;
  });
  driver->restart();
  driver->run_until_idle();
  EXPECT_EQ((driver->store<std::string, Closed>("last").all().size()), 100U);
}

TEST_P(FieldReports, what_was_not_committed_is_in_no_snapshot) {
  auto driver = open_bank(with_snapshots());
  deposit(*driver, "anna", 1);
  driver->run_until_idle();
  driver->advance_ms(2'000);
  ASSERT_FALSE(files_in(*driver, "state").empty());
  deposit(*driver, "anna", 5);
  driver->world().fail_commits(log::errc::disk_full, 1'000);
  // Meanwhile a snapshot is due, and the handler's work lies in the store.
  for (int i = 0; i < 4; ++i)
    driver->advance_ms(1'000);
  EXPECT_GT(driver->instance().status().refused_commits, 0U);
  driver->world().fail_commits(log::errc::disk_full, 0);
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 6);
  EXPECT_TRUE(without_gap_or_repeat(driver->read<std::string, Balance>("bank.balances")));
}

TEST_P(FieldReports, a_deleted_key_stays_deleted_after_a_restore) {
  for (const bool snapshots : {false, true}) {
    DeskOptions closing_at_zero;
    closing_at_zero.on_process = [](const std::string& key, const Deposited& deposit,
                                    Balances balances) {
      if (deposit.amount == 0) return balances.erase(key);
      add(key, deposit, balances);
    };
    auto driver = open(desk(closing_at_zero), snapshots ? with_snapshots() : InstanceOptions{});
    driver->declare_topic("deposits", "teller");
    deposit(*driver, "anna", 1);
    deposit(*driver, "berta", 2);
    driver->run_until_idle();
    driver->advance_ms(2'000);
    EXPECT_EQ(!files_in(*driver, "state").empty(), snapshots);
    deposit(*driver, "anna", 0);
    driver->run_until_idle();
    driver->crash_and_restart();
    driver->run_until_idle();
    EXPECT_EQ(totals(*driver), (std::map<std::string, std::int64_t>{{"berta", 2}}));
  }
}

TEST_P(FieldReports, a_handler_may_change_the_store_that_it_walks) {
  for (const bool committed : {false, true}) {
    std::string walked;
    DeskOptions options;
    options.on_process = [&](const std::string& key, const Deposited& deposit, Balances balances) {
      if (deposit.amount > 0) return add(key, deposit, balances);
      walked.clear();
      balances.all([&](const std::string& account, const Balance& balance) {
        walked += account + "=" + std::to_string(balance.total) + " ";
        if (account == "a") {
          balances.erase("a");
          balances.erase("c");
          balances.put("d", {40, 1});
          balances.put("e1", {50, 1});
          balances.put("0", {60, 1});
        }
        return true;
      });
    };
    auto driver = open(desk(options));
    driver->declare_topic("deposits", "teller", 1);
    std::int64_t amount = 0;
    for (const char* account : {"a", "b", "c", "d", "e"}) {
      ++amount;
      deposit(*driver, account, amount, 1'000 + amount);
    }
    if (committed) driver->run_until_idle();
    deposit(*driver, "walk", 0, 2'000);
    driver->run_until_idle();
    // What is gone is not visited, what was changed is visited as it is, what lies behind is not.
    EXPECT_EQ(walked, "a=1 b=2 d=40 e=5 e1=50 ");
    EXPECT_EQ(totals(*driver), (std::map<std::string, std::int64_t>{
                                   {"0", 60}, {"b", 2}, {"d", 40}, {"e", 5}, {"e1", 50}}));
  }
}

TEST_P(FieldReports, a_position_beyond_the_end_is_an_error_and_not_a_wait) {
  auto driver = open(bank());
  driver->declare_topic("deposits", "teller", 1);
  deposit(*driver, "anna", 1);
  const auto topic = driver->tool().find_topic("deposits");
  ASSERT_TRUE(topic);
  const auto group = driver->tool().group("bank/bank");
  ASSERT_TRUE(group);
  log::Transaction transaction;
  transaction.set_position(*group, {topic->id, log::partition(0)}, log::offset(100));
  ASSERT_TRUE(driver->tool().commit(transaction));
  const auto error = error_of(*driver);
  ASSERT_TRUE(error);
  EXPECT_TRUE(error->is(log::errc::out_of_range)) << error->to_string();
  EXPECT_NE(error->message().find("deposits/0"), std::string::npos) << error->to_string();
}

TEST_P(FieldReports, an_instance_that_a_record_ends_commits_no_position_behind_it) {
  bool broken = true;
  BankOptions bank_options;
  bank_options.on_process = [&](const std::string&, const Deposited& deposit) {
    if (broken && deposit.amount == 2) throw std::runtime_error("the printer is out of paper");
  };
  InstanceOptions options;
  options.on_processing_error = ErrorAction::fail;
  auto driver = open_bank(options, bank_options);
  for (std::int64_t amount = 1; amount <= 3; ++amount)
    deposit(*driver, "anna", amount, 1'000 + amount);
  ASSERT_TRUE(error_of(*driver));
  broken = false;
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 6);
  const auto published = driver->read<std::string, Balance>("bank.balances");
  EXPECT_EQ(published.size(), 3U);
  EXPECT_TRUE(without_gap_or_repeat(published));
}

TEST_P(FieldReports, an_input_that_stays_empty_holds_up_neither_records_nor_stream_time) {
  int ticks = 0;
  DeskOptions options;
  options.on_process = add;
  options.on_tick = [&](std::int64_t) { ++ticks; };
  options.second_input = "refunds";
  auto driver = open(desk(options));
  driver->declare_topic("deposits", "teller");
  driver->declare_topic("refunds", "teller");
  for (int i = 0; i < 10; ++i)
    deposit(*driver, "anna", 1, 1'000 + i * 1'000);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 10);
  EXPECT_GT(ticks, 0);
}

TEST_P(FieldReports, the_state_directory_may_be_emptied_while_the_service_runs) {
  auto driver = open_bank(with_snapshots());
  for (int i = 0; i < 20; ++i)
    deposit(*driver, "account-" + std::to_string(i), 1);
  driver->run_until_idle();
  driver->advance_ms(2'000);
  const auto before = files_in(*driver, "state");
  ASSERT_FALSE(before.empty());
  for (const std::string& name : before)
    ASSERT_TRUE(driver->files().remove("state/" + name));
  for (int i = 0; i < 20; ++i)
    deposit(*driver, "account-" + std::to_string(i), 1);
  driver->run_until_idle();
  driver->advance_ms(2'000);
  EXPECT_EQ(files_in(*driver, "state"), before);
  driver->crash_and_restart();
  driver->run_until_idle();
  for (const auto& [account, total] : totals(*driver))
    EXPECT_EQ(total, 2) << account;
  EXPECT_EQ(totals(*driver).size(), 20U);
}

TEST_P(FieldReports, a_snapshot_that_was_cut_short_anywhere_is_passed_over) {
  auto driver = open_bank(with_snapshots());
  const auto deposit_to_all = [&] {
    for (int i = 0; i < 20; ++i)
      deposit(*driver, "account-" + std::to_string(i), 1);
    driver->run_until_idle();
    driver->advance_ms(2'000);
  };
  std::int64_t rounds = 0;
  for (const std::size_t kept : {0, 1, 4, 12, 60}) {
    deposit_to_all();
    ++rounds;
    const auto names = files_in(*driver, "state");
    ASSERT_FALSE(names.empty());
    for (const std::string& name : names) {
      const auto bytes = read_file(driver->files(), "state/" + name);
      ASSERT_TRUE(bytes);
      ASSERT_GT(bytes->size(), kept);
      const std::string_view part = std::string_view(*bytes).substr(0, kept);
      ASSERT_TRUE(write_file_atomically(driver->files(), "state/" + name, part));
    }
    driver->crash_and_restart();
    driver->run_until_idle();
    for (const auto& [account, total] : totals(*driver))
      EXPECT_EQ(total, rounds) << account << " after " << kept << " bytes";
    EXPECT_EQ(totals(*driver).size(), 20U);
  }
}

TEST_P(FieldReports, an_input_with_more_partitions_than_the_services_own_topics_loses_no_state) {
  auto driver = open(bank());
  driver->declare_topic("deposits", "teller", 9);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 40; ++i)
      deposit(*driver, "account-" + std::to_string(i), 1);
    driver->run_until_idle();
    driver->crash_and_restart();
    driver->run_until_idle();
  }
  EXPECT_EQ(totals(*driver).size(), 40U);
  for (const auto& [account, total] : totals(*driver))
    EXPECT_EQ(total, 2) << account;
}

TEST_P(FieldReports, a_record_without_a_time_is_processed_like_any_other) {
  DeskOptions options;
  options.on_process = add;
  auto driver = open(desk(options));
  driver->declare_topic("deposits", "teller", 1);
  deposit(*driver, "anna", 1, -1);
  deposit(*driver, "anna", 2, 5'000);
  deposit(*driver, "anna", 3, -1);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 6);
  driver->crash_and_restart();
  deposit(*driver, "anna", 4, -1);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 10);
  EXPECT_TRUE(driver->read_raw("desk.dead-letters").empty());
}

TEST_P(FieldReports, records_written_after_the_clock_was_set_back_are_read) {
  auto driver = open_bank();
  ManualClock* const clock = driver->world().manual_clock();
  if (clock == nullptr) GTEST_SKIP() << "needs a clock that can be set back";
  constexpr std::int64_t day_ms = 86'400'000;
  deposit(*driver, "anna", 1, clock->wall_ms());
  driver->run_until_idle();
  clock->jump_wall_ms(-day_ms);
  deposit(*driver, "anna", 2, clock->wall_ms());
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 3);
  driver->crash_and_restart();
  deposit(*driver, "anna", 4, clock->wall_ms());
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 7);
  EXPECT_TRUE(without_gap_or_repeat(driver->read<std::string, Balance>("bank.balances")));
}

}  // namespace
}  // namespace millrace::stream::test
