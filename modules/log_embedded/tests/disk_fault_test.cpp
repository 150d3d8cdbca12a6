// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "control.hpp"
#include "embedded_faults.hpp"
#include "failing_files.hpp"
#include "hooked_files.hpp"
#include "settling_world.hpp"

// Full disks, failing ones, and what is synced when. On a simulated machine.
namespace millrace::log {
namespace {

using testing::HasSubstr;

TEST_F(EmbeddedFaults, a_full_disk_refuses_the_append_and_room_lets_it_go_on) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  machine_.files.set_capacity(150U << 10U);
  std::size_t written = 0;
  Result<Committed> committed = put_all(*log, {partition}, std::string(3000, 'x'));
  while (committed) {
    ++written;
    committed = put_all(*log, {partition}, std::string(3000, 'x'));
  }
  EXPECT_TRUE(committed.error().is(errc::disk_full)) << committed.error().to_string();
  EXPECT_GT(written, 10U);
  EXPECT_TRUE(log->wait_durable(log->committed()).has_value());
  EXPECT_EQ(values_of(*log, partition).size(), written);
  EXPECT_TRUE(put_all(*log, {partition}, std::string(3000, 'x')).error().is(errc::disk_full));
  machine_.files.set_capacity(10U << 20U);
  ASSERT_TRUE(put_all(*log, {partition}, std::string(3000, 'x')).has_value());
  EXPECT_EQ(values_of(*log, partition).size(), written + 1);
  abandon(*log);
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(values_of(*log, partition).size(), written + 1);
}

TEST_F(EmbeddedFaults, a_failed_write_leaves_nothing_behind) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_all(*log, {partition}, "first").has_value());
  machine_.files.fail_writes(true);
  const auto refused = put_all(*log, {partition}, "lost");
  ASSERT_FALSE(refused.has_value());
  machine_.files.fail_writes(false);
  EXPECT_THAT(values_of(*log, partition), testing::ElementsAre("first"));
  const auto next = put_all(*log, {partition}, "second");
  ASSERT_TRUE(next.has_value()) << next.error().to_string();
  abandon(*log);
  log = machine_.open();
  EXPECT_THAT(values_of(*log, partition), testing::ElementsAre("first", "second"));
}

/// A file system on which overwriting needs room: one with snapshots, or one that keeps no reserved
/// room.
class NoRoomToOverwrite : public EmbeddedFaults {
 protected:
  NoRoomToOverwrite() { files_.count_only(".journal"); }
  std::unique_ptr<Log> open() {
    auto log =
        open_embedded(SimulatedMachine::directory, environment_, options_of(), machine_.embedded());
    EXPECT_TRUE(log.has_value()) << log.error().to_string();
    return *std::move(log);
  }
  Result<Committed> put(Log& log, const std::string& value) {
    return put_all(log, {partition_}, value);
  }
  [[nodiscard]] bool is_marked() {
    return machine_.files.exists(std::string(SimulatedMachine::directory) + "/FAILED");
  }

  FailingFiles files_{machine_.files};
  LogEnvironment environment_{machine_.clock, files_, machine_.random, machine_.processes};
  TopicPartition partition_;
};

