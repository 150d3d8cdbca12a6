// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/message_format.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "millrace/base/error.hpp"

namespace {

using millrace::format_message;

template <class T>
concept IsValue = std::is_convertible_v<const T&, millrace::MessageValue>;
static_assert(IsValue<std::string> && IsValue<char[3]> && IsValue<char> && IsValue<std::size_t>);
static_assert(!IsValue<bool> && !IsValue<double> && !IsValue<char32_t*>);

TEST(MessageFormat, has_each_value_where_a_pair_of_braces_stands) {
  const std::string topic = "orders";
  EXPECT_EQ(format_message("topic {} has no partition {}", topic, 7),
            "topic orders has no partition 7");
  EXPECT_EQ(format_message("{}{}", std::string_view("a"), "b"), "ab");
  EXPECT_EQ(format_message("'{}'", 'c'), "'c'");
}

TEST(MessageFormat, writes_whole_numbers_of_all_sizes) {
  EXPECT_EQ(format_message("{}", std::numeric_limits<std::uint64_t>::max()),
            "18446744073709551615");
  EXPECT_EQ(format_message("{}", std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(format_message("{} {} {}", std::uint8_t{65}, std::int8_t{-1}, std::int16_t{-2}),
            "65 -1 -2");
}

TEST(MessageFormat, writes_doubled_braces_as_braces) {
  EXPECT_EQ(format_message("{{\"n\": {}}}", 3), "{\"n\": 3}");
  EXPECT_EQ(format_message("{{{}}}", "{}"), "{{}}") << "a value is not read as a format";
}

TEST(MessageFormat, is_what_fail_makes_a_message_of) {
  const auto failed = millrace::fail(millrace::errc::not_found, "topic {}: {}", "orders", 3);
  EXPECT_EQ(failed.error().to_string(), "base.not_found: topic orders: 3");
  const auto plain = millrace::fail(millrace::errc::not_found, "a {} without values stays");
  EXPECT_EQ(plain.error().message(), "a {} without values stays");
}

}  // namespace
