// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/unknown_types.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::stream::runtime {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> counts_of(const UnknownTypes& types) {
  std::vector<std::string> counts;
  for (const auto& [topic, type, records] : types.counts())
    counts.push_back(topic + " " + type + " " + std::to_string(records));
  return counts;
}

TEST(UnknownTypes, shows_what_was_counted_and_nothing_that_was_only_looked_for) {
  UnknownTypes types;
  EXPECT_TRUE(types.find("orders", "Placed").is_new);
  EXPECT_THAT(counts_of(types), IsEmpty());
  *types.find("orders", "Placed").count += 2;
  ++*types.find("orders", "Paid").count;
  ++*types.find("bills", "Paid").count;
  EXPECT_FALSE(types.find("orders", "Placed").is_new);
  EXPECT_THAT(counts_of(types), ElementsAre("bills Paid 1", "orders Paid 1", "orders Placed 2"));
}

TEST(UnknownTypes, counts_all_types_beyond_100_of_a_topic_together) {
  UnknownTypes types;
  for (int i = 0; i < 1'000; ++i) {
    const auto [count, is_new] = types.find("orders", "type-" + std::to_string(i));
    EXPECT_EQ(is_new, i < 100) << i;
    ++*count;
  }
  ++*types.find("orders", "type-99").count;
  ++*types.find("bills", "type-900").count;
  const auto counts = types.counts();
  ASSERT_EQ(counts.size(), 102U);
  EXPECT_EQ(counts[0].type, "type-900");
  EXPECT_EQ(counts.back().topic, "orders");
  EXPECT_EQ(counts.back().type, "other");
  EXPECT_EQ(counts.back().records, 900U);
  std::uint64_t records = 0;
  for (const UnknownTypeCount& one : counts)
    records += one.records;
  EXPECT_EQ(records, 1'002U);
}

TEST(UnknownTypes, shows_a_type_called_other_among_the_others_once) {
  UnknownTypes types;
  ++*types.find("orders", "other").count;
  EXPECT_THAT(counts_of(types), ElementsAre("orders other 1"));
}

TEST(UnknownTypes, cuts_and_escapes_what_others_called_their_types) {
  UnknownTypes types;
  ++*types.find("orders", std::string("a\x1b[2J\n\xff\"")).count;
  ++*types.find("orders", std::string(199, 'b') + "é").count;
  ++*types.find("orders", std::string(5'000, 'b')).count;
  EXPECT_THAT(counts_of(types),
              ElementsAre("orders a\\x1b[2J\\n\\xff\" 1", "orders " + std::string(199, 'b') + " 1",
                          "orders " + std::string(200, 'b') + " 1"));
}

}  // namespace
}  // namespace millrace::stream::runtime
