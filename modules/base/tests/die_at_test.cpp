// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/die_at.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>

namespace millrace {
namespace {

TEST(DieAt, the_nth_pass_of_the_point_throws_and_no_other) {
  const DieAt death("a", 2);
  detail::fault_point_reached("a");
  detail::fault_point_reached("b");
  EXPECT_FALSE(death.happened());
  EXPECT_THROW(detail::fault_point_reached("a"), SimulatedDeath);
  EXPECT_TRUE(death.happened());
  detail::fault_point_reached("a");
}

TEST(DieAt, the_point_is_named_by_the_exception) {
  const DieAt death("a");
  try {
    detail::fault_point_reached("a");
    FAIL() << "nothing was thrown";
  } catch (const SimulatedDeath& died) {
    EXPECT_EQ(died.point, "a");
  }
}

int passes_of_former = 0;

TEST(DieAt, the_former_handler_comes_back) {
  const FaultHandler former = set_fault_handler([](std::string_view) { ++passes_of_former; });
  std::optional<DieAt> death(std::in_place, "a");
  detail::fault_point_reached("b");
  EXPECT_EQ(passes_of_former, 0);
  death.reset();
  detail::fault_point_reached("a");
  EXPECT_EQ(passes_of_former, 1);
  set_fault_handler(former);
}

TEST(DieAtDeathTest, a_signal_may_take_the_place_of_the_exception) {
  const auto pass = [] {
    const DieAt death("a", 1, SIGKILL);
    detail::fault_point_reached("a");
  };
  EXPECT_EXIT(pass(), testing::KilledBySignal(SIGKILL), "");
}

TEST(DieAtDeathTest, two_of_them_end_the_process) {
  const DieAt one("a");
  EXPECT_DEATH(DieAt("b"), "one DieAt at a time");
}

}  // namespace
}  // namespace millrace
