// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/hash.hpp"

#include <gtest/gtest.h>

#include <string>

#include "millrace/base/random.hpp"

namespace millrace {
namespace detail {
// crc32c() without the instruction of the processor; in src/crc32c.cpp.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t seed);
}  // namespace detail
namespace {

TEST(Hash, murmur2_returns_what_kafka_returns) {
  EXPECT_EQ(murmur2("21"), -973932308);
  EXPECT_EQ(murmur2("foobar"), -790332482);
  EXPECT_EQ(murmur2("abc"), 479470107);
  EXPECT_EQ(murmur2("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(murmur2("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
}

TEST(Hash, a_key_goes_to_the_partition_kafka_would_choose) {
  EXPECT_EQ(partition_of("foobar", 7), (-790332482 & 0x7fffffff) % 7);
  EXPECT_EQ(partition_of("anything", 1), 0);
}

TEST(Hash, crc32c_of_the_published_vectors) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Hash, crc32c_by_instruction_equals_crc32c_by_table_at_every_length_and_alignment) {
  SeededRandom random(7);
  std::string bytes(10'000, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(random.next());
  }
  for (std::size_t size = 0; size < 9'900; size += size < 100 ? 1 : 37) {
    const std::string_view piece = std::string_view(bytes).substr(size % 9, size);
    ASSERT_EQ(crc32c(piece), detail::crc32c_by_table(piece, 0)) << size;
  }
}

TEST(Hash, crc32c_continues_from_an_earlier_result) {
  const std::string bytes(8'000, 'x');
  for (const std::size_t cut :
       {std::size_t{0}, std::size_t{1}, std::size_t{3'072}, std::size_t{7'999}}) {
    EXPECT_EQ(
        crc32c(std::string_view(bytes).substr(cut), crc32c(std::string_view(bytes).substr(0, cut))),
        crc32c(bytes));
  }
}

TEST(Hash, xxh64_of_the_published_vectors) {
  EXPECT_EQ(xxh64(""), 0xef46db3751d8e999U);
  EXPECT_EQ(xxh64("abc"), 0x44bc2cf5ad770999U);
}

TEST(Random, the_same_seed_gives_the_same_numbers_and_the_system_gives_others) {
  SeededRandom one(42);
  SeededRandom two(42);
  EXPECT_EQ(one.next(), two.next());
  EXPECT_EQ(SeededRandom(0).next(), 0xe220a8397b1dcdafU);
  EXPECT_NE(real_seed(), real_seed());
}

}  // namespace
}  // namespace millrace
