// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/range_recorder.hpp"

#include <gtest/gtest.h>

#include "millrace/base/clock.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::stream::runtime {
namespace {

/// Two inputs of one partition, filled with records of these times.
class RangeRecorderTest : public testing::Test {
 protected:
  Input& filled(const std::string& name, const std::vector<std::int64_t>& times) {
    const auto topic = log_->create_topic({name, 1, log::TopicKind::events, "counter"});
    EXPECT_TRUE(topic);
    log::Transaction transaction;
    for (const std::int64_t time_ms : times)
      transaction.append({topic->id, log::partition(0)}, {time_ms, "key", "value", {}});
    EXPECT_TRUE(log_->commit(transaction));
    topics_.push_back(std::make_unique<InputTopic>(InputTopic{*topic, {0}, false, false}));
    Input& input = inputs_.emplace_back(*topics_.back(), "part", log::partition(0), inputs_.size());
    input.start(log::offset(0));
    EXPECT_TRUE(input.fill(*log_, 1U << 20U, log_->committed(), 1));
    return input;
  }
  static void take(RangeRecorder& recorder, Input& input) {
    recorder.take(input);
    input.take();
  }
  /// How many ranges a commit would write now.
  static std::size_t noted(const RangeRecorder& recorder) {
    log::Transaction transaction;
    recorder.stage(transaction, 0);
    if (transaction.batch_count() == 0) return 0;
    std::vector<log::RecordView> records;
    EXPECT_TRUE(log::decode_batch(transaction.batch(0).builder.finish(), records));
    const auto ranges = decode_input_ranges(records.at(0).value.value_or(std::string_view()));
    EXPECT_TRUE(ranges);
    return ranges ? ranges->ends.size() : 0;
  }

  ManualClock clock_;
  log::MemoryBroker broker_{clock_, true};
  std::unique_ptr<log::Log> log_ = [this] {
    log::LogOptions options;
    options.service = "counter";
    return broker_.connect(std::move(options));
  }();
  std::vector<std::unique_ptr<InputTopic>> topics_;
  std::vector<Input> inputs_ = [] {
    std::vector<Input> inputs;
    inputs.reserve(3);
    return inputs;
  }();
};

constexpr log::TopicPartition kept{};

TEST_F(RangeRecorderTest, notes_nothing_in_the_order_of_time) {
  Input& left = filled("left", {10, 30});
  Input& right = filled("right", {20, 40});
  RangeRecorder recorder(inputs_, kept);
  recorder.start({false, false});
  for (Input* input : {&left, &right, &left, &right})
    take(recorder, *input);
  EXPECT_EQ(noted(recorder), 0U);
}

TEST_F(RangeRecorderTest, notes_each_record_that_comes_too_late_once) {
  Input& left = filled("left", {10, 30, 31});
  Input& right = filled("right", {20, 25});
  RangeRecorder recorder(inputs_, kept);
  recorder.start({false, false});
  take(recorder, left);
  take(recorder, left);
  take(recorder, right);
  EXPECT_EQ(noted(recorder), 1U);
  // It is after the record before it, and the range is over.
  take(recorder, right);
  take(recorder, left);
  EXPECT_EQ(noted(recorder), 1U);
}

TEST_F(RangeRecorderTest, does_not_know_what_was_taken_before_it) {
  filled("left", {10});
  Input& right = filled("right", {20, 30});
  RangeRecorder recorder(inputs_, kept);
  recorder.start({true, false});
  take(recorder, right);
  take(recorder, right);
  EXPECT_EQ(noted(recorder), 1U);
  recorder.start({false, true});
  right.rewind();
  take(recorder, right);
  EXPECT_EQ(noted(recorder), 0U);
}

TEST_F(RangeRecorderTest, forgets_what_a_refused_commit_took) {
  Input& left = filled("left", {30});
  Input& right = filled("right", {20});
  RangeRecorder recorder(inputs_, kept);
  recorder.start({false, false});
  take(recorder, left);
  take(recorder, right);
  EXPECT_EQ(noted(recorder), 1U);
  recorder.rewind();
  left.rewind();
  right.rewind();
  take(recorder, right);
  take(recorder, left);
  EXPECT_EQ(noted(recorder), 0U);
}

TEST_F(RangeRecorderTest, knows_what_earlier_commits_took) {
  Input& left = filled("left", {30});
  Input& right = filled("right", {20});
  RangeRecorder recorder(inputs_, kept);
  recorder.start({false, false});
  take(recorder, left);
  recorder.commit();
  take(recorder, right);
  EXPECT_EQ(noted(recorder), 1U);
}

TEST_F(RangeRecorderTest, asks_for_a_commit_before_it_outgrows_its_room) {
  constexpr std::int64_t count = 5'000;
  std::vector<std::int64_t> earlier;
  std::vector<std::int64_t> later;
  for (std::int64_t i = 0; i < count; ++i) {
    earlier.push_back(i);
    later.push_back(count + i);
  }
  Input& left = filled("left", later);
  Input& right = filled("right", earlier);
  RangeRecorder recorder(inputs_, kept);
  recorder.start({false, false});
  while (!recorder.full()) {
    ASSERT_NE(right.head(), nullptr);
    take(recorder, left);
    take(recorder, right);
  }
  log::Transaction transaction;
  recorder.stage(transaction, 0);
  EXPECT_GT(transaction.bytes(), 0U);
  EXPECT_LE(transaction.bytes(), recorder.bytes_max());
  recorder.commit();
  EXPECT_FALSE(recorder.full());
}

// Each of them is in the first range.
TEST_F(RangeRecorderTest, does_not_ask_for_a_commit_because_the_names_of_its_inputs_are_long) {
  Input& left = filled(std::string(249, 'l'), {30, 31});
  Input& right = filled(std::string(249, 'r'), {20, 21});
  filled(std::string(249, 'm'), {40});
  RangeRecorder recorder(inputs_, kept);
  recorder.start({false, false});
  for (int i = 0; i < 2; ++i) {
    take(recorder, left);
    take(recorder, right);
  }
  EXPECT_GE(noted(recorder), 2U);
  EXPECT_FALSE(recorder.full());
}

}  // namespace
}  // namespace millrace::stream::runtime
