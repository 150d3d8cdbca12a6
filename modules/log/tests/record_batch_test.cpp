// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/record_batch.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>

#include "millrace/base/endian.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {
namespace {

using Bytes = std::optional<std::string>;

struct OwnedRecord {
  std::int64_t timestamp_ms = 0;
  Bytes key;
  Bytes value;
  std::vector<std::pair<std::string, Bytes>> headers;
  friend bool operator==(const OwnedRecord&, const OwnedRecord&) = default;
};

std::optional<std::string_view> view_of(const Bytes& bytes) {
  return bytes ? std::optional<std::string_view>(*bytes) : std::nullopt;
}
Bytes copy_of(std::optional<std::string_view> bytes) {
  return bytes ? Bytes(std::string(*bytes)) : std::nullopt;
}

std::string encode(const std::vector<OwnedRecord>& records) {
  RecordBatchBuilder builder;
  for (const OwnedRecord& record : records) {
    HeadersBuilder headers;
    for (const auto& [key, value] : record.headers) {
      headers.add(key, view_of(value));
    }
    builder.add({record.timestamp_ms, view_of(record.key), view_of(record.value), headers.view()});
  }
  return std::string(builder.finish());
}

OwnedRecord copy_of(const RecordView& view) {
  OwnedRecord record{view.timestamp_ms, copy_of(view.key), copy_of(view.value), {}};
  std::string_view cursor = view.headers.encoded();
  HeaderView header;
  while (HeadersView::next(cursor, header)) {
    record.headers.emplace_back(std::string(header.key), copy_of(header.value));
  }
  return record;
}

Bytes any_bytes() {
  if (*rc::gen::inRange(0, 4) == 0) {
    return std::nullopt;
  }
  return *rc::gen::arbitrary<std::string>();
}

std::vector<OwnedRecord> any_records() {
  std::vector<OwnedRecord> records(*rc::gen::inRange<std::size_t>(1, 12));
  for (OwnedRecord& record : records) {
    record.timestamp_ms = *rc::gen::arbitrary<std::int64_t>();
    record.key = any_bytes();
    record.value = any_bytes();
    const auto headers = *rc::gen::inRange(0, 4);
    for (int i = 0; i < headers; ++i) {
      auto key = *rc::gen::arbitrary<std::string>();
      record.headers.emplace_back(std::move(key), any_bytes());
    }
  }
  return records;
}

OwnedRecord plain(std::string key, std::string value) {
  return {1'291'191'960'000, std::move(key), std::move(value), {}};
}

RC_GTEST_PROP(RecordBatch, any_list_of_records_encodes_and_decodes_to_itself, ()) {
  const std::vector<OwnedRecord> records = any_records();
  std::string batch = encode(records);
  const std::int64_t base = *rc::gen::inRange<std::int64_t>(0, 1LL << 40U);
  set_base_offset(batch.data(), offset(base));
  RC_ASSERT(batch_checksum_holds(batch));
  std::vector<RecordView> views;
  RC_ASSERT(decode_batch(batch, views).has_value());
  RC_ASSERT(views.size() == records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    RC_ASSERT(views[i].offset == offset(base + static_cast<std::int64_t>(i)));
    RC_ASSERT(copy_of(views[i]) == records[i]);
  }
}

RC_GTEST_PROP(RecordBatch, a_flipped_bit_is_detected_by_the_checksum_or_refused, ()) {
  std::string batch = encode(any_records());
  const auto position = *rc::gen::inRange<std::size_t>(0, batch.size());
  batch[position] = static_cast<char>(batch[position] ^ (1U << *rc::gen::inRange(0U, 8U)));
  const bool accepted = read_batch_header(batch).has_value() && batch_checksum_holds(batch);
  std::vector<RecordView> views;
  const bool decoded = decode_batch(batch, views).has_value();
  // Base offset and leader epoch are not covered: they are assigned after the checksum.
  const bool covered = position >= 8 && !(position >= 12 && position < 16);
  const bool noticed = !accepted || !decoded || !covered;
  RC_ASSERT(noticed);
}

RC_GTEST_PROP(RecordBatch, any_bytes_decode_or_are_refused_and_views_stay_inside, ()) {
  std::string batch = encode(any_records());
  const auto flips = *rc::gen::inRange(1, 6);
  for (int i = 0; i < flips; ++i) {
    batch[*rc::gen::inRange<std::size_t>(record_batch_header_bytes, batch.size())] =
        *rc::gen::arbitrary<char>();
  }
  std::vector<RecordView> views;
  if (decode_batch(batch, views)) {
    for (const RecordView& view : views) {
      const bool inside =
          !view.value || (view.value->data() >= batch.data() &&
                          view.value->data() + view.value->size() <= batch.data() + batch.size());
      RC_ASSERT(inside);
      static_cast<void>(copy_of(view));
    }
  } else {
    RC_ASSERT(views.empty());
  }
}

TEST(RecordBatch, the_bytes_are_those_of_kafka) {
  HeadersBuilder headers;
  headers.add("h", "1");
  RecordBatchBuilder builder;
  builder.add({1000, "k", "v", headers.view()});
  builder.add({1003, "k", std::nullopt, {}});
  const std::string batch(builder.finish());
  const std::string expected_head(
      "\0\0\0\0\0\0\0\0"  // base offset
      "\0\0\0\x46"        // length: 82 - 12
      "\0\0\0\0"          // leader epoch
      "\x02",             // magic
      17);
  EXPECT_EQ(batch.substr(0, 17), expected_head);
  const std::string expected_tail(
      "\0\0"                              // attributes
      "\0\0\0\x01"                        // last offset delta
      "\0\0\0\0\0\0\x03\xe8"              // base timestamp
      "\0\0\0\0\0\0\x03\xeb"              // max timestamp
      "\xff\xff\xff\xff\xff\xff\xff\xff"  // producer id
      "\xff\xff"                          // producer epoch
      "\xff\xff\xff\xff"                  // base sequence
      "\0\0\0\x02"                        // records
      "\x18\0\0\0\x02k\x02v\x02\x02h\x02"
      "1"                           // 12 bytes, at once, offset 0, key, value, one header
      "\x0e\0\x06\x02\x02k\x01\0",  // 7 bytes, 3 ms later, offset 1, key, null, no headers
      61 - 21 + 13 + 8);
  EXPECT_EQ(batch.substr(21), expected_tail);
  EXPECT_EQ(batch.size(), 82U);
}

TEST(RecordBatch, the_base_offset_is_assigned_after_the_checksum) {
  std::string batch = encode({plain("a", "1"), plain("b", "2")});
  set_base_offset(batch.data(), offset(41));
  EXPECT_TRUE(batch_checksum_holds(batch));
  const auto header = read_batch_header(batch);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->base_offset, offset(41));
  EXPECT_EQ(header->count, 2);
  EXPECT_EQ(header->last_offset_delta, 1);
  EXPECT_EQ(header->bytes, batch.size());
}

