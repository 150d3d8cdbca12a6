// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/input_ranges.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "millrace/base/random.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {
namespace {

TEST(InputRangesTest, come_back_as_they_were_and_take_no_more_than_they_are_said_to) {
  const std::vector<std::vector<std::int64_t>> ends{
      {3, 0}, {3, 700'000}, {9, 700'000}, {std::numeric_limits<std::int64_t>::max(), 700'001}};
  InputRangesWriter writer({{"left", 4}, {"right", 300}});
  std::size_t most = writer.first_range_bytes_max();
  for (const auto& end : ends) {
    writer.add(end);
    EXPECT_LE(writer.bytes().size(), most);
    most += writer.range_bytes_max();
  }
  const auto decoded = decode_input_ranges(writer.bytes());
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->topics, (std::vector<InputRanges::Topic>{{"left", 4}, {"right", 300}}));
  EXPECT_EQ(decoded->ends, ends);
}

// Version 1: where topics have no numbers, and of earlier builds.
TEST(InputRangesTest, without_numbers_of_topics_are_those_of_earlier_builds) {
  InputRangesWriter writer({{"a"}, {"b"}});
  writer.add({3, 5});
  EXPECT_EQ(writer.bytes(),
            "\x01\x02\x01"
            "a\x03\x01"
            "b\x05");
  const auto decoded = decode_input_ranges(writer.bytes());
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->topics, (std::vector<InputRanges::Topic>{{"a", 0}, {"b", 0}}));
  EXPECT_EQ(decoded->ends, (std::vector<std::vector<std::int64_t>>{{3, 5}}));
}

TEST(InputRangesTest, take_a_byte_for_each_input_after_the_first) {
  InputRangesWriter writer({{"left", 4}, {"right", 300}});
  writer.add({1'000'000, 2'000'000});
  const std::size_t first = writer.bytes().size();
  writer.add({1'000'100, 2'000'000});
  EXPECT_EQ(writer.bytes().size(), first + 2);
}

TEST(InputRangesTest, that_are_cut_damaged_or_newer_are_refused) {
  InputRangesWriter writer({{"left", 4}, {"right", 300}});
  writer.add({1, 300});
  for (std::size_t size = 0; size < writer.bytes().size(); ++size) {
    const auto cut = decode_input_ranges(std::string_view(writer.bytes()).substr(0, size));
    ASSERT_FALSE(cut) << size;
    EXPECT_TRUE(cut.error().is(millrace::errc::invalid_argument));
  }
  EXPECT_FALSE(decode_input_ranges("\x02\xff\xff\xff\xff\x0f"));
  EXPECT_TRUE(decode_input_ranges("\x03").error().is(errc::incompatible));
}

TEST(InputRangesTest, of_more_than_a_commit_has_are_refused_before_they_take_memory) {
  InputRangesWriter writer({{"a", 4}, {"b", 5}});
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(input_ranges_max); ++i)
    writer.add({i, i});
  const auto most = decode_input_ranges(writer.bytes());
  ASSERT_TRUE(most) << most.error().to_string();
  EXPECT_EQ(most->ends.size(), input_ranges_max);
  writer.add({5'000, 5'000});
  EXPECT_TRUE(decode_input_ranges(writer.bytes()).error().is(millrace::errc::invalid_argument));
}

TEST(InputRangesTest, that_end_at_no_offset_are_refused) {
  // Of one topic `a`: 2^63, which is no offset; and the largest offset, with a range behind it.
  const std::string head(
      "\x01\x01\x01"
      "a",
      4);
  const std::string beyond = head + "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01";
  const std::string largest = head + "\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
  ASSERT_TRUE(decode_input_ranges(largest));
  for (const std::string& bytes : {beyond, largest + "\x01"}) {
    const auto refused = decode_input_ranges(bytes);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(millrace::errc::invalid_argument));
  }
}

TEST(InputRangesTest, whatever_the_bytes_rise_from_0_or_are_refused) {
  InputRangesWriter writer({{"left", 4}, {"right", 300}});
  writer.add({3, 0});
  writer.add({3, 700'000});
  writer.add({std::numeric_limits<std::int64_t>::max(), 700'001});
  SeededRandom random(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = writer.bytes();
    for (std::uint64_t changes = 1 + random.below(3); changes > 0; --changes)
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    const auto decoded = decode_input_ranges(bytes);
    if (!decoded) continue;
    std::vector<std::int64_t> before(decoded->topics.size());
    for (const auto& end : decoded->ends) {
      ASSERT_EQ(end.size(), before.size());
      for (std::size_t k = 0; k < end.size(); ++k)
        ASSERT_GE(end[k], before[k]);
      before = end;
    }
  }
}

}  // namespace
}  // namespace millrace::stream::runtime
