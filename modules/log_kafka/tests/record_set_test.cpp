// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/record_set.hpp"

#include <gmock/gmock.h>

#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "raw_batch.hpp"
#include "record_set_reader.hpp"

namespace millrace::log::kafka::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(KafkaRecordSet, batches_are_read_one_after_another_and_the_records_point_into_the_buffer) {
  const std::vector<RawBatch> batches{raw_batch(5, {"a", "b"}), raw_batch(7, {"c"})};
  RecordSet set = set_of(batches);
  EXPECT_EQ(set.bytes(), batches[0].encoded().size() + batches[1].encoded().size());
  const Taken taken = take(set, offset(5));
  ASSERT_TRUE(taken.status) << taken.status.error().to_string();
  EXPECT_THAT(taken.text, ElementsAre("5:a", "6:b", "7:c"));
  EXPECT_EQ(taken.next, offset(8));
  ASSERT_EQ(taken.buffer.batches.size(), 2U);
  EXPECT_EQ(taken.buffer.batches[0].first, 0U);
  EXPECT_EQ(taken.buffer.batches[0].count, 2U);
  EXPECT_EQ(taken.buffer.batches[1].first, 2U);
  EXPECT_EQ(taken.buffer.batches[1].count, 1U);
  EXPECT_GE(taken.buffer.records[2].value->data(), taken.buffer.bytes.data());
  EXPECT_EQ(set.bytes(), 0U);
}

TEST(KafkaRecordSet, an_empty_set_is_at_its_end) {
  RecordSet set = set_of(std::string());
  Offset next = offset(3);
  EXPECT_EQ(set.seek(next).value(), false);
  EXPECT_EQ(next, offset(3));
}

TEST(KafkaRecordSet, a_reader_within_a_batch_is_given_what_is_left_of_it) {
  RecordSet set =
      set_of({raw_batch(5, {"a", "b"}), raw_batch(7, {"c", "d", "e"}), raw_batch(10, {"f"})});
  Offset next = offset(8);
  EXPECT_EQ(set.seek(next).value(), true);
  EXPECT_EQ(next, offset(8));
  const Taken taken = take(set, next);
  EXPECT_THAT(taken.text, ElementsAre("8:d", "9:e", "10:f"));
  EXPECT_EQ(taken.buffer.batches[0].count, 2U);
  EXPECT_EQ(taken.buffer.batches[1].first, 2U);
  EXPECT_EQ(taken.next, offset(11));
}

TEST(KafkaRecordSet, a_set_that_ends_before_the_reader_leaves_it_where_it_is) {
  RecordSet set = set_of({raw_batch(5, {"a", "b"})});
  Offset next = offset(20);
  EXPECT_EQ(set.seek(next).value(), false);
  EXPECT_EQ(next, offset(20));
  EXPECT_EQ(set.bytes(), 0U);
}

TEST(KafkaRecordSet, a_last_batch_that_was_cut_short_ends_the_set_wherever_it_was_cut) {
  const std::string whole = raw_batch(0, {"a"}).encoded();
  const std::string last = raw_batch(1, {"b"}).encoded();
  for (std::size_t size = 0; size < last.size(); ++size) {
    RecordSet set = set_of(whole + last.substr(0, size));
    const Taken taken = take(set, offset(0));
    ASSERT_TRUE(taken.status) << size << taken.status.error().to_string();
    EXPECT_THAT(taken.text, ElementsAre("0:a"));
    EXPECT_EQ(taken.next, offset(1));
    EXPECT_EQ(set.bytes(), 0U);
  }
}

TEST(KafkaRecordSet, a_set_that_does_not_begin_with_a_whole_batch_is_corrupt) {
  const std::string batch = raw_batch(0, {"a"}).encoded();
  for (std::size_t size = 1; size < batch.size(); ++size) {
    const Taken taken = take(set_of(batch.substr(0, size)), offset(0));
    ASSERT_FALSE(taken.status) << size;
    EXPECT_EQ(taken.status.error().code(), errc::corrupt);
  }
}

TEST(KafkaRecordSet, a_flipped_bit_is_noticed_and_named_after_what_lies_before_it_was_read) {
  const std::string good = raw_batch(40, {"a"}).encoded();
  const std::string batch = raw_batch(41, {"b", "c"}).encoded();
  for (std::size_t position = batch_layout::magic; position < batch.size(); ++position) {
    std::string damaged = batch;
    damaged[position] = static_cast<char>(damaged[position] ^ 4);
    RecordSet set = set_of(good + damaged);
    const Taken first = take(set, offset(40));
    ASSERT_TRUE(first.status) << position;
    EXPECT_THAT(first.text, ElementsAre("40:a"));
    EXPECT_EQ(first.next, offset(41));
    for (int again = 0; again < 2; ++again) {
      const Taken second = take(set, first.next);
      ASSERT_FALSE(second.status) << position;
      EXPECT_EQ(second.status.error().code(), errc::corrupt);
      EXPECT_THAT(second.status.error().message(), HasSubstr("offset 41"));
      EXPECT_EQ(second.next, offset(41));
    }
  }
}

