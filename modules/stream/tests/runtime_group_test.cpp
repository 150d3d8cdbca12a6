// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "millrace/log/errors.hpp"
#include "runtime_branches.hpp"

namespace millrace::stream::test {
namespace {

class Topics : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Topics, testing::ValuesIn(runtime_backends()), backend_name);

INSTANTIATE_TEST_SUITE_P(On, Branches, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Branches, a_second_instance_gets_its_share_and_the_state_with_it) {
  Branch one = open("bank-1");
  rest({&one});
  EXPECT_EQ(one.instance->status().tasks.size(), 4U);
  deposit(100);
  rest({&one});
  Branch two = open("bank-2");
  deposit(100);
  rest({&one, &two});
  EXPECT_EQ(one.instance->status().tasks.size(), 2U);
  EXPECT_EQ(two.instance->status().tasks.size(), 2U);
  deposit(100);
  rest({&one, &two});
  EXPECT_EQ(published(), 300U);
}

TEST_P(Branches, when_one_instance_dies_the_other_carries_on) {
  Branch one = open("bank-1");
  Branch two = open("bank-2");
  rest({&one, &two});
  deposit(100);
  rest({&one, &two});
  deposit(100);
  world_->kill(*one.log);
  rest({&two});
  EXPECT_EQ(two.instance->status().tasks.size(), 4U);
  EXPECT_EQ(published(), 200U);
  EXPECT_FALSE(one.instance->step());
}

TEST_P(Branches, an_instance_that_overslept_is_fenced_and_repeats_nothing) {
  Branch one = open("bank-1");
  rest({&one});
  deposit(50);
  rest({&one});
  // It does not wake for longer than its session.
  world_->set_asleep(*one.log, true);
  world_->advance_ms(60'000);
  Branch two = open("bank-2");
  deposit(50);
  rest({&two});
  EXPECT_EQ(published(), 100U);
  world_->set_asleep(*one.log, false);
  deposit(50);
  rest({&two, &one});
  EXPECT_EQ(published(), 150U);
}

// On Kafka positions cost round trips, and a coordinator that is away stops all work for as long as
// it is asked.
TEST_P(Branches, the_owner_of_a_lost_task_is_found_without_a_list_of_all_groups) {
  Branch one = open("bank-1");
  rest({&one});
  world_->set_asleep(*one.log, true);
  world_->advance_ms(60'000);
  Branch two = open("bank-2");
  rest({&two});
  bool listed = false;
  world_->before_groups([&] { listed = true; });
  world_->set_asleep(*one.log, false);
  rest({&two, &one});
  EXPECT_TRUE(one.instance->status().ready);
  EXPECT_FALSE(listed);
}

TEST_P(Branches, a_closed_instance_hands_its_tasks_over) {
  Branch one = open("bank-1");
  Branch two = open("bank-2");
  rest({&one, &two});
  ASSERT_TRUE(one.instance->close());
  EXPECT_TRUE(one.instance->step().error().is(log::errc::closed));
  deposit(60);
  rest({&two});
  EXPECT_EQ(two.instance->status().tasks.size(), 4U);
  EXPECT_EQ(published(), 60U);
}

TEST_P(Branches, views_and_status_may_be_asked_from_any_thread_while_tasks_come_and_go) {
  Branch one = open("bank-1");
  rest({&one});
  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> answers = 0;
  std::thread asker([&] {
    const auto view = one.instance->view<std::string, Balance>("balances").value();
    std::int64_t last = 0;
    while (!stop) {
      if (const auto answer = view.get("account-3"); answer && answer->value) {
        EXPECT_GE(answer->value->deposits, last);
        last = answer->value->deposits;
        ++answers;
      }
      static_cast<void>(view.all(100));
      static_cast<void>(one.instance->status());
    }
  });
  for (int round = 0; round < times(2, 20) || answers == 0; ++round) {
    deposit(40);
    Branch two = open("bank-2");
    rest({&one, &two});
    ASSERT_TRUE(two.instance->close());
    rest({&one});
  }
  stop = true;
  asker.join();
  EXPECT_GT(answers, 0);
}

/// Waits, while it is destroyed, for a thread of its own.
class Waiting final : public Processor<std::string, Deposited> {
 public:
  using Work = std::function<void()>;
  explicit Waiting(std::shared_ptr<Work> work) : work_(std::move(work)) {}
  ~Waiting() override {
    std::thread([this] { (*work_)(); }).join();
  }
  void process(const std::string&, const Deposited&, ProcessorContext&) override {}

 private:
  std::shared_ptr<Work> work_;
};

TEST_P(Branches, a_processor_that_is_destroyed_may_wait_for_a_thread_that_asks_a_view) {
  const auto work = std::make_shared<Waiting::Work>([] {});
  TopologyBuilder builder("bank");
  const auto deposits = builder.stream<std::string, Deposited>("deposits");
  deposits.process<Waiting>("waiting", work);
  deposits.group_by_key().count("counts");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  topology_ = *std::move(built);
  Branch one = open("bank-1");
  rest({&one});
  const auto view = one.instance->view<std::string, std::int64_t>("counts").value();
  std::atomic<int> asked = 0;
  *work = [&] {
    static_cast<void>(view.get("account-1"));
    ++asked;
  };
  deposit(10);
  world_->answer_commit(log::errc::outcome_unknown);
  rest({&one});
  const int restarted = asked;
  EXPECT_GT(restarted, 0);
  ASSERT_TRUE(one.instance->close());
  EXPECT_GT(asked, restarted);
  *work = [] {};
}

TEST_P(Branches, a_key_that_may_be_elsewhere_is_not_reported_as_missing) {
  Branch one = open("bank-1");
  Branch two = open("bank-2");
  rest({&one, &two});
  const auto answer = one.instance->view<std::string, Balance>("balances").value().get("nobody");
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().is(errc::not_ready));
  const auto other = one.instance->view<std::string, Balance>("savings");
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().is(errc::unknown_store));
  EXPECT_NE(other.error().message().find("balances"), std::string::npos);
  const auto mistyped = one.instance->view<std::string, std::int64_t>("balances");
  ASSERT_FALSE(mistyped);
  EXPECT_TRUE(mistyped.error().is(errc::view_mismatch));
  EXPECT_EQ(mistyped.error().message(),
            "store balances has string -> Balance {total:int64,deposits:int64}; asked for was "
            "string -> int64");
}

TEST_P(Branches, an_answer_says_which_partitions_it_leaves_out) {
  deposit(17);
  Branch one = open("bank-1");
  Branch two = open("bank-2");
  rest({&one, &two});
  const auto view_one = one.instance->view<std::string, Balance>("balances").value();
  const auto view_two = two.instance->view<std::string, Balance>("balances").value();
  const auto of_one = view_one.all(100);
  const auto of_two = view_two.all(100);
  ASSERT_TRUE(of_one && of_two);
  EXPECT_FALSE(of_one->has_all_partitions() || of_two->has_all_partitions());
  EXPECT_EQ(of_one->value.size() + of_two->value.size(), 17U);
  std::vector<std::int32_t> missing = of_one->missing_partitions;
  missing.insert(missing.end(), of_two->missing_partitions.begin(),
                 of_two->missing_partitions.end());
  std::sort(missing.begin(), missing.end());
  EXPECT_EQ(missing, (std::vector<std::int32_t>{0, 1, 2, 3}));
  ASSERT_TRUE(two.instance->close());
  rest({&one});
  const auto of_all = view_one.all(100);
  ASSERT_TRUE(of_all);
  EXPECT_TRUE(of_all->has_all_partitions());
  EXPECT_EQ(of_all->value.size(), 17U);
}

TEST_P(Branches, a_view_may_be_asked_for_by_the_reference_of_the_store) {
  Branch one = open("bank-1");
  rest({&one});
  const StoreRef<std::string, Balance> balances{StoreId{0}, topology_.plan().builder};
  const auto view = one.instance->view(balances);
  ASSERT_TRUE(view) << view.error().to_string();
  EXPECT_TRUE(view->get("nobody"));
  const auto mistyped =
      one.instance->view(StoreRef<std::string, std::int64_t>{balances.id, balances.builder});
  ASSERT_FALSE(mistyped);
  EXPECT_TRUE(mistyped.error().is(errc::view_mismatch));
}

TEST_P(Branches, a_reference_of_another_builder_has_no_view) {
  Branch one = open("bank-1");
  rest({&one});
  TopologyBuilder other("other");
  for (const auto& foreign :
       {StoreRef<std::string, Balance>{}, other.store<std::string, Balance>("balances")}) {
    const auto view = one.instance->view(foreign);
    ASSERT_FALSE(view);
    EXPECT_EQ(view.error().to_string(),
              "stream.unknown_store: the StoreRef is not of the builder of the topology of bank: "
              "keep the one that store() of that builder returned, or ask by name; there are: "
              "balances");
  }
}

TEST_P(Topics, a_missing_input_is_waited_for_and_named) {
  auto driver = open(bank());
  driver->run_until_idle();
  const auto status = driver->instance().status();
  EXPECT_EQ(status.waiting_for_topics, std::vector<std::string>{"deposits"});
  EXPECT_TRUE(status.ready);
  EXPECT_TRUE(status.tasks.empty());
  driver->declare_topic("deposits", "teller");
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->run_until_idle();
  EXPECT_TRUE(driver->instance().status().waiting_for_topics.empty());
  EXPECT_EQ(totals(*driver).at("anna"), 1);
}

TEST_P(Topics, a_missing_input_holds_up_only_its_readers) {
  TopologyBuilder builder("two");
  builder.stream<std::string, Deposited>("deposits")
      .map_values([](const Deposited& deposit) { return Balance{deposit.amount, 1}; })
      .to("two.a");
  builder.stream<std::string, Closed>("closings")
      .map_values([](const Closed&) { return Balance{}; })
      .to("two.b");
  auto built = builder.build();
  ASSERT_TRUE(built);
  auto driver = open(*built);
  driver->declare_topic("deposits", "teller");
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->run_until_idle();
  EXPECT_EQ(driver->read_raw("two.a").size(), 1U);
  EXPECT_EQ(driver->instance().status().waiting_for_topics, std::vector<std::string>{"closings"});
}

TEST_P(Topics, a_topic_that_comes_late_is_read_from_its_beginning) {
  auto driver = open(bank());
  driver->run_until_idle();
  driver->declare_topic("deposits", "teller");
  for (int i = 0; i < 20; ++i)
    driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000 + i);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 20);
}

TEST_P(Topics, inputs_of_one_task_with_different_partition_counts_are_refused_by_name) {
  TopologyBuilder builder("names");
  const auto names = builder.table<std::string, Closed>("holders", "holders");
  builder.stream<std::string, Deposited>("deposits")
      .join(names, [](const Deposited&, const Closed& holder) { return holder; })
      .to("names.deposits");
  auto built = builder.build();
  ASSERT_TRUE(built);
  auto driver = open(*built);
  driver->declare_topic("holders", "registry", 3);
  driver->declare_topic("deposits", "teller", 4);
  const auto step = driver->step();
  ASSERT_FALSE(step);
  EXPECT_TRUE(step.error().is(errc::bad_topology));
  EXPECT_NE(step.error().message().find("holders has 3"), std::string::npos);
  EXPECT_NE(step.error().message().find("deposits has 4"), std::string::npos);
}

}  // namespace
}  // namespace millrace::stream::test
