// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/interval.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

TEST(Interval, in_nanoseconds_ends_at_the_limits_of_the_type) {
  EXPECT_EQ(ns_of_ms(0), 0);
  EXPECT_EQ(ns_of_ms(-7), -7'000'000);
  EXPECT_EQ(ns_of_ms(most / 1'000'000), most / 1'000'000 * 1'000'000);
  EXPECT_EQ(ns_of_ms(most / 1'000'000 + 1), most);
  EXPECT_EQ(ns_of_ms(most), most);
  EXPECT_EQ(ns_of_ms(least), least);
}

TEST(Interval, added_to_a_time_ends_at_the_limits_of_the_type) {
  EXPECT_EQ(saturating_add(1, 2), 3);
  EXPECT_EQ(saturating_add(most, 1), most);
  EXPECT_EQ(saturating_add(1, most), most);
  EXPECT_EQ(saturating_add(least, -1), least);
  EXPECT_EQ(saturating_add(most, least), -1);
}

TEST(Interval, of_a_setting_that_is_out_of_range_is_refused_with_name_value_and_range) {
  EXPECT_TRUE(check_interval_ms("pause_ms", 1, 1, 10));
  EXPECT_TRUE(check_interval_ms("pause_ms", 10, 1, 10));
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{11}, most, least}) {
    const Status checked = check_interval_ms("pause_ms", value, 1, 10);
    ASSERT_FALSE(checked);
    EXPECT_TRUE(checked.error().is(errc::invalid_argument));
    EXPECT_EQ(checked.error().message(),
              "pause_ms = " + std::to_string(value) + " is not allowed: use 1 to 10");
  }
}

}  // namespace
}  // namespace millrace
