// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/compression.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "compressed.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"
#include "millrace/log_kafka/plain_batch.hpp"
#include "raw_batch.hpp"

namespace millrace::log::kafka::wire {
namespace {

using testing::HasSubstr;

constexpr std::size_t ample_room = 8U << 20U;

/// Text that shrinks to about a half, of many blocks in each codec.
std::string text(std::size_t bytes) {
  std::string out;
  for (std::uint32_t state = 1; out.size() < bytes;) {
    state = state * 1'664'525 + 1'013'904'223;
    out += "order " + std::to_string(state >> 8U) + ";";
  }
  out.resize(bytes);
  return out;
}

TEST(KafkaCompression, every_codec_in_every_form_gives_back_what_was_compressed) {
  for (const Compressor& compressor : compressors())
    for (const std::size_t bytes : {1U, 100U, 65'536U, 1'000'000U}) {
      std::string out = "before";
      const auto status =
          decompress(compressor.codec, compressor.compress(text(bytes)), ample_room, out);
      ASSERT_TRUE(status) << compressor.name << ": " << status.error().to_string();
      EXPECT_TRUE(out == "before" + text(bytes)) << compressor.name << " of " << bytes;
    }
}

TEST(KafkaCompression, what_shrinks_to_almost_nothing_is_given_back) {
  const std::string zeros(5'000'000, '\0');
  for (const Compressor& compressor : compressors()) {
    std::string out;
    EXPECT_TRUE(decompress(compressor.codec, compressor.compress(zeros), ample_room, out));
    EXPECT_TRUE(out == zeros) << compressor.name;
  }
}

TEST(KafkaCompression, frames_that_follow_one_another_are_one) {
  for (const Compressor& compressor : compressors()) {
    if (compressor.name == "snappy") continue;  // has no frames
    std::string out;
    const std::string two = compressor.compress(text(70'000)) + compressor.compress("and more");
    ASSERT_TRUE(decompress(compressor.codec, two, ample_room, out)) << compressor.name;
    EXPECT_TRUE(out == text(70'000) + "and more") << compressor.name;
  }
}

TEST(KafkaCompression, a_batch_without_a_codec_has_the_same_limit) {
  const std::string batch = raw_batch(7, {text(1'000)}).encoded();
  const std::size_t bytes = batch.size() - record_batch_header_bytes;
  std::string out;
  EXPECT_TRUE(kafka::append_plain_batch(batch, bytes, out));
  EXPECT_EQ(out.size(), batch.size());
  out = "before";
  const auto status = kafka::append_plain_batch(batch, bytes - 1, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), errc::too_large);
  EXPECT_THAT(status.error().message(), HasSubstr("the batch at offset 7"));
  EXPECT_EQ(out, "before");
}

TEST(KafkaCompression, what_is_as_large_as_the_limit_fits_and_a_byte_more_is_too_large) {
  for (const Compressor& compressor : compressors()) {
    const std::string bytes = compressor.compress(text(100'000));
    std::string out;
    EXPECT_TRUE(decompress(compressor.codec, bytes, 100'000, out)) << compressor.name;
    EXPECT_EQ(out.size(), 100'000U);
    out = "before";
    const auto status = decompress(compressor.codec, bytes, 99'999, out);
    ASSERT_FALSE(status) << compressor.name;
    EXPECT_EQ(status.error().code(), errc::too_large);
    EXPECT_THAT(status.error().message(), HasSubstr(compressor.name));
    EXPECT_THAT(status.error().message(), HasSubstr("99999"));
    EXPECT_EQ(out, "before");
  }
}

TEST(KafkaCompression, a_bomb_takes_no_more_memory_than_the_limit_and_its_own_size) {
  const std::string zeros(64U << 20U, '\0');
  for (const Compressor& compressor : compressors()) {
    const std::string bomb = compressor.compress(zeros);
    std::string out;
    const auto status = decompress(compressor.codec, bomb, 1U << 20U, out);
    ASSERT_FALSE(status) << compressor.name;
    EXPECT_EQ(status.error().code(), errc::too_large);
    EXPECT_LE(out.capacity(), 4U << 20U) << compressor.name;
  }
}

TEST(KafkaCompression, a_snappy_length_that_its_bytes_cannot_reach_allocates_nothing) {
  std::string out;
  const auto status =
      decompress(2, std::string_view("\xff\xff\xff\x3f\x00\x61", 6), 1U << 30U, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), errc::corrupt);
  EXPECT_LT(out.capacity(), 1'000U);
}

TEST(KafkaCompression, bytes_that_end_early_are_refused_at_every_length) {
  constexpr std::size_t xerial_header_alone = 16;
  for (const Compressor& compressor : compressors()) {
    const std::string bytes = compressor.compress(text(600));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      if (compressor.name == "snappy" && size == xerial_header_alone && bytes[0] == '\x82')
        continue;
      std::string out = "before";
      const auto status =
          decompress(compressor.codec, std::string_view(bytes).substr(0, size), ample_room, out);
      ASSERT_FALSE(status) << compressor.name << " of " << size;
      EXPECT_EQ(out, "before");
      if (status.error().code() == errc::too_large)
        continue;  // snappy, its magic taken as a length
      EXPECT_EQ(status.error().code(), errc::corrupt);
      EXPECT_THAT(status.error().message(), HasSubstr("compressed with " + compressor.name));
    }
  }
}

TEST(KafkaCompression, a_block_of_snappy_with_a_length_below_one_is_refused) {
  const std::string header("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
  for (const std::string_view length :
       {std::string_view("\0\0\0\0", 4), std::string_view("\xff\xff\xff\xff", 4)}) {
    std::string out;
    const auto status = decompress(2, header + std::string(length) + "abc", ample_room, out);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code(), errc::corrupt);
  }
}

TEST(KafkaCompression, a_codec_that_kafka_does_not_have_is_refused_by_its_number) {
  std::string out;
  const auto status = decompress(5, "whatever", ample_room, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), errc::corrupt);
  EXPECT_THAT(status.error().message(), HasSubstr("codec 5"));
}

RC_GTEST_PROP(KafkaCompression, damaged_bytes_are_refused_without_a_trace_or_stay_in_the_limit,
              ()) {
  const Compressor& compressor = *rc::gen::elementOf(compressors());
  std::string bytes = compressor.compress(text(*rc::gen::inRange<std::size_t>(1, 3'000)));
  const auto position = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[position] = static_cast<char>(bytes[position] ^ (1 << *rc::gen::inRange(0, 8)));
  std::string out = "before";
  const auto status = decompress(compressor.codec, bytes, 3'000, out);
  if (!status) RC_ASSERT(out == "before");
  RC_ASSERT(out.size() <= 3'006U);
  RC_ASSERT(out.starts_with("before"));
  // What an earlier call left behind does not matter to the next.
  out.clear();
  RC_ASSERT(decompress(compressor.codec, compressor.compress("fine"), ample_room, out).has_value());
  RC_ASSERT(out == "fine");
}

}  // namespace
}  // namespace millrace::log::kafka::wire
