// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "control.hpp"
#include "embedded_faults.hpp"

// Waits on a simulated machine: they end at the same events as on a real one, and time passes only
// up to there.
namespace millrace::log {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;

LogOptions interval_options(std::string member, std::int64_t interval_ms = 100) {
  LogOptions options = options_of("stock", std::move(member));
  options.durability = DurabilityPolicy::interval;
  options.sync_interval_ms = interval_ms;
  return options;
}

class SimulatedWaits : public EmbeddedFaults {
 protected:
  [[nodiscard]] std::int64_t now_ms() { return machine_.clock.monotonic_ns() / ns_per_ms; }
  [[nodiscard]] std::int64_t deadline_ns(std::int64_t ms) {
    return machine_.clock.monotonic_ns() + ms * ns_per_ms;
  }
  void after_ms(std::int64_t ms, std::function<void()> event) {
    machine_.regions.schedule(deadline_ns(ms), std::move(event));
  }
  /// In the middle of a commit of `held`. It is not abandoned, so the others see it live.
  void stop_with_the_lock(Log& holder) {
    const auto partition = topic_at(holder, "t");
    plan("commit.after_frame", 1);
    EXPECT_THROW(static_cast<void>(put_all(holder, {partition}, "held")), SimulatedDeath);
  }
};

TEST_F(SimulatedWaits, a_commit_is_durable_at_the_interval_when_the_leader_is_dead) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto leader = machine_.open(interval_options("leader", 20));
  const auto partition = topic_at(*leader, "t");
  const std::int64_t opened_ms = now_ms();
  auto second = machine_.open(interval_options("second"));
  machine_.keep_house(*second, 10);
  machine_.clock.advance_ms(30);
  const auto committed = put_all(*leader, {partition}, "v");
  ASSERT_TRUE(committed.has_value());
  plan("sync.leader_before", 1);
  ASSERT_TRUE(dies(*leader, [&] { static_cast<void>(leader->maintain()); }));
  ASSERT_LT(second->durable().position, committed->position.position);
  ASSERT_TRUE(second->wait_durable(committed->position).has_value());
  EXPECT_EQ(second->durable(), second->committed());
  EXPECT_EQ(now_ms(), opened_ms + 100) << "the interval of the second member";
}

TEST_F(SimulatedWaits, a_commit_is_durable_when_the_next_housekeeping_is_due) {
  auto first = machine_.open(interval_options("first"));
  const auto partition = topic_at(*first, "t");
  const std::int64_t opened_ms = now_ms();
  auto second = machine_.open(interval_options("second"));
  machine_.keep_house(*first, 10);
  machine_.clock.advance_ms(30);
  const auto committed = put_all(*second, {partition}, "v");
  ASSERT_TRUE(committed.has_value());
  ASSERT_TRUE(second->wait_durable(committed->position).has_value());
  EXPECT_EQ(second->durable(), committed->position);
  EXPECT_EQ(now_ms(), opened_ms + 100) << "the other member syncs by its interval";
}

TEST_F(SimulatedWaits, a_commit_that_nobody_else_syncs_is_durable_after_the_interval) {
  auto log = machine_.open(interval_options("alone"));
  const auto committed = put_all(*log, {topic_at(*log, "t")}, "v");
  ASSERT_TRUE(committed.has_value());
  const std::int64_t before_ms = now_ms();
  ASSERT_TRUE(log->wait_durable(committed->position).has_value());
  EXPECT_EQ(log->durable(), committed->position);
  EXPECT_EQ(now_ms(), before_ms + 100);
}

TEST_F(SimulatedWaits, a_leader_that_was_stopped_does_not_stop_the_others) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto leader = machine_.open(options_of("stock", "leader"));
  auto second = machine_.open(options_of("stock", "second"));
  const auto committed = put_all(*leader, {topic_at(*leader, "t")}, "v");
  ASSERT_TRUE(committed.has_value());
  plan("sync.leader_before", 1);
  // It is not abandoned, so the others see it live.
  EXPECT_THROW(static_cast<void>(leader->wait_durable(committed->position)), SimulatedDeath);
  ASSERT_TRUE(second->wait_durable(committed->position).has_value());
  EXPECT_EQ(second->durable(), committed->position);
}

