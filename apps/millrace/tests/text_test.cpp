// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "text.hpp"

#include <gtest/gtest.h>

namespace millrace::cli {
namespace {

TEST(PartitionOffset, is_partition_and_offset) {
  const auto found = parse_partition_offset("3:17");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->partition, 3);
  EXPECT_EQ(found->offset, 17);
  for (const char* bad : {"", "3", "3:", ":3", "-1:3", "3:x", "99999999999:1"}) {
    EXPECT_FALSE(parse_partition_offset(bad)) << bad;
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
