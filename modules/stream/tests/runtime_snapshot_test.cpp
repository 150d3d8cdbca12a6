// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Snapshots of tasks that leave and come back.
#include <gtest/gtest.h>

#include <algorithm>

#include "millrace/log/errors.hpp"
#include "runtime_branches.hpp"

namespace millrace::stream::test {
namespace {

// Closes accounts whose deposit is 0.
class Ledger final : public Processor<std::string, Deposited> {
 public:
  explicit Ledger(StoreRef<std::string, Balance> balances) : balances_(balances) {}
  void process(const std::string& key, const Deposited& deposit,
               ProcessorContext& context) override {
    auto store = context.store(balances_);
    if (deposit.amount == 0) return store.erase(key);
    store.put(key, {deposit.amount, 1});
  }

 private:
  StoreRef<std::string, Balance> balances_;
};

Topology ledger() {
  TopologyBuilder builder("bank");
  const auto balances = builder.store<std::string, Balance>("balances");
  builder.stream<std::string, Deposited>("deposits").process<Ledger>("ledger", balances);
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

class Snapshots : public Branches {
 protected:
  static constexpr std::int64_t day_ms = 86'400'000;

  // Written when the instance closes, and before that only when asked for.
  static InstanceOptions kept_in(const std::string& directory,
                                 std::int64_t interval_ms = 365 * day_ms) {
    InstanceOptions options;
    options.state_directory = directory;
    options.snapshot_interval_ms = interval_ms;
    return options;
  }
  std::size_t count(const std::string& directory) {
    const auto names = world_->files().list(directory);
    if (!names) return 0;
    return static_cast<std::size_t>(
        std::count_if(names->begin(), names->end(),
                      [](const std::string& name) { return name.ends_with(".snapshot"); }));
  }
  static std::size_t reported(const Branch& branch, std::string_view part) {
    const std::vector<std::string> events = branch.events->all();
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(),
        [&](const std::string& event) { return event.find(part) != std::string::npos; }));
  }
  void close(Branch& branch) {
    const Status closed = branch.instance->close();
    ASSERT_TRUE(closed) << closed.error().to_string();
    branch.instance.reset();
    branch.log.reset();
  }
  // Comes back to changelogs without accounts and tombstones; the log says so when it was asked so
  // often.
  void expect_passed_over(int asked_first) {
    Branch one = come_back_after(day_ms);
    const log::TopicId changelog = tool_->find_topic("bank.balances.changelog")->id;
    world_->set_tombstones_complete_from(changelog, log::offset(1'000'000), asked_first);
    world_->empty(changelog);
    rest({&one});
    EXPECT_EQ(accounts(one), 0U);
    EXPECT_EQ(reported(one, "snapshot ignored"), 4U);
  }
  // How many tasks replay changelogs again when accounts and tombstones go once the log was asked
  // so often, and how many accounts there are then. Tombstones stay for so long.
  std::pair<std::size_t, std::size_t> replays_while_tombstones_go(int asked_first,
                                                                  std::int64_t kept_ms) {
    topology_ = ledger();
    Branch one = open("bank-1");
    deposit(17);
    rest({&one});
    close(one);
    world_->set_tombstone_retention_ms(kept_ms);
    world_->set_tombstones_complete_from(tool_->find_topic("bank.balances.changelog")->id,
                                         log::offset(1'000'000), asked_first);
    Branch two = open("bank-2");
    rest({&two});
    return {reported(two, "replaying the changelogs again"), accounts(two)};
  }
  // All accounts of the ledger are opened under one instance and closed under another, then the
  // first comes back after so long.
  Branch come_back_after(std::int64_t ms) {
    topology_ = ledger();
    Branch one = open("bank-1", kept_in("state-1"));
    deposit(17);
    rest({&one});
    close(one);
    EXPECT_EQ(count("state-1"), 4U);
    Branch two = open("bank-2");
    for (int i = 0; i < 17; ++i)
      writer_.write("deposits", "account-" + std::to_string(i), Deposited{0}, 2'000 + i);
    rest({&two});
    close(two);
    world_->advance_ms(ms);
    return open("bank-1", kept_in("state-1"));
  }
  std::size_t accounts(const Branch& branch) {
    const auto all = branch.instance->view<std::string, Balance>("balances").value().all(100);
    EXPECT_TRUE(all) << all.error().to_string();
    return all ? all->value.size() : 0;
  }
};
INSTANTIATE_TEST_SUITE_P(On, Snapshots, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Snapshots, stay_when_a_task_is_handed_over) {
  Branch one = open("bank-1", kept_in("state-1", 1));
  rest({&one});
  deposit(100);
  rest({&one});
  world_->let_pass(2'000);
  rest({&one});
  ASSERT_EQ(count("state-1"), 4U);
  Branch two = open("bank-2", kept_in("state-2"));
  rest({&one, &two});
  ASSERT_EQ(one.instance->status().tasks.size(), 2U);
  EXPECT_EQ(count("state-1"), 4U);
  close(two);
  rest({&one});
  EXPECT_EQ(reported(one, "task restored"), 6U);
  EXPECT_EQ(reported(one, "from a snapshot, 0 records replayed"), 2U);
}

TEST_P(Snapshots, stay_when_a_task_is_lost_and_are_written_again_at_the_drain) {
  {
    Branch one = open("bank-1", kept_in("state-1"));
    deposit(100);
    rest({&one});
    close(one);
  }
  ASSERT_EQ(count("state-1"), 4U);
  {
    Branch one = open("bank-1", kept_in("state-1"));
    deposit(100);
    rest({&one});
    world_->set_asleep(*one.log, true);
    world_->advance_ms(60'000);
    Branch two = open("bank-2");
    rest({&two});
    close(two);
    world_->set_asleep(*one.log, false);
    rest({&one});
    EXPECT_EQ(reported(one, "task lost"), 4U);
    EXPECT_EQ(reported(one, "from a snapshot"), 8U);
    EXPECT_EQ(count("state-1"), 4U);
    // Nothing was processed since it has its tasks again.
    close(one);
  }
  Branch one = open("bank-1", kept_in("state-1"));
  rest({&one});
  EXPECT_EQ(reported(one, "from a snapshot, 0 records replayed"), 4U);
}

TEST_P(Snapshots, that_do_not_become_durable_do_not_keep_the_tasks_of_one_that_closes) {
  Branch one = open("bank-1", kept_in("state-1"));
  deposit(100);
  rest({&one});
  world_->fail_durable(log::errc::disk_full);
  const Status closed = one.instance->close();
  ASSERT_FALSE(closed);
  EXPECT_TRUE(closed.error().is(log::errc::disk_full)) << closed.error().to_string();
  EXPECT_TRUE(one.instance->status().tasks.empty());
  // No session has to end before the tasks are free.
  Branch two = open("bank-2");
  for (int i = 0; i < 100 && two.instance->status().tasks.size() < 4; ++i)
    step(two);
  EXPECT_EQ(two.instance->status().tasks.size(), 4U);
  EXPECT_EQ(count("state-1"), 0U);
}

TEST_P(Snapshots, older_than_half_the_time_that_tombstones_stay_are_passed_over) {
  if (GetParam().remote)
    GTEST_SKIP() << "a broker refuses records of a clock that is days ahead of its own";
  world_->set_tombstone_retention_ms(7 * day_ms);
  Branch one = come_back_after(4 * day_ms);
  // Compaction has removed the accounts and the tombstones from the changelog.
  world_->empty(tool_->find_topic("bank.balances.changelog")->id);
  rest({&one});
  EXPECT_EQ(accounts(one), 0U);
  EXPECT_EQ(reported(one, "snapshot ignored"), 4U);
}

TEST_P(Snapshots, are_passed_over_when_tombstones_behind_them_are_gone) {
  if (GetParam().remote)
    GTEST_SKIP() << "a broker refuses records of a clock that is days ahead of its own";
  expect_passed_over(0);
}

TEST_P(Snapshots, are_passed_over_when_these_go_while_the_changelog_is_replayed) {
  if (GetParam().remote)
    GTEST_SKIP() << "a broker refuses records of a clock that is days ahead of its own";
  expect_passed_over(2);
}

TEST_P(Snapshots, are_not_needed_to_see_that_tombstones_went_during_a_replay) {
  EXPECT_EQ(replays_while_tombstones_go(1, 0), std::pair(4UZ, 0UZ));
}

TEST_P(Snapshots, are_not_needed_when_tombstones_stay_longer_than_a_replay_takes) {
  // They would be there: the time of a tombstone begins when its record goes.
  EXPECT_EQ(replays_while_tombstones_go(1, day_ms), std::pair(0UZ, 9UZ));
}

TEST_P(Snapshots, are_not_needed_when_tombstones_were_gone_before_the_replay) {
  EXPECT_EQ(replays_while_tombstones_go(0, 0), std::pair(0UZ, 0UZ));
}

TEST_P(Snapshots, younger_than_that_are_used_and_the_tombstones_are_replayed) {
  if (GetParam().remote)
    GTEST_SKIP() << "a broker refuses records of a clock that is days ahead of its own";
  world_->set_tombstone_retention_ms(7 * day_ms);
  Branch one = come_back_after(3 * day_ms);
  rest({&one});
  EXPECT_EQ(accounts(one), 0U);
  EXPECT_EQ(reported(one, "from a snapshot"), 4U);
}

}  // namespace
}  // namespace millrace::stream::test
