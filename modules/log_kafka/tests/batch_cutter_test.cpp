// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/batch_cutter.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "millrace/base/endian.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr ProducerId producer{77, 5};

RecordBatchBuilder batch_of(int records, std::int64_t first_ms, std::size_t value_bytes = 20) {
  RecordBatchBuilder builder;
  HeadersBuilder headers;
  headers.add("a", "1").add("b", std::nullopt);
  for (int i = 0; i < records; ++i) {
    const std::string key = "k" + std::to_string(i);
    const std::string value(value_bytes, static_cast<char>('a' + i % 26));
    builder.add({first_ms + 7 * i, key,
                 i % 3 == 0 ? std::nullopt : std::optional<std::string_view>(value),
                 headers.view()});
  }
  return builder;
}

struct Piece {
  std::string bytes;
  std::int32_t records;
};

/// All of it, with sequence numbers from `sequence` on.
std::vector<Piece> cut_all(const BatchCutter& cutter, std::size_t max_bytes,
                           std::int32_t sequence = 0) {
  std::vector<Piece> pieces;
  for (CutPosition at; !cutter.is_end(at);) {
    Piece& piece = pieces.emplace_back();
    const CutPosition end = cutter.cut(at, max_bytes, producer, sequence, piece.bytes);
    piece.records = end.record - at.record;
    sequence = sequence_after(sequence, piece.records);
    at = end;
  }
  return pieces;
}

std::vector<RecordView> records_of(std::string_view batch) {
  std::vector<RecordView> records;
  EXPECT_TRUE(batch_checksum_holds(batch));
  const Status decoded = decode_batch(batch, records);
  EXPECT_TRUE(decoded.has_value()) << decoded.error().to_string();
  return records;
}

TEST(BatchCutter, pieces_hold_all_records_in_order_and_keep_to_the_size) {
  RecordBatchBuilder builder = batch_of(100, 1'700'000'000'000);
  const std::string whole(builder.finish());
  const auto expected = records_of(whole);
  const BatchCutter cutter(whole, builder.count());
  const auto pieces = cut_all(cutter, 500);
  ASSERT_GT(pieces.size(), 5U);
  std::size_t next = 0;
  for (const Piece& piece : pieces) {
    EXPECT_LE(piece.bytes.size(), 500U);
    const auto found = records_of(piece.bytes);
    ASSERT_EQ(found.size(), static_cast<std::size_t>(piece.records));
    for (std::size_t i = 0; i < found.size(); ++i, ++next) {
      EXPECT_EQ(found[i].offset.value, static_cast<std::int64_t>(i));
      EXPECT_EQ(found[i].timestamp_ms, expected[next].timestamp_ms);
      EXPECT_EQ(found[i].key, expected[next].key);
      EXPECT_EQ(found[i].value, expected[next].value);
      EXPECT_EQ(found[i].headers.encoded(), expected[next].headers.encoded());
      EXPECT_EQ(found[i].headers.size(), 2);
    }
    const auto header = read_batch_header(piece.bytes);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->base_timestamp_ms, found.front().timestamp_ms);
    EXPECT_EQ(header->max_timestamp_ms, found.back().timestamp_ms);
  }
  EXPECT_EQ(next, 100U);
}

TEST(BatchCutter, a_piece_is_stamped_as_of_a_transaction) {
  RecordBatchBuilder builder = batch_of(4, 1'000);
  const std::string whole(builder.finish());
  std::string out = "before";
  const CutPosition end = BatchCutter(whole, 4).cut({}, 1U << 20U, producer, 41, out);
  EXPECT_EQ(end.record, 4);
  const char* const batch = out.data() + 6;
  EXPECT_EQ(load_big<std::int64_t>(batch + batch_layout::producer_id), 77);
  EXPECT_EQ(load_big<std::int16_t>(batch + batch_layout::producer_epoch), 5);
  EXPECT_EQ(load_big<std::int32_t>(batch + batch_layout::base_sequence), 41);
  EXPECT_EQ(load_big<std::int16_t>(batch + batch_layout::attributes), 0x10);
  EXPECT_EQ(records_of(std::string_view(out).substr(6)).size(), 4U);
}

TEST(BatchCutter, the_same_cut_again_is_the_same_bytes) {
  RecordBatchBuilder builder = batch_of(50, 1'000);
  const std::string whole(builder.finish());
  const BatchCutter cutter(whole, 50);
  std::string skipped, first, second;
  const CutPosition at = cutter.cut({}, 300, producer, 0, skipped);
  const CutPosition end = cutter.cut(at, 300, producer, at.record, first);
  EXPECT_EQ(cutter.cut(at, 300, producer, at.record, second).byte, end.byte);
  EXPECT_EQ(first, second);
}

TEST(BatchCutter, a_record_above_the_size_is_a_piece_of_its_own) {
  RecordBatchBuilder builder = batch_of(3, 1'000, 5'000);
  const std::string whole(builder.finish());
  const auto pieces = cut_all(BatchCutter(whole, 3), 100);
  ASSERT_EQ(pieces.size(), 3U);
  for (const Piece& piece : pieces)
    EXPECT_EQ(piece.records, 1);
}

TEST(BatchCutter, no_timestamp_becomes_that_of_kafka) {
  RecordBatchBuilder builder;
  builder.add({0, "k", "v", {}});
  builder.add({5, "k", "v", {}});
  const std::string whole(builder.finish());
  const auto pieces = cut_all(BatchCutter(whole, 2), 1U << 20U);
  const auto found = records_of(pieces.at(0).bytes);
  EXPECT_EQ(found.at(0).timestamp_ms, -1);
  EXPECT_EQ(found.at(1).timestamp_ms, 5);
}

TEST(BatchCutter, timestamps_at_both_ends_of_time_survive) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  RecordBatchBuilder builder;
  for (const std::int64_t at : {most, least, most, std::int64_t{1}})
    builder.add({at, "k", "v", {}});
  const std::string whole(builder.finish());
  std::vector<std::int64_t> found;
  for (const Piece& piece : cut_all(BatchCutter(whole, 4), 90)) {
    for (const RecordView& record : records_of(piece.bytes))
      found.push_back(record.timestamp_ms);
  }
  EXPECT_EQ(found, (std::vector<std::int64_t>{most, least, most, 1}));
}

TEST(BatchCutter, after_the_last_sequence_number_comes_the_first) {
  constexpr auto last = std::numeric_limits<std::int32_t>::max();
  EXPECT_EQ(sequence_after(0, 10), 10);
  EXPECT_EQ(sequence_after(last - 10, 10), last);
  EXPECT_EQ(sequence_after(last, 1), 0);
  EXPECT_EQ(sequence_after(last - 4, 10), 5);
}

}  // namespace
}  // namespace millrace::log::kafka::wire
