// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/record_reader.hpp"

#include "cleaning_world.hpp"

// What log::RecordReader finds where retention and compaction removed records.
namespace millrace::log {
namespace {

class ReadingWhatIsLeft : public Cleaning {
 protected:
  using OnRemoved = RecordReader::OnRemoved;

  /// `range@offset` of all that is read until there is no more.
  static std::vector<std::string> offsets_of(RecordReader& reader) {
    std::vector<std::string> found;
    while (true) {
      const auto outcome = reader.next();
      EXPECT_TRUE(outcome) << outcome.error().to_string();
      if (!outcome || *outcome != ReadOutcome::record) return found;
      found.push_back(std::to_string(reader.range()) + "@" +
                      std::to_string(reader.record().offset.value));
    }
  }
  /// The same, fetched by hand.
  std::vector<std::string> expected(Log& log) {
    std::vector<std::pair<std::uint64_t, std::string>> found;
    FetchBuffer buffer;
    int range = 0;
    for (const TopicPartition partition : {table_at_, commands_at_}) {
      for (Offset next = log.start_offset(partition).value();
           next < log.end_offset(partition).value(); next = buffer.next) {
        EXPECT_TRUE(log.fetch(partition, next, 1U << 20U, buffer));
        for (const FetchedBatch& batch : buffer.batches) {
          if (batch.count == 0) ++empty_batches_;
          for (std::size_t i = batch.first; i < batch.first + batch.count; ++i) {
            found.emplace_back(
                batch.position.position,
                std::to_string(range) + "@" + std::to_string(buffer.records[i].offset.value));
          }
        }
      }
      ++range;
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& one, const auto& other) { return one.first < other.first; });
    std::vector<std::string> texts;
    for (auto& [position, text] : found)
      texts.push_back(std::move(text));
    return texts;
  }
  /// Commits to both topics. Some keys of the table are written once, the others again and again:
  /// compaction leaves batches with and without a record beside each other.
  void write_some_keys_once(Log& log, int commits) {
    make_topics(log);
    for (int i = 0; i < commits; ++i, ++count_) {
      const std::string key = count_ % 5 == 0 ? "once-" + std::to_string(count_)
                                              : "often-" + std::to_string(count_ % 3);
      Transaction transaction;
      transaction.append(table_at_, {count_, key, std::string(2'000, 'x'), {}});
      if (i % 3 == 0) transaction.append(commands_at_, {count_, "c", "do", {}});
      ASSERT_TRUE(log.commit(transaction));
    }
    ASSERT_TRUE(log.wait_durable(log.committed()));
  }
  std::vector<RecordReader::Range> whole(Log& log) {
    return {{.partition = table_at_, .from = offset(0), .end = log.end_offset(table_at_).value()},
            {.partition = commands_at_,
             .from = log.start_offset(commands_at_).value(),
             .end = log.end_offset(commands_at_).value()}};
  }

  int empty_batches_ = 0;
};

TEST_F(ReadingWhatIsLeft, a_compacted_topic_is_read_in_the_order_of_commits) {
  auto log = open();
  write_some_keys_once(*log, 200);
  clean(*log);
  write_some_keys_once(*log, 20);
  const auto reading = open_to_read();
  for (Log* const one : {log.get(), reading.get()}) {
    empty_batches_ = 0;
    const auto left = expected(*one);
    ASSERT_GT(empty_batches_, 0) << "compaction took all records of a batch";
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1} << 20U}) {
      RecordReader reader(*one, whole(*one), bytes);
      EXPECT_EQ(offsets_of(reader), left) << bytes;
      EXPECT_EQ(reader.next().value(), ReadOutcome::end);
      EXPECT_EQ(reader.position(0), one->end_offset(table_at_).value());
      EXPECT_EQ(reader.removed(), 0U);
    }
  }
}

TEST_F(ReadingWhatIsLeft, records_that_came_after_the_first_read_are_missed) {
  auto log = open();
  write(*log, 1);
  const auto reader_from = [&](std::int64_t from) {
    return RecordReader(*log, {{.partition = commands_at_,
                                .from = offset(from),
                                .on_removed = OnRemoved::skip_at_first}});
  };
  RecordReader follower = reader_from(1);
  ASSERT_EQ(follower.next().value(), ReadOutcome::none_yet);
  write(*log, 40);
  pass_a_week();
  write(*log, 20);
  clean(*log);
  ASSERT_GT(log->start_offset(commands_at_).value(), offset(20));
  const auto outcome = follower.next();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(errc::out_of_range)) << outcome.error().to_string();
}

TEST_F(ReadingWhatIsLeft, removed_records_are_an_error_or_are_skipped_and_counted) {
  auto log = open();
  write(*log, 40);
  const auto reader_of = [&](OnRemoved on_removed) {
    return RecordReader(
        *log, {{.partition = commands_at_, .from = offset(3), .on_removed = on_removed}}, 0);
  };
  RecordReader begun = reader_of(OnRemoved::skip_at_first);
  ASSERT_EQ(begun.next().value(), ReadOutcome::record);
  RecordReader failing = reader_of(OnRemoved::error);
  RecordReader skipping = reader_of(OnRemoved::skip);
  RecordReader beginning = reader_of(OnRemoved::skip_at_first);
  pass_a_week();
  write(*log, 20);
  clean(*log);
  const Offset start = log->start_offset(commands_at_).value();
  ASSERT_GT(start, offset(20));

  for (int i = 0; i < 2; ++i) {
    const auto outcome = failing.next();
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().is(errc::out_of_range)) << outcome.error().to_string();
    EXPECT_EQ(failing.position(0), offset(3));
  }
  ASSERT_EQ(skipping.next().value(), ReadOutcome::record);
  EXPECT_EQ(skipping.record().offset, start);
  EXPECT_EQ(skipping.removed(), static_cast<std::uint64_t>(start.value - 3));
  ASSERT_EQ(beginning.next().value(), ReadOutcome::record);
  EXPECT_EQ(beginning.record().offset, start);
  EXPECT_EQ(beginning.removed(), 0U) << "the first record that is kept was asked for";

  // One that began has a buffer of records that are gone; then it has missed some.
  Result<ReadOutcome> outcome = begun.next();
  while (outcome && *outcome == ReadOutcome::record)
    outcome = begun.next();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(errc::out_of_range)) << outcome.error().to_string();
}

}  // namespace
}  // namespace millrace::log
