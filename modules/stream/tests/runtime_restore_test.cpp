// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "millrace/base/die_at.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

class Restore : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Restore, testing::ValuesIn(runtime_backends()), backend_name);

InstanceOptions with_snapshots() {
  InstanceOptions options;
  options.state_directory = "state";
  options.snapshot_interval_ms = 1'000;
  return options;
}

void deposit(Driver& driver, int from, int to) {
  for (int i = from; i < to; ++i)
    driver.pipe("deposits", "account-" + std::to_string(i % 11), Deposited{1}, 1'000 + i);
  driver.run_until_idle();
}

std::int64_t total(Driver& driver) {
  std::int64_t sum = 0;
  for (const auto& [account, amount] : totals(driver))
    sum += amount;
  return sum;
}

std::size_t count_events(const Driver& driver, std::string_view part) {
  return static_cast<std::size_t>(std::count_if(
      driver.events().begin(), driver.events().end(),
      [&](const std::string& event) { return event.find(part) != std::string::npos; }));
}

TEST_P(Restore, state_comes_back_from_the_changelog) {
  auto driver = open_bank();
  deposit(*driver, 0, 100);
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(total(*driver), 100);
  deposit(*driver, 100, 120);
  EXPECT_EQ(total(*driver), 120);
  EXPECT_TRUE(without_gap_or_repeat(driver->read<std::string, Balance>("bank.balances")));
}

TEST_P(Restore, what_was_stopped_continues_where_it_was) {
  for (const bool snapshots : {false, true}) {
    auto driver = open_bank(snapshots ? with_snapshots() : InstanceOptions{});
    deposit(*driver, 0, 100);
    driver->restart();
    driver->run_until_idle();
    EXPECT_EQ(driver->instance().status().records, 0U);
    deposit(*driver, 100, 120);
    EXPECT_EQ(driver->instance().status().records, 20U);
    EXPECT_EQ(total(*driver), 120);
    const auto published = driver->read<std::string, Balance>("bank.balances");
    EXPECT_EQ(published.size(), 120U);
    EXPECT_TRUE(without_gap_or_repeat(published));
  }
}

TEST_P(Restore, a_snapshot_saves_the_replay_of_what_it_holds) {
  auto driver = open_bank(with_snapshots());
  deposit(*driver, 0, 100);
  driver->advance_ms(2'000);
  deposit(*driver, 100, 103);
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(total(*driver), 103);
  EXPECT_EQ(count_events(*driver, "from a snapshot"), 4U);
  EXPECT_EQ(count_events(*driver, "snapshot ignored"), 0U);
}

TEST_P(Restore, closing_leaves_snapshots_with_nothing_to_replay) {
  auto driver = open_bank(with_snapshots());
  deposit(*driver, 0, 100);
  driver->restart();
  driver->run_until_idle();
  EXPECT_EQ(total(*driver), 100);
  EXPECT_EQ(count_events(*driver, "from a snapshot, 0 records replayed"), 4U);
}

TEST_P(Restore, a_corrupt_snapshot_is_reported_and_passed_over) {
  auto driver = open_bank(with_snapshots());
  deposit(*driver, 0, 100);
  driver->advance_ms(2'000);
  const auto names = driver->files().list("state");
  ASSERT_TRUE(names);
  ASSERT_EQ(names->size(), 4U);
  for (const std::string& name : *names)
    ASSERT_TRUE(driver->files().flip_bit("state/" + name, 100, 3));
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(total(*driver), 100);
  EXPECT_EQ(count_events(*driver, "snapshot ignored"), 4U);
}

TEST_P(Restore, a_file_that_is_no_snapshot_is_neither_replaced_nor_removed) {
  auto driver = open_bank(with_snapshots());
  deposit(*driver, 0, 100);
  driver->advance_ms(2'000);
  const auto names = driver->files().list("state");
  ASSERT_TRUE(names);
  ASSERT_EQ(names->size(), 4U);
  const std::string path = "state/" + names->front();
  ASSERT_TRUE(write_file_atomically(driver->files(), path, "my notes"));
  driver->crash_and_restart();
  deposit(*driver, 100, 200);
  driver->advance_ms(2'000);
  driver->restart();
  driver->run_until_idle();
  EXPECT_EQ(total(*driver), 200);
  EXPECT_EQ(read_file(driver->files(), path).value(), "my notes");
  EXPECT_GE(count_events(*driver, "snapshot not written"), 1U);
}

TEST_P(Restore, a_snapshot_is_published_only_when_its_position_is_durable) {
  auto driver = open_bank(with_snapshots());
  log::MemoryBroker* const broker = driver->world().broker();
  if (broker == nullptr)
    GTEST_SKIP() << "only the log in memory makes durable only what it is asked to";
  broker->set_manual_durability(true);
  deposit(*driver, 0, 100);
  driver->advance_ms(2'000);
  const auto published = [&] {
    const auto names = driver->files().list("state");
    return names
               ? std::count_if(names->begin(), names->end(),
                               [](const std::string& name) { return name.ends_with(".snapshot"); })
               : 0;
  };
  EXPECT_EQ(published(), 0);
  broker->make_durable();
  driver->run_until_idle();
  EXPECT_EQ(published(), 4);
}

TEST_P(Restore, a_snapshot_of_another_log_is_passed_over) {
  auto driver = open_bank(with_snapshots());
  deposit(*driver, 0, 100);
  driver->advance_ms(2'000);
  const auto names = driver->files().list("state");
  ASSERT_TRUE(names);
  auto other = open_bank(with_snapshots());
  deposit(*other, 0, 10);
  for (const std::string& name : *names) {
    const auto bytes = read_file(driver->files(), "state/" + name);
    ASSERT_TRUE(bytes);
    ASSERT_TRUE(other->files().create_directories("state"));
    ASSERT_TRUE(write_file_atomically(other->files(), "state/" + name, *bytes));
  }
  other->crash_and_restart();
  other->run_until_idle();
  EXPECT_EQ(total(*other), 10);
  EXPECT_EQ(count_events(*other, "snapshot ignored"), 4U);
}

TEST_P(Restore, a_snapshot_that_is_not_in_the_past_of_the_log_is_passed_over) {
  auto driver = open_bank(with_snapshots());
  deposit(*driver, 0, 100);
  driver->advance_ms(2'000);
  const log::Lineage lineage = driver->log().lineage();
  const log::LogPosition end = driver->log().committed();
  driver->world().put_back();
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(total(*driver), 100);
  EXPECT_EQ(count_events(*driver, "snapshot ignored"), 4U);
  EXPECT_EQ(count_events(*driver, "the test says so"), 4U);
  ASSERT_EQ(driver->world().asked_for_past().size(), 4U);
  for (const auto& [asked, position] : driver->world().asked_for_past()) {
    EXPECT_EQ(asked, lineage);
    EXPECT_FALSE(position.is_beyond(end));
    if (driver->world().ordered()) {
      EXPECT_GT(position.position, 0U);
    }
  }
}

TEST_P(Restore, a_death_between_writing_and_publishing_a_snapshot_costs_nothing) {
  for (const char* point : {"stream.snapshot.written", "stream.snapshot.published"}) {
    auto driver = open_bank(with_snapshots());
    deposit(*driver, 0, 50);
    driver->advance_ms(2'000);
    std::optional<DieAt> death(std::in_place, point);
    // Where the clock is the real one, the next snapshot may be due before all is deposited.
    const auto deposit_until_death = [&] {
      deposit(*driver, 50, 100);
      driver->advance_ms(2'000);
    };
    EXPECT_THROW(deposit_until_death(), SimulatedDeath);
    death.reset();
    driver->files().lose_power();
    driver->crash_and_restart();
    driver->run_until_idle();
    EXPECT_EQ(total(*driver), 100);
  }
}

TEST_P(Restore, a_full_disk_under_the_snapshots_does_not_stop_the_service) {
  auto driver = open_bank(with_snapshots());
  driver->files().set_capacity(10);
  deposit(*driver, 0, 100);
  driver->advance_ms(2'000);
  deposit(*driver, 100, 110);
  EXPECT_EQ(total(*driver), 110);
  EXPECT_GT(count_events(*driver, "snapshot not written"), 0U);
}

TEST_P(Restore, long_restores_go_in_slices_and_a_view_says_not_ready_meanwhile) {
  TopologyBuilder builder("archive");
  builder.stream<std::string, Closed>("closings").to_table("last");
  auto built = builder.build();
  ASSERT_TRUE(built);
  auto driver = open(*built);
  driver->declare_topic("closings", "teller", 1);
  for (int i = 0; i < 100; ++i)
    driver->pipe("closings", "account-" + std::to_string(i), Closed{std::string(100'000, 'x')}, i);
  driver->run_until_idle();
  driver->crash_and_restart();
  int not_ready = 0;
  for (;;) {
    const auto step = driver->step();
    ASSERT_TRUE(step);
    if (!step->worked) driver->world().let_pass();
    const auto answer =
        driver->instance().view<std::string, Closed>("last").value().get("account-5");
    if (answer) break;
    EXPECT_TRUE(answer.error().is(errc::not_ready));
    // Those of the dead are not ours at once.
    if (driver->instance().status().tasks.empty()) continue;
    EXPECT_FALSE(driver->instance().status().ready);
    ++not_ready;
  }
  EXPECT_GE(not_ready, 2);
  EXPECT_TRUE(driver->instance().status().ready);
  EXPECT_EQ((driver->store<std::string, Closed>("last").all().size()), 100U);
}

// Joins deposits with names from a table that is read straight from its topic.
Topology named_deposits() {
  TopologyBuilder builder("names");
  const auto names = builder.table<std::string, Closed>("holders", "holders");
  builder.stream<std::string, Deposited>("deposits")
      .join(names,
            [](const Deposited& deposit, const Closed& holder) {
              return Closed{holder.reason + " " + std::to_string(deposit.amount)};
            })
      .to("names.deposits");
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

TEST_P(Restore, a_table_is_rebuilt_from_its_own_topic_up_to_what_was_processed) {
  for (const bool snapshots : {false, true}) {
    auto driver = open(named_deposits(), snapshots ? with_snapshots() : InstanceOptions{});
    driver->declare_topic("holders", "registry");
    driver->declare_topic("deposits", "teller");
    driver->pipe("holders", std::string("a"), Closed{"Anna"}, 1'000);
    driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);  // the table goes first
    driver->run_until_idle();
    driver->advance_ms(2'000);
    testkit::RawRecord garbage;
    garbage.key = "a";
    garbage.value = "{";
    driver->pipe_raw("holders", garbage);
    driver->pipe("holders", std::string("b"), Closed{"Berta"}, 1'500);
    driver->run_until_idle();
    driver->crash_and_restart();
    driver->run_until_idle();
    driver->pipe("deposits", std::string("a"), Deposited{2}, 2'000);
    driver->pipe("deposits", std::string("b"), Deposited{3}, 2'000);
    driver->pipe("deposits", std::string("c"), Deposited{4}, 2'000);
    driver->run_until_idle();
    std::vector<std::string> said;
    for (const auto& record : driver->read<std::string, Closed>("names.deposits"))
      said.push_back(record.value.reason);
    std::sort(said.begin(), said.end());
    EXPECT_EQ(said, (std::vector<std::string>{"Anna 1", "Anna 2", "Berta 3"}));
    EXPECT_EQ(driver->read_raw("names.dead-letters").size(), 1U);
    EXPECT_EQ(count_events(*driver, "from a snapshot") > 0, snapshots);
    // No changelog beside the topic itself.
    EXPECT_FALSE(driver->log().find_topic("names.holders.changelog"));
  }
}

TEST_P(Restore, a_table_has_the_same_content_before_and_after_whatever_became_of_its_records) {
  TopologyBuilder builder("names", 1);
  builder.table<std::string, Closed>("holders", "holders")
      .to_stream()
      .for_each([](const std::string&, const Closed& holder) {
        if (holder.reason == "throw") throw std::runtime_error("no such name");
      });
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto driver = open(*built);
  driver->declare_topic("holders", "registry", 1);
  driver->pipe("holders", std::string("a"), Closed{"anna"}, 1'000);
  driver->pipe("holders", std::string("b"), Closed{"throw"}, 1'100);
  driver->run_until_idle();
  EXPECT_EQ(driver->read_raw("names.dead-letters").size(), 1U);
  const auto content = [&] {
    std::string text;
    for (const auto& [key, holder] : driver->store<std::string, Closed>("holders").all())
      text += key + "=" + holder.reason + " ";
    return text;
  };
  EXPECT_EQ(content(), "a=anna b=throw ");
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(content(), "a=anna b=throw ");
}

}  // namespace
}  // namespace millrace::stream::test