TEST_F(SimulatedWaits, a_member_that_stopped_with_the_writer_lock_is_killed) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto holder = machine_.open(options_of("stock", "holder"));
  auto second = machine_.open(options_of("stock", "second"));
  const auto partition = topic_at(*second, "t");
  stop_with_the_lock(*holder);
  const std::int64_t before_ms = now_ms();
  ASSERT_TRUE(put_all(*second, {partition}, "v").has_value());
  EXPECT_EQ(values_of(*second, partition), (std::vector<std::string>{"held", "v"}));
  EXPECT_GE(now_ms(), before_ms + machine_.embedded().stuck_holder_ms);
  const auto late = put_all(*holder, {partition}, "late");
  ASSERT_FALSE(late.has_value());
  EXPECT_TRUE(late.error().is(errc::closed)) << late.error().to_string();
}

TEST_F(SimulatedWaits,
       a_holder_of_the_writer_lock_is_not_killed_for_time_in_which_the_waiter_slept) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto holder = machine_.open(options_of("stock", "holder"));
  auto second = machine_.open(options_of("stock", "second"));
  const auto partition = topic_at(*second, "t");
  stop_with_the_lock(*holder);
  const std::int64_t before_ms = now_ms();
  // For an hour, as in a container that is paused.
  after_ms(1, [&] { machine_.clock.advance_ms(3'600'000); });
  ASSERT_TRUE(put_all(*second, {partition}, "v").has_value());
  EXPECT_GE(now_ms(), before_ms + 3'600'000 + machine_.embedded().stuck_holder_ms - 20)
      << "the hour counts as one look";
}

TEST_F(SimulatedWaits, no_claim_is_lost_while_the_machine_sleeps) {
  auto holder = machine_.open(options_of("stock", "holder"));
  auto other = machine_.open(options_of("stock", "other"));
  const auto partition = topic_at(*holder, "t");
  auto membership = holder->join(holder->group("g").value(), {"0_0"}).value();
  const auto change = membership->poll();
  ASSERT_TRUE(change.has_value());
  ASSERT_EQ(change->granted.size(), 1U);
  const auto commit = [&] {
    Transaction transaction;
    transaction.append(partition, {0, "k", "v", {}});
    transaction.require(change->granted[0]);
    return holder->commit(transaction);
  };
  machine_.clock.suspend_ms(3'600'000);
  ASSERT_TRUE(other->maintain().has_value());
  const auto committed = commit();
  EXPECT_TRUE(committed.has_value()) << committed.error().to_string();
  const auto again = membership->poll();
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->lost.empty());
  machine_.clock.advance_ms(holder->options().session_timeout_ms + 1);
  ASSERT_TRUE(other->maintain().has_value());
  const auto late = commit();
  ASSERT_FALSE(late.has_value());
  EXPECT_TRUE(late.error().is(errc::fenced)) << late.error().to_string();
}

std::function<void()> before_kill;

TEST_F(SimulatedWaits, a_member_that_takes_the_slot_of_a_stuck_holder_is_not_killed) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto holder = machine_.open(options_of("stock", "holder"));
  auto second = machine_.open(options_of("stock", "second"));
  const auto partition = topic_at(*second, "t");
  stop_with_the_lock(*holder);
  forget_plan();
  std::unique_ptr<Log> third;
  std::unique_ptr<Log> heir;
  before_kill = [&] {
    abandon(*holder);
    third = machine_.open(options_of("stock", "third"));
    heir = machine_.open(options_of("stock", "heir"));
  };
  set_fault_handler([](std::string_view point) {
    if (point == "lock.before_kill" && before_kill) {
      std::exchange(before_kill, nullptr)();
    }
  });
  ASSERT_TRUE(put_all(*second, {partition}, "v").has_value());
  set_fault_handler(nullptr);
  ASSERT_NE(heir, nullptr) << "the holder was about to be killed";
  EXPECT_TRUE(put_all(*heir, {partition}, "w").has_value()) << "it has the holder's slot";
  EXPECT_EQ(values_of(*second, partition), (std::vector<std::string>{"held", "v", "w"}));
}

TEST_F(SimulatedWaits, a_handle_that_dies_in_its_sleep_is_counted_once) {
  auto sleeper = machine_.open(interval_options("sleeper"));
  auto other = machine_.open(interval_options("other"));
  const auto region = machine_.regions.open(SimulatedMachine::directory, false).value();
  const auto* const control = reinterpret_cast<const embedded::Control*>(
      region->map(sizeof(embedded::Control), false).value());
  const auto committed = put_all(*sleeper, {topic_at(*sleeper, "t")}, "v");
  ASSERT_TRUE(committed.has_value());
  after_ms(40, [&] {
    EXPECT_EQ(control->durable_sleepers.load(), 1U);
    abandon(*sleeper);
    ASSERT_TRUE(other->maintain().has_value());
    EXPECT_EQ(control->durable_sleepers.load(), 0U);
  });
  EXPECT_FALSE(sleeper->wait_durable(committed->position).has_value());
  EXPECT_EQ(control->durable_sleepers.load(), 0U);
}

