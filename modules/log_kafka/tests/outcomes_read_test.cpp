// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "raw_batch.hpp"
#include "record_set_reader.hpp"

namespace millrace::log::kafka::wire {
namespace {

using testing::ElementsAre;

TEST(KafkaOutcomesRead, marks_are_never_shown_and_the_reader_goes_past_them) {
  RecordSet set = set_of(
      {marker(4, 9, true), transactional(5, 9, {"a"}), marker(6, 9, true), marker(7, 8, false)});
  Offset next = offset(4);
  EXPECT_EQ(set.seek(next).value(), true);
  EXPECT_EQ(next, offset(5));
  const Taken taken = take(set, next);
  EXPECT_THAT(taken.text, ElementsAre("5:a"));
  EXPECT_EQ(taken.next, offset(8));
  EXPECT_EQ(set.bytes(), 0U);
}

TEST(KafkaOutcomesRead, a_set_of_nothing_but_markers_takes_the_reader_to_its_end) {
  RecordSet set = set_of({marker(4, 9, true), marker(5, 8, true)});
  Offset next = offset(4);
  EXPECT_EQ(set.seek(next).value(), false);
  EXPECT_EQ(next, offset(6));
}

TEST(KafkaOutcomesRead,
     what_an_aborted_transaction_wrote_is_passed_over_and_what_is_around_it_is_not) {
  RecordSet set =
      set_of({raw_batch(0, {"plain"}), transactional(1, 9, {"aborted"}),
              transactional(2, 8, {"of another"}), raw_batch(3, {"plain too"}),
              transactional(4, 9, {"aborted", "too"}), marker(6, 9, false), marker(7, 8, true),
              transactional(8, 9, {"its next"}), marker(9, 9, true)},
             {{9, offset(1)}});
  const Taken taken = take(set, offset(0));
  EXPECT_THAT(taken.text, ElementsAre("0:plain", "2:of another", "3:plain too", "8:its next"));
  EXPECT_EQ(taken.next, offset(10));
}

TEST(KafkaOutcomesRead, interleaved_transactions_of_two_producers_each_have_their_own_outcome) {
  RecordSet set = set_of(
      {transactional(0, 1, {"one aborted"}), transactional(1, 2, {"two aborted"}),
       transactional(2, 1, {"one aborted"}), marker(3, 1, false), transactional(4, 1, {"one kept"}),
       transactional(5, 2, {"two aborted"}), marker(6, 2, false), transactional(7, 2, {"two kept"}),
       marker(8, 1, true), transactional(9, 1, {"one aborted again"}), marker(10, 2, true),
       marker(11, 1, false)},
      // In no order.
      {{1, offset(9)}, {2, offset(1)}, {1, offset(0)}});
  EXPECT_THAT(take(set, offset(0)).text, ElementsAre("4:one kept", "7:two kept"));
}

TEST(KafkaOutcomesRead, the_marker_of_a_commit_does_not_end_an_aborted_transaction) {
  // As in the protocol's reference: the transaction marker says what it is.
  RecordSet set =
      set_of({transactional(0, 1, {"a"}), marker(1, 1, true), transactional(2, 1, {"b"}),
              marker(3, 1, false), transactional(4, 1, {"c"})},
             {{1, offset(0)}});
  EXPECT_THAT(take(set, offset(0)).text, ElementsAre("4:c"));
}

TEST(KafkaOutcomesRead, a_transaction_that_is_aborted_before_the_reader_is_followed_all_the_same) {
  RecordSet set =
      set_of({transactional(0, 1, {"a"}), marker(1, 1, false), transactional(2, 1, {"b", "c"})},
             {{1, offset(0)}});
  EXPECT_THAT(take(set, offset(3)).text, ElementsAre("3:c"));
}

TEST(KafkaOutcomesRead, a_batch_outside_of_transactions_is_shown_though_its_producer_aborts_one) {
  RawBatch idempotent = raw_batch(1, {"shown"});
  idempotent.producer = 1;
  RecordSet set =
      set_of({transactional(0, 1, {"a"}), idempotent, marker(2, 1, false)}, {{1, offset(0)}});
  EXPECT_THAT(take(set, offset(0)).text, ElementsAre("1:shown"));
}

TEST(KafkaOutcomesRead, a_marker_with_a_malformed_key_is_corrupt_where_it_matters) {
  RawBatch odd = marker(1, 1, false);
  odd.records[0].value = "?";
  EXPECT_THAT(take(set_of({transactional(0, 1, {"a"}), odd}), offset(0)).text, ElementsAre("0:a"));
  const Taken taken = take(set_of({transactional(0, 1, {"a"}), odd}, {{1, offset(0)}}), offset(0));
  ASSERT_FALSE(taken.status);
  EXPECT_EQ(taken.status.error().code(), errc::corrupt);
}

TEST(KafkaOutcomesRead, aborted_transactions_are_followed_through_compressed_batches_and_markers) {
  RawBatch hidden = transactional(0, 1, {"a"});
  RawBatch abort = marker(1, 1, false);
  hidden.compressor = abort.compressor = &compressors()[0];
  EXPECT_THAT(
      take(set_of({hidden, abort, transactional(2, 1, {"b"})}, {{1, offset(0)}}), offset(0)).text,
      ElementsAre("2:b"));
}

/// A partition that some producers write to with and without transactions, and what a reader of
/// committed records sees of it.
struct Partition {
  std::string bytes;
  Aborted aborted;
  std::map<std::int64_t, std::string> visible;
  std::int64_t end = 0;