TEST_F(NoRoomToOverwrite, a_full_disk_refuses_the_append_and_loses_nothing) {
  auto log = open();
  partition_ = topic_at(*log, "t");
  ASSERT_TRUE(put(*log, "first").has_value());
  files_.leave_of_writes(FailingFiles::Left::nothing);
  // Half of the frame is written and stays, because it cannot be wiped; the next time nothing is.
  for (const int number : {2, 1}) {
    files_.fail_from(fault_points_compiled_in() ? number : 1, millrace::errc::disk_full);
    const auto refused = put(*log, std::string(3'000, 'x'));
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(refused.error().is(errc::disk_full)) << refused.error().to_string();
    EXPECT_FALSE(is_marked());
  }
  files_.stop_failing();
  const auto second = put(*log, "second");
  ASSERT_TRUE(second.has_value()) << second.error().to_string();
  EXPECT_TRUE(log->wait_durable(second->position).has_value());
  abandon(*log);
  log = open();
  EXPECT_THAT(values_of(*log, partition_), testing::ElementsAre("first", "second"));
}

TEST_F(NoRoomToOverwrite, a_refused_append_that_is_all_there_marks_the_log) {
  auto log = open();
  partition_ = topic_at(*log, "t");
  files_.leave_of_writes(FailingFiles::Left::all_of_one);
  // The frame is written in two halves where there are fault points.
  files_.fail_from(fault_points_compiled_in() ? 2 : 1);
  ASSERT_FALSE(put(*log, "in doubt").has_value());
  files_.stop_failing();
  EXPECT_TRUE(is_marked());
  EXPECT_TRUE(put(*log, "next").error().is(errc::failed_sync));
}

TEST_F(EmbeddedFaults, a_holder_of_the_lock_that_writes_much_is_seen_to_make_steps) {
  HookedFiles files(machine_.files);
  LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
  EmbeddedOptions embedded = machine_.embedded();
  embedded.segment_bytes = 16U << 20U;
  auto log =
      open_embedded(SimulatedMachine::directory, environment, options_of(), embedded).value();
  const auto partition = topic_at(*log, "t");
  const auto region = machine_.regions.open(SimulatedMachine::directory, false).value();
  const auto* const control = reinterpret_cast<const embedded::Control*>(
      region->map(sizeof(embedded::Control), false).value());
  ASSERT_NE(control, nullptr);
  std::size_t largest = 0;
  std::size_t writes = 0;
  std::set<std::uint64_t> steps;
  files.before_each_write([&](std::size_t bytes) {
    largest = std::max(largest, bytes);
    ++writes;
    steps.insert(control->progress.load());
  });
  Transaction much;
  for (int i = 0; i < 8; ++i) {
    much.append(partition, {0, "k", std::string(400'000, 'x'), {}});
  }
  const auto committed = log->commit(much);
  files.before_each_write(nullptr);
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  EXPECT_GE(writes, 12U);
  EXPECT_LE(largest, 256U << 10U);
  EXPECT_EQ(steps.size(), writes) << "each write of a piece is a step";
}

TEST_F(EmbeddedFaults, after_a_failed_sync_nobody_appends_until_the_log_is_repaired) {
  auto log = machine_.open(options_of("stock", "one"));
  auto other = machine_.open(options_of("stock", "two"));
  const auto partition = topic_at(*log, "t");
  const auto first = put_all(*log, {partition}, "durable");
  ASSERT_TRUE(log->wait_durable(first->position).has_value());
  const auto second = put_all(*log, {partition}, "in doubt");
  machine_.files.fail_syncs(true);
  const Status waited = log->wait_durable(second->position);
  ASSERT_FALSE(waited.has_value());
  EXPECT_TRUE(waited.error().is(errc::failed_sync)) << waited.error().to_string();
  machine_.files.fail_syncs(false);
  for (Log* handle : {log.get(), other.get()}) {
    const auto refused = put_all(*handle, {partition}, "v");
    ASSERT_FALSE(refused.has_value());
    EXPECT_TRUE(refused.error().is(errc::failed_sync)) << refused.error().to_string();
    EXPECT_FALSE(handle->maintain().has_value());
  }
  log.reset();
  other.reset();
  // The mark may not have reached a disk that fails; the directory that has it is refused.
  ASSERT_TRUE(write_file_atomically(machine_.files,
                                    std::string(SimulatedMachine::directory) + "/FAILED",
                                    "a sync failed")
                  .has_value());
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::failed_sync)) << opened.error().to_string();
  const auto repaired =
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions);
  ASSERT_TRUE(repaired.has_value()) << repaired.error().to_string();
  EXPECT_TRUE(repaired->changed);
  log = machine_.open();
  const auto values = values_of(*log, partition);
  ASSERT_FALSE(values.empty());
  EXPECT_EQ(values[0], "durable");
  EXPECT_TRUE(put_all(*log, {partition}, "v").has_value());
}

TEST_F(EmbeddedFaults, one_sync_serves_all_commits_before_it) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  std::vector<LogPosition> positions;
  for (int i = 0; i < 10; ++i) {
    positions.push_back(put_all(*log, {partition}, "v")->position);
  }
  const std::uint64_t before = machine_.files.syncs();
  ASSERT_TRUE(log->wait_durable(positions.back()).has_value());
  for (const LogPosition& position : positions) {
    ASSERT_TRUE(log->wait_durable(position).has_value());
  }
  EXPECT_EQ(machine_.files.syncs(), before + 1);
}

TEST_F(EmbeddedFaults, a_full_table_is_named) {
  auto log = machine_.open();
  ASSERT_TRUE(log->create_topic({"big", 4000, TopicKind::events, "stock"}).has_value());
  const auto refused = log->create_topic({"more", 200, TopicKind::events, "stock"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::limit)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("4096"));
}

TEST_F(EmbeddedFaults, the_interval_policy_syncs_in_housekeeping) {
  LogOptions options = options_of();
  options.durability = DurabilityPolicy::interval;
  options.sync_interval_ms = 100;
  auto log = machine_.open(options);
  const auto partition = topic_at(*log, "t");
  const auto committed = put_all(*log, {partition}, "v");
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_LT(log->durable().position, committed->position.position);
  machine_.clock.advance_ms(100);
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_EQ(log->durable().position, committed->position.position);
}

TEST_F(EmbeddedFaults, a_segment_that_found_no_room_leaves_nothing_that_another_member_could_keep) {
  auto one = machine_.open(options_of("stock", "one"));
  auto two = machine_.open(options_of("stock", "two"));
  const auto partition = topic_at(*one, "t");
  topic_at(*two, "t");
  ASSERT_TRUE(put_all(*one, {partition}, std::string(40'000, 'a')).has_value());
  machine_.files.set_capacity(70U << 10U);
  ASSERT_TRUE(put_all(*one, {partition}, std::string(40'000, 'b')).error().is(errc::disk_full));
  ASSERT_TRUE(put_all(*two, {partition}, std::string(40'000, 'b')).error().is(errc::disk_full));
  machine_.files.set_capacity(10U << 20U);
  const auto committed = put_all(*two, {partition}, std::string(40'000, 'c'));
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  ASSERT_TRUE(put_all(*one, {partition}, "d").has_value());
  EXPECT_EQ(values_of(*one, partition), values_of(*two, partition));
  EXPECT_EQ(values_of(*one, partition).size(), 3U);
}

TEST_F(EmbeddedFaults, a_sync_that_failed_for_a_checkpoint_stops_the_log) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(put_all(*log, {partition}, std::string(40'000, 'x')).has_value());
  }
  machine_.clock.advance_ms(5'000);
  machine_.files.fail_syncs(true);
  EXPECT_FALSE(log->maintain().has_value());
  machine_.files.fail_syncs(false);
  // The disk reports lost pages once: the next sync must not promise them.
  EXPECT_FALSE(log->wait_durable(log->committed()).has_value());
  const auto refused = put_all(*log, {partition}, "v");
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::failed_sync)) << refused.error().to_string();
}

TEST_F(EmbeddedFaults, a_checkpoint_that_found_no_room_is_written_after_the_interval) {
  FailingFiles files(machine_.files);
  files.count_only("/checkpoint");
  LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
  auto log =
      open_embedded(SimulatedMachine::directory, environment, options_of(), machine_.embedded())
          .value();
  const auto partition = topic_at(*log, "t");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(put_all(*log, {partition}, std::string(40'000, 'x')).has_value());
  }
  const auto checkpoint = [&] {
    return read_file(files, std::string(SimulatedMachine::directory) + "/checkpoint").value();
  };
  const std::string before = checkpoint();
  files.fail_from(1, millrace::errc::disk_full);
  machine_.clock.advance_ms(5'000);
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_EQ(checkpoint(), before);
  files.stop_failing();
  machine_.clock.advance_ms(5'000);
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_NE(checkpoint(), before);
}

TEST_F(EmbeddedFaults, a_checkpoint_that_cannot_be_written_ends_no_service) {
  for (const ErrorCode code : {millrace::errc::disk_full, millrace::errc::io_error}) {
    SimulatedMachine machine;
    FailingFiles files(machine.files);
    LogEnvironment environment{machine.clock, files, machine.random, machine.processes};
    auto log =
        open_embedded(SimulatedMachine::directory, environment, options_of(), machine.embedded())
            .value();
    const auto partition = topic_at(*log, "t");
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(put_all(*log, {partition}, std::string(40'000, 'v')));
    }
    machine.clock.advance_ms(5'000);
    files.count_only("/checkpoint");
    files.fail_call(1, code);
    const Status kept = log->maintain();
    EXPECT_TRUE(files.failed());
    EXPECT_TRUE(kept) << kept.error().to_string();
    EXPECT_EQ(count_of(*log, "checkpoint_errors"), 1U);
    EXPECT_TRUE(put_all(*log, {partition}, "v"));
  }
}

TEST_F(EmbeddedFaults, a_log_that_failed_on_a_full_disk_is_refused_after_a_restart) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_all(*log, {partition}, "v").has_value());
  machine_.files.set_capacity(1);
  machine_.files.fail_syncs(true);
  EXPECT_FALSE(log->wait_durable(log->committed()).has_value());
  machine_.files.fail_syncs(false);
  log.reset();
  const auto opened = machine_.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_TRUE(opened.error().is(errc::failed_sync)) << opened.error().to_string();
  EXPECT_THAT(opened.error().message(), HasSubstr("set to fail)"));
}

}  // namespace
}  // namespace millrace::log