TEST_F(SimulatedWaits, a_reader_wakes_when_its_topic_is_deleted) {
  auto writer = machine_.open(options_of("stock", "writer"));
  const auto partition = topic_at(*writer, "t");
  auto reader = machine_.open(options_of("stock", "reader"));
  auto waiter = reader->waiter();
  const Interest next[] = {{partition, offset(0)}};
  const std::int64_t before_ms = now_ms();
  after_ms(40, [&] { ASSERT_TRUE(writer->delete_topic(partition.topic).has_value()); });
  // All members are woken, whatever they wait for; by itself it would look after a second.
  EXPECT_EQ(waiter->wait(next, deadline_ns(5'000)), WaitOutcome::interrupted);
  EXPECT_EQ(now_ms(), before_ms + 40);
  EXPECT_EQ(waiter->wait(next, deadline_ns(5'000)), WaitOutcome::ready);
}

TEST_F(SimulatedWaits, a_reader_wakes_at_the_commit_of_another_member) {
  auto writer = machine_.open(options_of("stock", "writer"));
  const auto partition = topic_at(*writer, "t");
  LogOptions reading = options_of();
  reading.access = LogAccess::read_only;
  for (const LogOptions& options : {options_of("stock", "reader"), reading}) {
    auto reader = machine_.open(options);
    auto waiter = reader->waiter();
    const Interest next[] = {{partition, reader->end_offset(partition).value()}};
    const std::int64_t before_ms = now_ms();
    after_ms(40, [&] { ASSERT_TRUE(put_all(*writer, {partition}, "v").has_value()); });
    EXPECT_EQ(waiter->wait(next, deadline_ns(5'000)), WaitOutcome::ready);
    EXPECT_EQ(now_ms(), before_ms + 40);
    const Interest beyond[] = {{partition, reader->end_offset(partition).value()}};
    EXPECT_EQ(waiter->wait(beyond, deadline_ns(5'000)), WaitOutcome::timeout);
    EXPECT_EQ(now_ms(), before_ms + 5'040);
    after_ms(20, [&] { waiter->interrupt(); });
    EXPECT_EQ(waiter->wait(beyond, deadline_ns(5'000)), WaitOutcome::interrupted);
    EXPECT_EQ(now_ms(), before_ms + 5'060);
  }
}

TEST_F(SimulatedWaits, a_wait_inside_an_event_moves_the_clock_and_runs_no_other_event) {
  auto first = machine_.open(options_of("stock", "first"));
  auto second = machine_.open(options_of("stock", "second"));
  const auto partition = topic_at(*first, "t");
  auto outer = first->waiter();
  auto inner = second->waiter();
  const Interest nothing_yet[] = {{partition, offset(0)}};
  const std::int64_t before_ms = now_ms();
  after_ms(10, [&] {
    EXPECT_EQ(inner->wait(nothing_yet, deadline_ns(50)), WaitOutcome::timeout);
    EXPECT_EQ(now_ms(), before_ms + 60);
  });
  // Due while the event before it waits; it comes when that one has returned.
  after_ms(30, [&] { ASSERT_TRUE(put_all(*second, {partition}, "v").has_value()); });
  EXPECT_EQ(outer->wait(nothing_yet, deadline_ns(5'000)), WaitOutcome::ready);
  EXPECT_EQ(now_ms(), before_ms + 60);
}

TEST_F(SimulatedWaits, a_log_whose_control_file_never_becomes_usable_is_given_up) {
  auto log = machine_.open();
  machine_.regions.flip_byte(SimulatedMachine::directory, 0);
  const std::int64_t before_ms = now_ms();
  const auto refused = machine_.try_open(options_of("stock", "late"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(millrace::errc::busy)) << refused.error().to_string();
  EXPECT_GT(now_ms(), before_ms + 60'000);
  after_ms(200, [&] { abandon(*log); });
  const auto opened = machine_.try_open(options_of("stock", "late"));
  EXPECT_TRUE(opened.has_value()) << opened.error().to_string();
}

}  // namespace
}  // namespace millrace::log