TEST(KafkaRecordSet, a_batch_of_an_old_message_format_is_refused_by_its_version) {
  std::string batch = raw_batch(3, {"a"}).encoded();
  batch[batch_layout::magic] = 1;
  const Taken taken = take(set_of(batch), offset(3));
  ASSERT_FALSE(taken.status);
  EXPECT_EQ(taken.status.error().code(), errc::corrupt);
  EXPECT_THAT(taken.status.error().message(), HasSubstr("version 1"));
  EXPECT_THAT(taken.status.error().message(), HasSubstr("not supported"));
}

TEST(KafkaRecordSet, a_batch_that_lies_before_the_one_in_front_of_it_is_corrupt) {
  RecordSet set = set_of({raw_batch(5, {"a", "b"}), raw_batch(6, {"c"})});
  EXPECT_THAT(take(set, offset(5)).text, ElementsAre("5:a", "6:b"));
  const Taken taken = take(set, offset(7));
  ASSERT_FALSE(taken.status);
  EXPECT_EQ(taken.status.error().code(), errc::corrupt);
}

TEST(KafkaRecordSet, records_that_are_malformed_under_a_good_checksum_leave_an_empty_buffer) {
  std::string batch = raw_batch(7, {"abc"}).encoded();
  batch[record_batch_header_bytes] = 1;  // a negative length
  seal(batch);
  const Taken taken = take(set_of(raw_batch(6, {"fine"}).encoded() + batch), offset(6));
  ASSERT_FALSE(taken.status);
  EXPECT_THAT(taken.status.error().message(), HasSubstr("offset 7"));
  EXPECT_THAT(taken.buffer.records, IsEmpty());
  EXPECT_THAT(taken.buffer.batches, IsEmpty());
  EXPECT_THAT(taken.buffer.bytes, IsEmpty());
}

TEST(KafkaRecordSet, a_compacted_batch_shows_what_is_left_and_takes_the_reader_to_its_old_end) {
  RawBatch gaps{.base = 10, .records = {{2, "c", 0}, {5, "f", 0}}, .last_offset_delta = 9};
  RawBatch empty{.base = 20, .records = {}, .last_offset_delta = 4};
  RecordSet set = set_of({gaps, empty, raw_batch(30, {"z"})});
  Offset next = offset(10);
  EXPECT_EQ(set.seek(next).value(), true);
  const Taken taken = take(set, next, 1);
  EXPECT_THAT(taken.text, ElementsAre("12:c", "15:f"));
  EXPECT_EQ(taken.next, offset(25));
  EXPECT_THAT(take(set, taken.next).text, ElementsAre("30:z"));
}

TEST(KafkaRecordSet, a_reader_behind_the_last_record_that_compaction_left_does_not_see_the_batch) {
  for (const Compressor* compressor :
       {static_cast<const Compressor*>(nullptr), &compressors()[3]}) {
    RawBatch gaps{.base = 10, .records = {{2, "c", 0}, {5, "f", 0}}, .last_offset_delta = 9};
    gaps.compressor = compressor;
    for (const std::int64_t from : {16, 19}) {
      RecordSet alone = set_of({gaps});
      Offset next = offset(from);
      EXPECT_EQ(alone.seek(next).value(), false);
      EXPECT_EQ(next, offset(20));
      const Taken taken = take(set_of({gaps, raw_batch(30, {"z"})}), offset(from));
      EXPECT_THAT(taken.text, ElementsAre("30:z"));
      EXPECT_EQ(taken.buffer.batches.size(), 1U);
    }
    EXPECT_THAT(take(set_of({gaps}), offset(15)).text, ElementsAre("15:f"));
    RecordSet moved = set_of({gaps});
    Offset next = offset(15);
    EXPECT_EQ(moved.seek(next).value(), true);
    next = offset(16);
    EXPECT_EQ(moved.seek(next).value(), false);
  }
}

TEST(KafkaRecordSet, about_as_many_bytes_as_asked_for_are_taken_and_one_batch_in_any_case) {
  const std::vector<RawBatch> batches{raw_batch(0, {"a"}), raw_batch(1, {"b"}), marker(2, 1, true),
                                      raw_batch(3, {"c"})};
  const std::size_t bytes = batches[0].encoded().size();
  RecordSet set = set_of(batches);
  const Taken two = take(set, offset(0), 2 * bytes);
  EXPECT_THAT(two.text, ElementsAre("0:a", "1:b"));
  EXPECT_EQ(two.next, offset(3));
  EXPECT_EQ(set.bytes(), bytes);
  EXPECT_THAT(take(set, two.next, 0).text, ElementsAre("3:c"));
  RecordSet other = set_of(batches);
  EXPECT_THAT(take(other, offset(0), 2 * bytes - 1).text, ElementsAre("0:a"));
}

