// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

#include "millrace/stream/topology.hpp"
#include "shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::HasSubstr;

string problem(const TimeWindows& windows) {
  TopologyBuilder builder("shop");
  builder.stream<string, Placed>("orders").group_by_key().windowed_by(windows).count("by-hour");
  const auto built = builder.build();
  return built ? string() : built.error().message();
}

TEST(Windows, have_a_size) {
  for (const std::int64_t ms : {std::int64_t{0}, std::int64_t{-1'000}}) {
    EXPECT_THAT(problem(tumbling(std::chrono::milliseconds(ms)).no_grace()),
                HasSubstr("windows of " + std::to_string(ms) + " ms"));
  }
}

TEST(Windows, have_no_negative_grace) {
  EXPECT_THAT(problem(tumbling(std::chrono::hours(1)).grace(std::chrono::milliseconds(-1))),
              HasSubstr("a grace of -1 ms"));
}

TEST(Windows, are_kept_at_least_until_they_close) {
  const WindowsWithoutGrace hours = tumbling(std::chrono::hours(1));
  EXPECT_THAT(problem(hours.never_closes()), HasSubstr("never close have no retention"));
  EXPECT_EQ(problem(hours.never_closes().retention(std::chrono::hours(1))), "");
  const TimeWindows closing = hours.grace(std::chrono::hours(1));
  EXPECT_EQ(problem(closing), "");
  EXPECT_EQ(problem(closing.retention(std::chrono::hours(2))), "");
  EXPECT_THAT(problem(closing.retention(std::chrono::milliseconds(7'199'999))),
              HasSubstr("their size and their grace together, 7200000 ms"));
}

TEST(Windows, expire_when_their_retention_is_over) {
  const std::int64_t last = std::numeric_limits<std::int64_t>::max();
  const WindowsWithoutGrace windows = tumbling(std::chrono::milliseconds(100));
  const TimeWindows closing = windows.grace(std::chrono::milliseconds(50));
  EXPECT_FALSE(closing.is_expired(100, 249));
  EXPECT_TRUE(closing.is_expired(100, 250));
  const TimeWindows kept = closing.retention(std::chrono::milliseconds(300));
  EXPECT_FALSE(kept.is_expired(100, 399));
  EXPECT_TRUE(kept.is_expired(100, 400));
  EXPECT_FALSE(kept.is_expired(100, OperatorTime::none));
  EXPECT_FALSE(windows.grace(std::chrono::milliseconds(last)).is_expired(100, last));
}

TEST(Windows, close_when_their_grace_is_over_and_not_with_the_end_of_time) {
  const std::int64_t last = std::numeric_limits<std::int64_t>::max();
  const WindowsWithoutGrace windows = tumbling(std::chrono::milliseconds(100));
  EXPECT_FALSE(windows.never_closes().is_closed(100, last));
  const TimeWindows graceful = windows.grace(std::chrono::milliseconds(50));
  EXPECT_FALSE(graceful.is_closed(100, 149));
  EXPECT_TRUE(graceful.is_closed(100, 150));
  EXPECT_FALSE(graceful.is_closed(200, 150));
  EXPECT_FALSE(graceful.is_closed(100, OperatorTime::none));
  EXPECT_FALSE(windows.no_grace().is_closed(100, 99));
  EXPECT_TRUE(windows.no_grace().is_closed(100, 100));
  EXPECT_FALSE(windows.no_grace().is_closed(last, last));
  EXPECT_FALSE(windows.grace(std::chrono::milliseconds(last)).is_closed(100, last));
}

TEST(Windows, lie_around_their_times_up_to_the_ends_of_time) {
  const std::int64_t first = std::numeric_limits<std::int64_t>::min();
  const std::int64_t last = std::numeric_limits<std::int64_t>::max();
  const auto check = [&](std::int64_t size, std::int64_t advance) {
    const TimeWindows windows{size, advance, 0};
    for (const std::int64_t time : {first, first + 1, -size, std::int64_t{-1}, std::int64_t{0},
                                    std::int64_t{1}, size - 1, size, last - 1, last}) {
      const std::int64_t count = windows.count_at(time);
      ASSERT_TRUE(count == size / advance || count == size / advance + 1) << time;
      for (std::int64_t n = 0; n < count; ++n) {
        const auto [start, end] = windows.at(time, n);
        EXPECT_LE(start, time) << size;
        EXPECT_TRUE(time < end || (time == last && end == last)) << time << ' ' << size;
        if (start != first && end != last) {
          EXPECT_EQ(end - start, size) << time;
          EXPECT_EQ(start % advance, 0) << time;
        }
      }
    }
  };
  for (const std::int64_t size : {std::int64_t{1}, std::int64_t{1'000}, last})
    check(size, size);
  for (const std::int64_t advance : {1, 7, 300, 999})
    check(1'000, advance);
  const auto ten = tumbling(std::chrono::milliseconds(10)).no_grace();
  EXPECT_EQ(ten.at(-1, 0).start_ms, -10);
  EXPECT_EQ(ten.at(-1, 0).end_ms, 0);
  EXPECT_EQ(ten.at(-10, 0).end_ms, 0);
}

TEST(Windows, hop_by_no_more_than_their_size_and_not_too_often) {
  const auto hopping_ms = [](std::int64_t size, std::int64_t advance) {
    return hopping(std::chrono::milliseconds(size), std::chrono::milliseconds(advance)).no_grace();
  };
  EXPECT_EQ(problem(hopping_ms(1'000, 100)), "");
  for (const std::int64_t advance : {-1, 0, 1'001})
    EXPECT_THAT(problem(hopping_ms(1'000, advance)), HasSubstr("an advance is at least 1 ms"));
  EXPECT_EQ(problem(hopping_ms(10'000, 1)), "");
  EXPECT_THAT(problem(hopping_ms(10'001, 1)), HasSubstr("in more than 10,000 of them"));
  EXPECT_EQ(hopping_ms(1'000, 100).to_string(), "hopping 1000 ms by 100 ms");
  EXPECT_EQ(hopping_ms(1'000, 1'000).to_string(), "tumbling 1000 ms");
}

}  // namespace
}  // namespace millrace::stream::test
