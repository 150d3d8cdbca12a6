// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "embedded_faults.hpp"

// A disk that could not write pages says so to each file that was open then, once; to those opened
// later it says nothing. Whatever was not written must not count as durable for any member.
namespace millrace::log {
namespace {

std::function<void()> at_leader;

void call_at_leader(std::string_view point) {
  if (point == "sync.leader_before" && at_leader) {
    std::exchange(at_leader, nullptr)();
  }
}

LogOptions unsynced(const std::string& member) {
  LogOptions options = options_of("stock", member);
  options.durability = DurabilityPolicy::os;
  return options;
}

class LostPages : public EmbeddedFaults {
 protected:
  void SetUp() override {
    if (!fault_points_compiled_in()) {
      GTEST_SKIP() << "this build has no fault points";
    }
    EmbeddedFaults::SetUp();
  }
  void TearDown() override {
    at_leader = nullptr;
    EmbeddedFaults::TearDown();
  }
  /// A log of two segments, which are durable.
  void begin(Log& writer) {
    partition_ = topic_at(writer, "t");
    put_segments(writer, 2);
    machine_.clock.advance_ms(60'000);
    ASSERT_TRUE(writer.maintain()) << "a checkpoint";
    ASSERT_EQ(writer.durable(), writer.committed());
  }
  void put_segments(Log& writer, int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(put_all(writer, {partition_}, std::string(40'000, 'x')));
    }
  }
  static void expect_failed(const Status& status) {
    ASSERT_FALSE(status);
    EXPECT_TRUE(status.error().is(errc::failed_sync)) << status.error().to_string();
  }
  static Status waited(Log& log) { return log.wait_durable(log.committed()); }

  TopicPartition partition_;
};

TEST_F(LostPages, are_found_by_a_member_that_did_not_write_them) {
  const auto writer = machine_.open(options_of("stock", "writer"));
  begin(*writer);
  const auto other = machine_.open(options_of("stock", "other"));
  put_segments(*writer, 2);
  ASSERT_TRUE(other->maintain());
  machine_.files.fail_syncs(true);
  plan("sync.failed", 1);
  ASSERT_TRUE(dies(*writer, [&] { static_cast<void>(waited(*writer)); }));
  machine_.files.fail_syncs(false);
  expect_failed(waited(*other));
  EXPECT_LT(other->durable().position, other->committed().position);
}

TEST_F(LostPages, are_not_durable_for_a_member_that_opens_their_segment_when_another_one_knows) {
  const auto writer = machine_.open(unsynced("writer"));
  const auto other = machine_.open(options_of("stock", "other"));
  begin(*writer);
  ASSERT_TRUE(other->maintain());
  put_segments(*writer, 2);
  machine_.clock.advance_ms(60'000);
  set_fault_handler(call_at_leader);
  at_leader = [&] {
    machine_.files.fail_syncs(true);
    expect_failed(writer->maintain());
    machine_.files.fail_syncs(false);
  };
  expect_failed(waited(*other));
  EXPECT_EQ(at_leader, nullptr);
  EXPECT_LT(other->durable().position, other->committed().position);
}

TEST_F(LostPages, stop_the_log_though_the_member_that_knows_dies_before_it_writes_that_down) {
  const auto writer = machine_.open(options_of("stock", "writer"));
  auto other = machine_.open(options_of("stock", "other"));
  begin(*writer);
  put_segments(*writer, 2);
  machine_.files.fail_syncs(true);
  plan("failed.before_file", 1);
  ASSERT_TRUE(dies(*writer, [&] { static_cast<void>(waited(*writer)); }));
  machine_.files.fail_syncs(false);
  expect_failed(waited(*other));
  other.reset();
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is(errc::failed_sync)) << opened.error().to_string();
}

TEST_F(LostPages, are_found_by_a_member_before_it_leaves) {
  auto writer = machine_.open(unsynced("writer"));
  const auto other = machine_.open(unsynced("other"));
  begin(*writer);
  put_segments(*writer, 2);
  writer.reset();
  EXPECT_EQ(other->durable(), other->committed());
  writer = machine_.open(unsynced("writer"));
  put_segments(*writer, 2);
  machine_.files.fail_syncs(true);
  writer.reset();
  machine_.files.fail_syncs(false);
  const auto refused = put_all(*other, {partition_}, "v");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::failed_sync)) << refused.error().to_string();
}

}  // namespace
}  // namespace millrace::log
