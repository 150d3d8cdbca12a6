// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/message_text.hpp"

#include <gtest/gtest.h>

namespace millrace {
namespace {

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

TEST(UnknownName, suggests_one_or_lists_a_few) {
  EXPECT_EQ(unknown_name("topic", "ordesr", {"orders", "stock"}),
            "there is no topic 'ordesr': did you mean 'orders'?");
  EXPECT_EQ(unknown_name("topic", "insights", {"orders", "stock"}),
            "there is no topic 'insights': there are orders, stock");
  EXPECT_EQ(unknown_name("topic", "a\n", {}), "there is no topic 'a\\n'");
  const std::vector<std::string> many(13, "orders");
  EXPECT_EQ(unknown_name("topic", "insights", many), "there is no topic 'insights'");
}

}  // namespace
}  // namespace millrace
