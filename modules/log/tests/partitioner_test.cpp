// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/partitioner.hpp"

#include <gtest/gtest.h>

#include <set>

namespace millrace::log {
namespace {

TEST(Partitioner, keys_go_where_kafkas_clients_put_them) {
  SeededRandom random(1);
  // (murmur2(key) & 0x7fffffff) % 100 of the vectors in Kafka's UtilsTest.
  EXPECT_EQ(choose_partition("21", 100, random), partition((-973932308 & 0x7fffffff) % 100));
  EXPECT_EQ(choose_partition("foobar", 100, random), partition((-790332482 & 0x7fffffff) % 100));
  EXPECT_EQ(choose_partition("abc", 100, random), partition(479470107 % 100));
  EXPECT_EQ(choose_partition("a-little-bit-long-string", 7, random),
            partition((-985981536 & 0x7fffffff) % 7));
}

TEST(Partitioner, records_without_a_key_spread_over_all_partitions_as_the_seed_says) {
  SeededRandom random(7);
  SeededRandom same(7);
  std::set<PartitionId> seen;
  for (int i = 0; i < 200; ++i) {
    const PartitionId chosen = choose_partition(std::nullopt, 5, random);
    EXPECT_EQ(chosen, choose_partition(std::nullopt, 5, same));
    seen.insert(chosen);
  }
  EXPECT_EQ(seen.size(), 5U);
}

TEST(Partitioner, an_empty_key_is_a_key) {
  SeededRandom random(7);
  const PartitionId first = choose_partition("", 50, random);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(choose_partition("", 50, random), first);
  }
}

}  // namespace
}  // namespace millrace::log
