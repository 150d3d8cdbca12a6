// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/time_text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "millrace/base/clock.hpp"

namespace millrace {
namespace {

TEST(TimeText, known_times_are_written_and_read) {
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(1'291'191'960'000), "2010-12-01T08:26:00.000Z");
  EXPECT_EQ(format_time(951'827'696'789), "2000-02-29T12:34:56.789Z");
  EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(-62'167'219'200'000), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(parse_time("2010-12-01T08:26:00.000Z").value(), 1'291'191'960'000);
  EXPECT_EQ(parse_time("2010-12-01t08:26:00z").value(), 1'291'191'960'000);
}

TEST(TimeText, times_beyond_four_digit_years_are_held_at_the_nearest_that_can_be_written) {
  EXPECT_EQ(format_time(INT64_MAX), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(INT64_MIN), "0000-01-01T00:00:00.000Z");
}

TEST(TimeText, offsets_and_fractions_are_read) {
  EXPECT_EQ(parse_time("2010-12-01T10:26:00+02:00").value(), 1'291'191'960'000);
  EXPECT_EQ(parse_time("2010-12-01T02:56:00-05:30").value(), 1'291'191'960'000);
  EXPECT_EQ(parse_time("1970-01-01T00:00:00.5Z").value(), 500);
  EXPECT_EQ(parse_time("1970-01-01T00:00:00.123456789Z").value(), 123);
  EXPECT_EQ(parse_time("2016-12-31T23:59:60Z").value(), parse_time("2017-01-01T00:00:00Z").value());
}

TEST(TimeText, what_is_no_time_is_refused) {
  for (const char* text :
       {"", "2010", "2010-12-01", "2010-12-01T08:26:00", "2010-12-01 08:26:00Z",
        "2010-13-01T08:26:00Z", "2011-02-29T00:00:00Z", "2010-12-01T24:00:00Z",
        "2010-12-01T08:26:00.Z", "2010-12-01T08:26:00Zx", "2010-12-01T08:26:00+24:00",
        "2010-12-01T08:26:00+2:00", "201x-12-01T08:26:00Z"}) {
    const auto result = parse_time(text);
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_TRUE(result.error().is(errc::invalid_argument));
  }
}

RC_GTEST_PROP(TimeText, reading_gives_back_what_was_written, ()) {
  const auto ms = *rc::gen::inRange<std::int64_t>(-62'167'219'200'000, 253'402'300'800'000);
  RC_ASSERT(parse_time(format_time(ms)).value() == ms);
}

TEST(Clock, time_in_which_the_machine_is_suspended_is_not_awake) {
  const std::int64_t real_before = real_clock().awake_ns();
  EXPECT_GE(real_clock().awake_ns(), real_before);
  ManualClock clock;
  const std::int64_t before = clock.awake_ns();
  const std::int64_t monotonic_before = clock.monotonic_ns();
  clock.advance_ms(3);
  clock.suspend_ms(40);
  EXPECT_EQ(clock.awake_ns(), before + 3'000'000);
  EXPECT_EQ(clock.monotonic_ns(), monotonic_before + 43'000'000);
}

TEST(Clock, the_real_clocks_run_and_the_manual_one_waits) {
  EXPECT_GT(real_clock().wall_ms(), 1'600'000'000'000);
  const std::int64_t before = real_clock().monotonic_ns();
  EXPECT_LE(before, real_clock().monotonic_ns());
  ManualClock manual(1'000);
  const std::int64_t start = manual.monotonic_ns();
  manual.advance_ms(5);
  manual.jump_wall_ms(-100);
  EXPECT_EQ(manual.wall_ms(), 905);
  EXPECT_EQ(manual.monotonic_ns(), start + 5'000'000);
}

}  // namespace
}  // namespace millrace