  struct Open {
    std::int64_t first = 0;
    std::map<std::int64_t, std::string> records;
  };
  std::map<std::int64_t, Open> open;

  void write(std::int64_t producer, bool in_transaction) {
    const auto count = *rc::gen::inRange(1, 4);
    RawBatch batch = raw_batch(end, {});
    for (std::int32_t i = 0; i < count; ++i)
      batch.records.push_back({i, "value " + std::to_string(end + i), i});
    batch.last_offset_delta = count - 1;
    if (*rc::gen::inRange(0, 4) == 0)  // compacted
      batch.records.erase(batch.records.begin() + *rc::gen::inRange(0, count));
    if (!batch.records.empty() && *rc::gen::inRange(0, 3) == 0)
      batch.compressor = &compressors()[*rc::gen::inRange<std::size_t>(0, compressors().size())];
    batch.producer = producer;
    if (in_transaction) batch.attributes = batch_layout::transactional_bit;
    bytes += batch.encoded();
    Open& transaction = open.try_emplace(producer, Open{end, {}}).first->second;
    for (const RawRecord& record : batch.records)
      (in_transaction ? transaction.records : visible)[end + record.offset_delta] = record.value;
    if (!in_transaction && transaction.records.empty() && transaction.first == end)
      open.erase(producer);
    end += count;
  }

  void finish(std::int64_t producer, bool commit) {
    const auto found = open.find(producer);
    if (found == open.end()) return;
    if (commit)
      visible.merge(found->second.records);
    else
      aborted.push_back({producer, offset(found->second.first)});
    open.erase(found);
    bytes += marker(end++, producer, commit).encoded();
  }
};

RC_GTEST_PROP(KafkaOutcomesRead, any_history_is_read_as_its_outcomes_say, ()) {
  Partition partition;
  const auto steps = *rc::gen::inRange(0, 30);
  for (int step = 0; step < steps; ++step) {
    const std::int64_t producer = *rc::gen::inRange(1, 4);
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        partition.finish(producer, true);
        break;
      case 1:
        partition.finish(producer, false);
        break;
      case 2:
        partition.write(producer + 10, false);
        break;
      default:
        partition.write(producer, true);
    }
  }
  // A response ends where all that is before it is decided.
  for (std::int64_t producer = 1; producer < 4; ++producer)
    partition.finish(producer, *rc::gen::arbitrary<bool>());
  const Offset from = offset(*rc::gen::inRange<std::int64_t>(0, partition.end + 1));
  RecordSet set = set_of(partition.bytes, partition.aborted);
  std::map<std::int64_t, std::string> seen;
  Offset next = from;
  while (set.bytes() != 0) {
    if (*rc::gen::arbitrary<bool>()) {
      const bool more = set.seek(next).value();
      RC_ASSERT(more == (seen.size() <
                         static_cast<std::size_t>(std::distance(
                             partition.visible.lower_bound(from.value), partition.visible.end()))));
    }
    const std::size_t left = set.bytes();
    const Taken taken = take(set, next, *rc::gen::inRange<std::size_t>(0, 400));
    RC_ASSERT(taken.status.has_value());
    RC_ASSERT(set.bytes() < left || left == 0);
    for (const FetchedBatch& batch : taken.buffer.batches)
      RC_ASSERT(batch.count > 0U);
    for (const RecordView& record : taken.buffer.records) {
      RC_ASSERT(record.offset >= next && record.offset < taken.next);
      RC_ASSERT(seen.emplace(record.offset.value, *record.value).second);
    }
    next = taken.next;
  }
  RC_ASSERT(next == std::max(from, offset(partition.end)));
  const std::map<std::int64_t, std::string> expected(partition.visible.lower_bound(from.value),
                                                     partition.visible.end());
  RC_ASSERT(seen == expected);
}

}  // namespace
}  // namespace millrace::log::kafka::wire
