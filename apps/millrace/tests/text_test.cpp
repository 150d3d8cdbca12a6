// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "text.hpp"

#include <gtest/gtest.h>

namespace millrace::cli {
namespace {

TEST(Text, that_a_terminal_can_show_is_left_alone) {
  EXPECT_EQ(escaped("Grüße, £ 3"), "Grüße, £ 3");
  EXPECT_TRUE(is_plain_text("Grüße\n"));
}

TEST(Text, that_would_steer_a_terminal_is_escaped) {
  EXPECT_EQ(escaped("\x1b[31m\n\\"), "\\x1b[31m\\n\\\\");
  EXPECT_EQ(escaped("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_FALSE(is_plain_text("\x1b[31m"));
  EXPECT_FALSE(is_plain_text("\xc2\x9b"));
}

TEST(Text, that_is_broken_utf8_is_escaped) {
  for (const char* broken : {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_FALSE(is_plain_text(broken));
    EXPECT_TRUE(is_plain_text(escaped(broken))) << escaped(broken);
  }
}

TEST(Text, is_as_wide_as_its_code_points) { EXPECT_EQ(display_width("└─ ü"), 4U); }

TEST(Hex, has_two_digits_for_each_byte) {
  EXPECT_EQ(hex(std::string_view("\x00\xff", 2)), "00ff");
  EXPECT_EQ(hex_number(0x1f), "000000000000001f");
}

TEST(Place, is_partition_and_offset) {
  const auto place = parse_place("3:17");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->partition, 3);
  EXPECT_EQ(place->offset, 17);
  for (const char* bad : {"", "3", "3:", ":3", "-1:3", "3:x", "99999999999:1"}) {
    EXPECT_FALSE(parse_place(bad)) << bad;
  }
}

TEST(Nearest, finds_what_was_mistyped) {
  const std::vector<std::string> names{"orders", "stock", "payments"};
  EXPECT_EQ(nearest("order", names), "orders");
  EXPECT_EQ(nearest("stokc", names), "stock");
  EXPECT_EQ(nearest("paymnets", names), "payments");
}

TEST(Nearest, does_not_guess_wildly) {
  EXPECT_FALSE(nearest("insights", {"orders", "stock"}));
  EXPECT_FALSE(nearest("x", {}));
}

TEST(Counted, has_a_plural) {
  EXPECT_EQ(counted(1, "record"), "1 record");
  EXPECT_EQ(counted(0, "record"), "0 records");
}

}  // namespace
}  // namespace millrace::cli
