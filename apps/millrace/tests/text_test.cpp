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

}  // namespace
}  // namespace millrace::cli
