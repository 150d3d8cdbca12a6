// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "reader_positions.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace millrace::log::embedded {
namespace {

const std::vector<std::string> named_groups = {"stock/part", "spy"};
constexpr TopicPartition of_readers{{{7}}, {{0}}};

std::optional<Offset> kept(const std::string& prefix,
                           const std::vector<PositionRecord>& positions) {
  TopicLimits limits;
  limits.waits_for_readers = true;
  limits.reader = prefix;
  ReaderPositions readers;
  readers.add(of_readers, limits);
  readers.take(positions, named_groups);
  return readers.kept_from(of_readers);
}

PositionRecord at(std::int32_t group, std::int64_t next) { return {{{group}}, of_readers, next}; }

TEST(ReaderPositions, of_groups_with_the_prefix_count_and_all_stays_until_there_is_one) {
  EXPECT_EQ(kept("stock/", {}), offset(0));
  EXPECT_EQ(kept("stock/", {at(1, 5)}), offset(0));
  EXPECT_EQ(kept("stock/", {at(1, 5), at(0, 9)}), offset(9));
}

TEST(ReaderPositions, of_a_group_whose_name_is_not_known_yet_hold_records_and_release_none) {
  EXPECT_EQ(kept("stock/", {at(2, 5)}), offset(0));
  EXPECT_EQ(kept("stock/", {at(2, 5), at(0, 9)}), offset(5));
}

TEST(ReaderPositions, of_all_groups_count_without_a_prefix) {
  EXPECT_EQ(kept("", {}), std::nullopt);
  EXPECT_EQ(kept("", {at(0, 9), at(1, 5), at(2, 7)}), offset(5));
}

TEST(ReaderPositions, of_other_partitions_say_nothing) {
  EXPECT_EQ(kept("stock/", {{{{0}}, {{{7}}, {{1}}}, 9}}), offset(0));
}

}  // namespace
}  // namespace millrace::log::embedded