TEST(RecordBatch, a_builder_can_be_used_again) {
  RecordBatchBuilder builder;
  builder.add({5, "old", "x", {}});
  static_cast<void>(builder.finish());
  builder.clear();
  EXPECT_EQ(builder.bytes(), 0U);
  builder.add({9, "new", "y", {}});
  EXPECT_EQ(builder.finish(), encode({{9, "new", "y", {}}}));
}

TEST(RecordBatch, records_can_follow_after_finish) {
  RecordBatchBuilder builder;
  builder.add({5, "a", "x", {}});
  static_cast<void>(builder.finish());
  builder.add({6, "b", "y", {}});
  EXPECT_EQ(builder.finish(), encode({{5, "a", "x", {}}, {6, "b", "y", {}}}));
}

TEST(RecordBatch, empty_and_null_are_different) {
  const std::vector<OwnedRecord> records{{0, "", std::nullopt, {{"", std::nullopt}, {"", ""}}},
                                         {0, std::nullopt, "", {}}};
  const std::string batch = encode(records);
  std::vector<RecordView> views;
  ASSERT_TRUE(decode_batch(batch, views).has_value());
  ASSERT_EQ(views.size(), 2U);
  EXPECT_EQ(copy_of(views[0]), records[0]);
  EXPECT_EQ(copy_of(views[1]), records[1]);
}

TEST(RecordBatch, every_cut_is_refused) {
  const std::string batch = encode({plain("key", "value"), plain("other", "thing")});
  for (std::size_t size = 0; size < batch.size(); ++size) {
    std::vector<RecordView> views;
    const Status status = decode_batch(std::string_view(batch).substr(0, size), views);
    ASSERT_FALSE(status.has_value()) << size;
    EXPECT_TRUE(status.error().is(errc::corrupt));
  }
}

