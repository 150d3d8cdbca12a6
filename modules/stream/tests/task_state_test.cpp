// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/task_state.hpp"

#include <gtest/gtest.h>

#include "millrace/base/byte_writer.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {
namespace {

std::string encoded(const TaskState& state) {
  std::string bytes;
  encode_task_state(state, bytes);
  return bytes;
}

TaskState with_timer(bool sweeping) {
  TaskState state;
  state.stream_time_ms = 42;
  state.timers["tick"] = {100, 7, sweeping, std::nullopt};
  if (sweeping) state.timers["tick"].swept = "key";
  return state;
}

TEST(TaskStateTest, is_written_in_the_oldest_version_that_can_say_it) {
  EXPECT_EQ(encoded(with_timer(false)).front(), '\x01');
  EXPECT_EQ(encoded(with_timer(true)).front(), '\x02');
  TaskState state = with_timer(false);
  state.operator_times["windows"] = 40;
  EXPECT_EQ(encoded(state).front(), '\x03');
}

TEST(TaskStateTest, comes_back_as_it_was) {
  for (const bool sweeping : {false, true}) {
    for (const bool times : {false, true}) {
      TaskState state = with_timer(sweeping);
      if (times) state.operator_times = {{"sums", no_time}, {"windows", 40}};
      const auto decoded = decode_task_state(encoded(state));
      ASSERT_TRUE(decoded) << decoded.error().to_string();
      EXPECT_EQ(decoded->stream_time_ms, 42);
      EXPECT_EQ(decoded->timers, state.timers);
      EXPECT_EQ(decoded->operator_times, state.operator_times);
    }
  }
}

TEST(TaskStateTest, takes_no_more_than_it_is_said_to) {
  TaskState state = with_timer(true);
  state.timers["tick"].swept = std::string(2 * swept_bytes_max, 'k');
  state.operator_times["windows"] = 40;
  EXPECT_EQ(encoded(state).size(), state_bytes + timer_bytes + sweep_bytes +
                                       std::string("tick").size() + swept_bytes_max +
                                       operator_time_bytes + std::string("windows").size());
}

// As a build without operator times wrote it.
TEST(TaskStateTest, of_earlier_versions_is_read) {
  std::string bytes;
  ByteWriter(bytes, 0)
      .little(std::uint8_t{1})
      .little(std::int64_t{42})
      .little(std::uint32_t{1})
      .little_text<std::uint32_t>("tick")
      .little(std::int64_t{100})
      .little(std::uint64_t{7});
  const auto decoded = decode_task_state(bytes);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->timers, with_timer(false).timers);
  EXPECT_TRUE(decoded->operator_times.empty());
}

TEST(TaskStateTest, that_is_cut_or_newer_is_refused) {
  TaskState state = with_timer(true);
  state.operator_times["windows"] = 40;
  const std::string bytes = encoded(state);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = decode_task_state(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(cut) << size;
    EXPECT_TRUE(cut.error().is(millrace::errc::invalid_argument));
  }
  EXPECT_TRUE(decode_task_state("\x04").error().is(errc::incompatible));
}

}  // namespace
}  // namespace millrace::stream::runtime
