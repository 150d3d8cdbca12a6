// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The bytes of OffsetFetch, version 7, written by hand after the tables of the protocol.
#include "wire/offset_fetch.hpp"

#include <gmock/gmock.h>

#include "millrace/base/text.hpp"

namespace millrace::log::kafka::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string bytes_of(std::string hex) {
  std::erase(hex, ' ');
  return hex_decode(hex).value();
}

TEST(OffsetFetch, partitions_are_asked_for_topic_by_topic) {
  const std::vector<KafkaPartition> partitions{{"a", 0}, {"a", 258}, {"bc", 1}};
  EXPECT_EQ(fetch_positions("group", {.partitions = &partitions, .stable = true}),
            bytes_of("06 67726f7570"                  // the group
                     "03"                             // two topics
                     "02 61 03 00000000 00000102 00"  // a: partitions 0 and 258
                     "03 6263 02 00000001 00"         // bc: partition 1
                     "01 00"));                       // stable
}

TEST(OffsetFetch, all_that_a_group_has_is_asked_for_by_null) {
  EXPECT_EQ(fetch_positions("g", {}), bytes_of("02 67 00 00 00"));
}

TEST(OffsetFetch, more_partitions_than_a_byte_counts_are_asked_for) {
  std::vector<KafkaPartition> partitions;
  for (std::int32_t i = 0; i < 300; ++i)
    partitions.push_back({"t", i});
  const std::string bytes = fetch_positions("g", {.partitions = &partitions});
  // 301 as a varint behind the group, the number of topics and the topic.
  EXPECT_EQ(bytes.substr(0, 7), bytes_of("02 67 02 02 74 ad02"));
  EXPECT_EQ(bytes.size(), 7U + 300 * 4 + 3);
}

const char* const two_positions =
    "00000000"                                           // throttled
    "03"                                                 // two topics
    "02 61 03"                                           // a, two partitions
    "00000000 000000000000002a ffffffff 01 0000 00"      // 0: 42, empty metadata
    "00000102 ffffffffffffffff ffffffff 00 0000 00 00"   // 258: none, null metadata
    "03 6263 02"                                         // bc, one partition
    "00000001 0000000000000007 00000003 04 6d6574 0000"  // 1: 7, of epoch 3, metadata
    "01 05 02 abcd 00"                                   // a tagged field, end of the topic
    "0000 00";                                           // no error

TEST(OffsetFetch, positions_are_read_and_partitions_without_one_left_out) {
  const auto fetched = read_positions(bytes_of(two_positions), {});
  ASSERT_TRUE(fetched.has_value());
  EXPECT_EQ(fetched->error.error, RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_THAT(fetched->positions, ElementsAre(GroupPosition{{"a", 0}, offset(42)},
                                              GroupPosition{{"bc", 1}, offset(7)}));
}

TEST(OffsetFetch, partitions_that_were_not_asked_for_are_left_out) {
  const std::vector<KafkaPartition> partitions{{"a", 258}, {"bc", 1}};
  const auto fetched = read_positions(bytes_of(two_positions), {.partitions = &partitions});
  ASSERT_TRUE(fetched.has_value());
  EXPECT_THAT(fetched->positions, ElementsAre(GroupPosition{{"bc", 1}, offset(7)}));
}

// It would be read from its beginning.
TEST(OffsetFetch, a_response_without_a_partition_that_was_asked_for_is_refused) {
  const std::vector<KafkaPartition> partitions{{"a", 0}, {"a", 1}, {"bc", 1}};
  const PositionsWanted wanted{.partitions = &partitions};
  EXPECT_FALSE(read_positions(bytes_of(two_positions), wanted).has_value());
  // An error of the group need name none.
  EXPECT_TRUE(read_positions(bytes_of("00000000 01 0010 00"), wanted).has_value());
}

TEST(OffsetFetch, a_topic_with_a_name_that_no_topic_can_have_is_refused) {
  const auto with_name = [](std::size_t bytes, const char* size) {
    return read_positions(bytes_of("00000000 02") + bytes_of(size) + std::string(bytes, 'n') +
                              bytes_of("01 00 0000 00"),
                          {});
  };
  EXPECT_TRUE(with_name(249, "fa01").has_value());
  EXPECT_FALSE(with_name(250, "fb01").has_value());
}

TEST(OffsetFetch, an_unknown_group_has_no_positions_and_is_no_error) {
  const auto fetched = read_positions(bytes_of("00000000 01 0000 00"), {});
  ASSERT_TRUE(fetched.has_value());
  EXPECT_EQ(fetched->error.error, RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_THAT(fetched->positions, IsEmpty());
}

TEST(OffsetFetch, errors_of_the_group_and_of_partitions_are_distinguished) {
  const auto refused = read_positions(bytes_of("00000000 01 001e 00"), {});
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->error.error, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
  EXPECT_EQ(refused->error.at.topic, "");
  const auto unstable = read_positions(bytes_of("00000000 02 02 61 03"
                                                "00000000 0000000000000005 ffffffff 01 0000 00"
                                                "00000009 ffffffffffffffff ffffffff 01 0058 00 00"
                                                "0000 00"),
                                       {});
  ASSERT_TRUE(unstable.has_value());
  EXPECT_EQ(unstable->error.error, RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT);
  EXPECT_EQ(unstable->error.at, (KafkaPartition{"a", 9}));
}

TEST(OffsetFetch, a_response_that_is_cut_anywhere_is_refused) {
  const std::string whole = bytes_of(two_positions);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_positions(std::string_view(whole).substr(0, size), {}).has_value()) << size;
}

TEST(OffsetFetch, counts_and_sizes_above_what_there_is_are_refused) {
  for (const char* const hex : {"00000000 ffffffff0f 0000 00",        // topics
                                "00000000 02 ffffffff0f 61",          // bytes of a name
                                "00000000 02 02 61 ffffffff0f",       // partitions
                                "00000000 01 0000 ffffffff0f",        // tagged fields
                                "00000000 01 0000 01 00 ffffffff0f",  // bytes of one
                                "00000000 ffffffffff01 0000 00"}) {   // no number of 32 bits
    EXPECT_FALSE(read_positions(bytes_of(hex), {}).has_value()) << hex;
  }
}

}  // namespace
}  // namespace millrace::log::kafka::wire