TEST(RecordBatch, no_memory_is_reserved_for_records_that_a_batch_only_claims) {
  std::string batch = encode({plain("key", "value")});
  constexpr std::int32_t said = 1 << 20;
  batch.resize(record_batch_header_bytes + said * batch_layout::smallest_record_bytes);
  std::fill(batch.begin() + record_batch_header_bytes, batch.end(), '\0');
  store_big(batch.data() + batch_layout::count, said);
  store_big(batch.data() + batch_layout::last_offset_delta, said - 1);
  store_big(batch.data() + batch_layout::batch_length,
            static_cast<std::int32_t>(batch.size() - batch_layout::length_starts_at));
  std::vector<RecordView> views;
  const Status status = decode_batch(batch, views);
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().is(errc::corrupt)) << status.error().to_string();
  EXPECT_LT(views.capacity(), 100'000U);
}

TEST(RecordBatch, compressed_and_control_batches_are_refused_by_name) {
  std::string batch = encode({plain("key", "value")});
  std::vector<RecordView> views;
  batch[22] = 4;
  EXPECT_NE(decode_batch(batch, views).error().message().find("zstd"), std::string::npos);
  batch[22] = 0x30;
  EXPECT_NE(decode_batch(batch, views).error().message().find("control"), std::string::npos);
}

TEST(RecordBatch, an_older_magic_is_refused) {
  std::string batch = encode({plain("key", "value")});
  batch[16] = 1;
  EXPECT_NE(read_batch_header(batch).error().message().find("magic 1"), std::string::npos);
}

TEST(RecordBatch, gaps_left_by_compaction_are_read) {
  // Offset deltas 0 and 5 of a batch that once had six records.
  std::string batch = encode({plain("a", "1"), plain("b", "2")});
  batch[26] = 5;
  const std::size_t second =
      record_batch_header_bytes + (batch.size() - record_batch_header_bytes) / 2;
  ASSERT_EQ(batch[second + 3], 2);
  batch[second + 3] = 10;
  std::vector<RecordView> views;
  ASSERT_TRUE(decode_batch(batch, views).has_value());
  EXPECT_EQ(views[1].offset, offset(5));
}

TEST(RecordBatch, offsets_that_do_not_rise_are_refused) {
  std::string batch = encode({plain("a", "1"), plain("b", "2")});
  const std::size_t second =
      record_batch_header_bytes + (batch.size() - record_batch_header_bytes) / 2;
  batch[second + 3] = 0;
  std::vector<RecordView> views;
  EXPECT_FALSE(decode_batch(batch, views).has_value());
}

TEST(RecordBatch, log_append_time_overrides_the_records_own) {
  std::string batch = encode({{10, "a", "1", {}}, {30, "b", "2", {}}});
  batch[22] = 8;
  std::vector<RecordView> views;
  ASSERT_TRUE(decode_batch(batch, views).has_value());
  EXPECT_EQ(views[0].timestamp_ms, 30);
  EXPECT_EQ(views[1].timestamp_ms, 30);
}

TEST(Headers, the_first_header_of_a_name_is_found) {
  HeadersBuilder headers;
  headers.add("a", "1").add("b", std::nullopt).add("a", "2");
  EXPECT_EQ(headers.view().find("a"), "1");
  EXPECT_EQ(headers.view().find("b"), std::nullopt);
  EXPECT_EQ(headers.view().find("c"), std::nullopt);
  EXPECT_EQ(headers.view().size(), 3);
}

TEST(Headers, all_headers_of_a_record_are_read_in_order) {
  HeadersBuilder headers;
  headers.add("z", "0").add("a", "1").add("b", std::nullopt);
  std::string_view cursor = headers.view().encoded();
  HeaderView header;
  std::string names;
  while (HeadersView::next(cursor, header)) {
    names += header.key;
  }
  EXPECT_EQ(names, "zab");
  EXPECT_EQ(headers.view().size(), 3);
}

TEST(Headers, malformed_bytes_end_the_walk) {
  for (const std::string_view bytes :
       {std::string_view("\x01", 1),
        std::string_view("\x20"
                         "ab",
                         3),
        std::string_view("\x02"
                         "a\x03",
                         3),
        std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10)}) {
    std::string_view cursor = bytes;
    HeaderView header;
    EXPECT_FALSE(HeadersView::next(cursor, header));
  }
}

}  // namespace
}  // namespace millrace::log