TEST(KafkaRecordSet, sets_that_follow_one_another_fill_one_buffer) {
  RecordSet first = set_of({raw_batch(0, {"a", "b"}), marker(2, 1, true)});
  RecordSet second = set_of({raw_batch(3, {"c"}), raw_batch(4, {std::string(100'000, 'd')})});
  FetchBuffer buffer;
  Offset next = offset(1);
  const std::size_t limit = first.bytes() + 100;
  ASSERT_TRUE(first.take(limit, next, buffer));
  EXPECT_EQ(first.bytes(), 0U);
  EXPECT_EQ(next, offset(3));
  ASSERT_TRUE(second.take(limit, next, buffer));
  ASSERT_TRUE(decode_batches(buffer, offset(1)));
  EXPECT_THAT(text_of(buffer), ElementsAre("1:b", "3:c"));
  EXPECT_EQ(buffer.batches.size(), 2U);
  EXPECT_GT(second.bytes(), 100'000U);
}

TEST(KafkaRecordSet, every_codec_is_decompressed) {
  for (const Compressor& compressor : compressors()) {
    RawBatch batch = raw_batch(3, {"a", std::string(200'000, 'b'), "c"});
    batch.compressor = &compressor;
    const Taken taken = take(set_of({batch, raw_batch(6, {"d"})}), offset(3));
    ASSERT_TRUE(taken.status) << compressor.name << taken.status.error().to_string();
    EXPECT_THAT(taken.text, ElementsAre("3:a", "4:" + std::string(200'000, 'b'), "5:c", "6:d"));
    EXPECT_THAT(take(set_of({batch}), offset(5)).text, ElementsAre("5:c"));
  }
}

TEST(KafkaRecordSet, bytes_that_do_not_decompress_are_corrupt_at_their_offset) {
  RawBatch batch = raw_batch(3, {"a"});
  for (unsigned codec = 1; codec < 8; ++codec) {
    const Compressor none{"none", codec, [](std::string_view bytes) { return std::string(bytes); }};
    batch.compressor = &none;
    RecordSet set = set_of({raw_batch(2, {"fine"}), batch});
    EXPECT_THAT(take(set, offset(2)).text, ElementsAre("2:fine"));
    const Taken taken = take(set, offset(3));
    ASSERT_FALSE(taken.status) << codec;
    EXPECT_THAT(taken.status.error().message(), HasSubstr("offset 3"));
  }
}

TEST(KafkaRecordSet,
     a_batch_that_decompresses_beyond_every_limit_is_refused_after_what_lies_before) {
  RawBatch bomb = raw_batch(1, {std::string(max_batch_bytes, '\0')});
  bomb.compressor = &compressors().back();
  RecordSet set = set_of({raw_batch(0, {"a"}), bomb});
  EXPECT_LT(set.bytes(), 100'000U);
  EXPECT_THAT(take(set, offset(0)).text, ElementsAre("0:a"));
  const Taken taken = take(set, offset(1));
  ASSERT_FALSE(taken.status);
  EXPECT_EQ(taken.status.error().code(), errc::too_large);
  EXPECT_THAT(taken.buffer.bytes, IsEmpty());
}

TEST(KafkaRecordSet,
     no_time_is_time_zero_and_the_time_of_the_append_counts_where_the_batch_says_so) {
  RawBatch batch{.base = 0, .records = {{0, "a", -1'001}, {1, "b", 5}}};
  RawBatch appended = raw_batch(2, {"c"});
  appended.attributes = batch_layout::log_append_time_bit;
  appended.max_timestamp_ms = 7'000;
  const Taken taken = take(set_of({batch, appended}), offset(0));
  ASSERT_EQ(taken.buffer.records.size(), 3U);
  EXPECT_EQ(taken.buffer.records[0].timestamp_ms, 0);
  EXPECT_EQ(taken.buffer.records[1].timestamp_ms, 1'005);
  EXPECT_EQ(taken.buffer.records[2].timestamp_ms, 7'000);
}

TEST(KafkaRecordSet, the_response_is_let_go_of_at_the_end_of_the_set) {
  const auto owner = std::make_shared<const std::string>(raw_batch(0, {"a"}).encoded());
  RecordSet set(owner, *owner, {});
  EXPECT_EQ(owner.use_count(), 2);
  EXPECT_THAT(take(set, offset(0)).text, ElementsAre("0:a"));
  EXPECT_EQ(owner.use_count(), 1);
}

}  // namespace
}  // namespace millrace::log::kafka::wire
