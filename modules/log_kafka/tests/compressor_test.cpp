// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/compressor.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "millrace/base/endian.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"
#include "millrace/log_kafka/plain_batch.hpp"
#include "wire/batch_cutter.hpp"
#include "wire/compressed_batch.hpp"
#include "wire/compression.hpp"

namespace millrace::log::kafka::wire {
namespace {

using testing::HasSubstr;

constexpr Codec all_codecs[] = {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};
constexpr std::size_t large_record_bytes = 10U << 20U;

std::string order_lines(std::size_t bytes) {
  std::string out;
  for (std::uint32_t state = 1; out.size() < bytes;) {
    state = state * 1'664'525 + 1'013'904'223;
    out += "line " + std::to_string(state >> 8U) + ";";
  }
  out.resize(bytes);
  return out;
}

/// What no codec makes smaller.
std::string noise(std::size_t bytes) {
  SeededRandom random(7);
  std::string out;
  while (out.size() < bytes)
    out += static_cast<char>(random.next());
  return out;
}

std::string decompressed(Codec codec, std::string_view bytes) {
  std::string out;
  const Status status = decompress(static_cast<unsigned>(codec), bytes, 64U << 20U, out);
  EXPECT_TRUE(status.has_value()) << status.error().to_string();
  return out;
}

TEST(KafkaCompressor, what_every_codec_wrote_is_smaller_and_is_read_back) {
  for (const Codec codec : all_codecs) {
    for (const std::size_t bytes : {std::size_t{200}, std::size_t{32'768}, std::size_t{65'536},
                                    std::size_t{65'537}, large_record_bytes}) {
      const std::string lines = order_lines(bytes);
      std::string out = "before";
      ASSERT_TRUE(compress({codec}, lines, out)) << static_cast<int>(codec) << " of " << bytes;
      ASSERT_TRUE(out.starts_with("before"));
      out.erase(0, 6);
      EXPECT_LT(out.size(), bytes);
      EXPECT_TRUE(decompressed(codec, out) == lines) << static_cast<int>(codec) << " of " << bytes;
    }
  }
}

TEST(KafkaCompressor, every_level_is_read_back_and_the_highest_is_smaller_than_the_lowest) {
  SeededRandom random(3);
  std::string lines;
  while (lines.size() < 100'000)
    lines += "customer " + std::to_string(random.below(500)) + " orders article " +
             std::to_string(random.below(50)) + "; ";
  for (const Codec codec : all_codecs) {
    std::vector<std::size_t> sizes;
    for (int level = 1; level <= 12; ++level) {
      std::string out;
      ASSERT_TRUE(compress({codec, level}, lines, out)) << static_cast<int>(codec) << " " << level;
      EXPECT_TRUE(decompressed(codec, out) == lines) << static_cast<int>(codec) << " " << level;
      sizes.push_back(out.size());
    }
    if (codec == Codec::snappy) {
      EXPECT_EQ(sizes.front(), sizes.back()) << "snappy has no levels";
    } else {
      EXPECT_LT(sizes.back(), sizes.front()) << static_cast<int>(codec);
    }
  }
}

TEST(KafkaCompressor, without_a_level_a_codec_uses_its_own_default) {
  const auto bytes = [lines = order_lines(50'000)](Codec codec, int level) {
    std::string out;
    EXPECT_TRUE(compress({codec, level}, lines, out));
    return out;
  };
  EXPECT_EQ(bytes(Codec::gzip, Compression::default_level), bytes(Codec::gzip, 6));
  EXPECT_EQ(bytes(Codec::lz4, Compression::default_level), bytes(Codec::lz4, 0));
  EXPECT_EQ(bytes(Codec::zstd, Compression::default_level), bytes(Codec::zstd, 3));
  EXPECT_EQ(bytes(Codec::gzip, 12), bytes(Codec::gzip, 9)) << "gzip has no level above 9";
}

TEST(KafkaCompressor, what_would_not_be_smaller_is_left_alone) {
  for (const Codec codec : all_codecs) {
    for (const std::string& bytes : {std::string(), std::string("a"), noise(100), noise(70'000)}) {
      std::string out = "before";
      EXPECT_FALSE(compress({codec}, bytes, out)) << static_cast<int>(codec);
      EXPECT_EQ(out, "before");
    }
  }
  std::string out = "before";
  EXPECT_FALSE(compress({Codec::gzip, 0}, order_lines(1'000), out)) << "level 0 only stores";
  EXPECT_FALSE(compress({Codec::none}, order_lines(1'000), out));
  EXPECT_EQ(out, "before");
}

// Java's reader of lz4 refuses blocks that depend on one another, and that of snappy takes bytes
// without this header as one block, all of it in memory.
TEST(KafkaCompressor, the_forms_are_those_of_kafka_s_own_producer) {
  const auto front = [](Codec codec, std::size_t size) {
    std::string out;
    EXPECT_TRUE(compress({codec}, order_lines(200'000), out));
    return out.substr(0, size);
  };
  EXPECT_EQ(front(Codec::gzip, 3), "\x1f\x8b\x08");
  EXPECT_EQ(front(Codec::snappy, 16), std::string("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16));
  // Version 1, independent blocks, no checksums, no size; blocks of 64 KiB.
  EXPECT_EQ(front(Codec::lz4, 6), "\x04\x22\x4d\x18\x60\x40");
  EXPECT_EQ(front(Codec::zstd, 4), "\x28\xb5\x2f\xfd");
}

RC_GTEST_PROP(KafkaCompressor, any_bytes_are_read_back_or_left_alone, ()) {
  const Codec codec =
      *rc::gen::elementOf(std::vector(std::begin(all_codecs), std::end(all_codecs)));
  const int level = *rc::gen::inRange(-1, 13);
  const auto bytes = *rc::gen::scale(20, rc::gen::arbitrary<std::string>());
  std::string out = "before";
  if (compress({codec, level}, bytes, out)) {
    RC_ASSERT(out.starts_with("before") && out.size() < bytes.size() + 6);
    RC_ASSERT(decompressed(codec, out.substr(6)) == bytes);
  } else {
    RC_ASSERT(out == "before");
  }
}

TEST(KafkaCompressor, settings_choose_the_codec_and_its_level) {
  const auto of = [](Settings settings) {
    const auto made = Compression::of(settings);
    EXPECT_TRUE(made.has_value()) << made.error().to_string();
    return made.value_or(Compression{});
  };
  EXPECT_EQ(of({}), Compression{});
  EXPECT_EQ(of({{"compression.type", "none"}}), Compression{});
  EXPECT_EQ(of({{"compression.type", "gzip"}}), Compression{Codec::gzip});
  EXPECT_EQ(of({{"compression.codec", "snappy"}}), Compression{Codec::snappy});
  EXPECT_EQ(of({{"compression.type", "LZ4"}}), Compression{Codec::lz4});
  EXPECT_EQ(of({{"compression.type", "zstd"}, {"compression.level", "12"}}),
            (Compression{Codec::zstd, 12}));
  EXPECT_EQ(of({{"compression.type", "zstd"}, {"compression.level", "-1"}}),
            Compression{Codec::zstd});
  // The last one counts, under either name.
  EXPECT_EQ(of({{"compression.type", "zstd"}, {"compression.codec", "none"}}), Compression{});
}

TEST(KafkaCompressor, settings_that_cannot_be_are_refused_by_name) {
  const auto refused = [](Settings settings) {
    const auto made = Compression::of(settings);
    EXPECT_FALSE(made.has_value());
    if (made) return std::string();
    EXPECT_TRUE(made.error().is(errc::invalid_argument));
    return made.error().message();
  };
  for (const char* const name : {"lz5", "", "inherit", "3"}) {
    EXPECT_THAT(refused({{"compression.codec", name}}),
                testing::AllOf(HasSubstr("compression.type"), HasSubstr("'" + std::string(name)),
                               HasSubstr("none, gzip, snappy, lz4 or zstd")));
  }
  for (const char* const level : {"-2", "13", "", "fast", "3x", "99999999999999999999"}) {
    EXPECT_THAT(refused({{"compression.level", level}}),
                testing::AllOf(HasSubstr("compression.level"), HasSubstr("-1"), HasSubstr("12")));
  }
}

constexpr ProducerId writer{77, 5};

/// All batches of what a builder made, compressed, and how large each was before.
struct Written {
  std::vector<std::string> batches;
  std::vector<std::size_t> plain_bytes;
};
Written written(const Compression& compression, RecordBatchBuilder& builder,
                std::size_t max_bytes) {
  const std::string whole(builder.finish());
  const BatchCutter cutter(whole, builder.count());
  Written all;
  for (CutPosition at; !cutter.is_end(at);) {
    std::string plain;
    at = cutter.cut(at, max_bytes, writer, at.record, plain);
    all.plain_bytes.push_back(plain.size());
    append_compressed_batch(compression, plain, all.batches.emplace_back());
  }
  return all;
}

/// The records of a batch as it is on the wire.
class Received {
 public:
  explicit Received(std::string_view batch) {
    EXPECT_TRUE(batch_checksum_holds(batch));
    const auto header = read_batch_header(batch);
    EXPECT_TRUE(header.has_value() && header->bytes == batch.size());
    const Status plain = kafka::append_plain_batch(batch, 64U << 20U, bytes_);
    EXPECT_TRUE(plain.has_value()) << plain.error().to_string();
    const Status decoded = decode_batch(bytes_, records);
    EXPECT_TRUE(decoded.has_value()) << decoded.error().to_string();
  }
  std::vector<RecordView> records;

 private:
  std::string bytes_;
};

unsigned attributes_of(std::string_view batch) {
  return load_big<std::uint16_t>(batch.data() + batch_layout::attributes);
}

TEST(KafkaCompressedBatch, records_come_back_whatever_they_lack) {
  for (const Codec codec : all_codecs) {
    RecordBatchBuilder builder;
    HeadersBuilder headers;
    headers.add("a", "1").add("b", std::nullopt);
    const std::string lines = order_lines(3'000);
    builder.add({1'000, "k", lines, headers.view()});
    builder.add({1'001, "k", "", {}});
    builder.add({1'002, "k", std::nullopt, {}});
    builder.add({1'003, std::nullopt, "no key", {}});
    const Written all = written({codec}, builder, 1U << 20U);
    ASSERT_EQ(all.batches.size(), 1U);
    EXPECT_EQ(attributes_of(all.batches[0]),
              batch_layout::transactional_bit | static_cast<unsigned>(codec));
    EXPECT_LT(all.batches[0].size(), all.plain_bytes[0]);
    const Received received(all.batches[0]);
    ASSERT_EQ(received.records.size(), 4U);
    EXPECT_EQ(received.records[0].value, lines);
    EXPECT_EQ(received.records[0].headers.encoded(), headers.view().encoded());
    EXPECT_EQ(received.records[1].value, "");
    EXPECT_EQ(received.records[2].value, std::nullopt);
    EXPECT_EQ(received.records[3].key, std::nullopt);
    EXPECT_EQ(received.records[3].timestamp_ms, 1'003);
  }
}

// As in Kafka's producers `batch.size` counts bytes before they are compressed.
TEST(KafkaCompressedBatch, a_batch_keeps_to_its_size_before_it_is_compressed) {
  for (const Codec codec : all_codecs) {
    RecordBatchBuilder builder;
    for (int i = 0; i < 200; ++i)
      builder.add({1'000 + i, "k" + std::to_string(i), order_lines(300), {}});
    const Written all = written({codec}, builder, 5'000);
    ASSERT_GT(all.batches.size(), 10U);
    int next = 0;
    for (std::size_t i = 0; i < all.batches.size(); ++i) {
      EXPECT_LE(all.plain_bytes[i], 5'000U);
      EXPECT_LT(all.batches[i].size(), all.plain_bytes[i]);
      for (const RecordView& record : Received(all.batches[i]).records)
        EXPECT_EQ(record.key, "k" + std::to_string(next++));
    }
    EXPECT_EQ(next, 200);
  }
}

TEST(KafkaCompressedBatch, what_a_codec_cannot_make_smaller_is_written_without_one) {
  for (const Codec codec : all_codecs) {
    RecordBatchBuilder builder;
    builder.add({1'000, "k", noise(5'000), {}});
    const Written all = written({codec}, builder, 1U << 20U);
    ASSERT_EQ(all.batches.size(), 1U);
    EXPECT_EQ(all.batches[0].size(), all.plain_bytes[0]);
    EXPECT_EQ(attributes_of(all.batches[0]), batch_layout::transactional_bit);
    EXPECT_EQ(Received(all.batches[0]).records.at(0).value, noise(5'000));
  }
}

TEST(KafkaCompressedBatch, a_record_far_above_the_size_of_a_batch_is_compressed_alone) {
  const std::string lines = order_lines(large_record_bytes);
  for (const Codec codec : all_codecs) {
    RecordBatchBuilder builder;
    builder.add({1'000, "k", lines, {}});
    builder.add({1'001, "k", "next", {}});
    const Written all = written({codec}, builder, 1'000'000);
    ASSERT_EQ(all.batches.size(), 2U);
    EXPECT_LT(all.batches[0].size(), large_record_bytes * 3 / 4);
    EXPECT_TRUE(Received(all.batches[0]).records.at(0).value == lines);
    EXPECT_EQ(Received(all.batches[1]).records.at(0).value, "next");
  }
}

}  // namespace
}  // namespace millrace::log::kafka::wire
