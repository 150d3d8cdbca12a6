// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <memory>

#include "settling_world.hpp"

// A process that stands still while it has the right to settle. On a simulated machine.
namespace millrace::log {
namespace {

class StoppedSettler : public Settling {
 protected:
  /// A member that settles, and stands still while others see it live.
  void SetUp() override {
    Settling::SetUp();
    if (!fault_points_compiled_in()) {
      GTEST_SKIP() << "this build has no fault points";
    }
    one_ = open("one");
    two_ = open("two");
    fill(*one_, 45);
    plan("settle.begun", 1);
    EXPECT_THROW(static_cast<void>(one_->maintain_storage()), SimulatedDeath);
    forget_plan();
  }
  /// Of the second member, once a second.
  void keep_house(int seconds) {
    for (int second = 0; second < seconds; ++second) {
      machine().clock.advance_ms(1'000);
      ASSERT_TRUE(maintain_all(*two_));
    }
  }

  std::unique_ptr<Log> one_;
  std::unique_ptr<Log> two_;
};

TEST_F(StoppedSettler, is_ended_when_it_shows_no_sign_of_life_for_minutes) {
  keep_house(290);
  EXPECT_GT(count_of(*two_, "unsettled_bytes"), 0U);
  keep_house(20);
  EXPECT_EQ(count_of(*two_, "unsettled_bytes"), 0U);
  EXPECT_TRUE(put_all(*one_, {a_}, "late").error().is(errc::closed));
  expect_whole(*two_);
}

TEST_F(StoppedSettler, is_not_ended_while_its_housekeeping_lives) {
  for (int minute = 0; minute < 10; ++minute) {
    ASSERT_TRUE(one_->maintain());
    keep_house(60);
  }
  EXPECT_GT(count_of(*two_, "unsettled_bytes"), 0U);
  EXPECT_TRUE(one_->wait_durable(one_->committed()));
}

TEST_F(StoppedSettler, is_not_ended_for_time_in_which_the_machine_stood_still) {
  machine().clock.advance_ms(3'600'000);
  keep_house(250);
  EXPECT_GT(count_of(*two_, "unsettled_bytes"), 0U);
}

TEST_F(StoppedSettler, is_named_to_those_that_wait_for_it) {
  const Status refused = two_->delete_topic(a_.topic);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(millrace::errc::busy)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("member 'one' (pid 100"));
}

}  // namespace
}  // namespace millrace::log
