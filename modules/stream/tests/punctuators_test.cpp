// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/punctuators.hpp"

#include <gtest/gtest.h>

namespace millrace::stream::runtime {
namespace {

constexpr std::int64_t period_ms = 1'000;

TEST(PunctuatorsTest, a_walk_that_ends_without_a_visit_is_journaled) {
  Punctuators timers;
  Punctuators::Timer& timer = timers.add("sweep", PunctuationType::wall_clock, period_ms, 0);
  timers.advance(timer, period_ms);
  timers.begin_sweep(timer);
  timers.visit(timer, "last");
  timers.commit();
  ASSERT_FALSE(timers.moved());
  timers.end_sweep(timer);
  EXPECT_TRUE(timers.moved());
}

// A sweep may have been something else in an earlier version.
TEST(PunctuatorsTest, a_walk_begins_at_the_first_entry) {
  TaskState state;
  state.timers["sweep"] = {period_ms, 1, false, "left over"};
  Punctuators timers;
  timers.restore(state);
  Punctuators::Timer& timer = timers.add("sweep", PunctuationType::wall_clock, period_ms, 0);
  timers.begin_sweep(timer);
  EXPECT_TRUE(timer.now.sweeping);
  EXPECT_EQ(timer.now.swept, std::nullopt);
}

TEST(PunctuatorsTest, a_timer_that_the_clock_left_behind_is_to_be_journaled_and_stays_near) {
  TaskState state;
  state.timers["tick"] = {3'600'000, 5, false, std::nullopt};
  Punctuators timers;
  timers.restore(state);
  Punctuators::Timer& timer = timers.add("tick", PunctuationType::wall_clock, period_ms, 0);
  ASSERT_FALSE(timers.times_set());
  timers.clamp_to(0);
  EXPECT_TRUE(timers.times_set());
  timers.rewind();
  EXPECT_EQ(timer.now.next_ms, period_ms);
  timers.commit();
  timers.clamp_to(0);
  EXPECT_FALSE(timers.times_set());
}

}  // namespace
}  // namespace millrace::stream::runtime
