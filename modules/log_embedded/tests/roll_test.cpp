// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>

#include "embedded_world.hpp"
#include "hooked_files.hpp"
#include "journal.hpp"
#include "millrace/base/die_at.hpp"

// How the journal continues with its next segment, and the checkpoints on the way. On a simulated
// machine.
namespace millrace::log {
namespace {

class EmbeddedRoll : public testing::Test {
 protected:
  /// More than half of a segment.
  Result<Committed> put_half(Log& log, TopicPartition partition, char what) {
    values_.emplace_back(40'000, what);
    return put_all(log, {partition}, values_.back());
  }
  static std::vector<std::string> spare_files(SimulatedMachine& machine) {
    auto names = machine.files.list(std::string(SimulatedMachine::directory) + "/journal").value();
    std::erase_if(names, [](const std::string& name) { return !name.starts_with("next"); });
    return names;
  }
  std::string checkpoint() {
    return read_file(machine_.files, std::string(SimulatedMachine::directory) + "/checkpoint")
        .value();
  }

  SimulatedMachine machine_;
  std::vector<std::string> values_;
};

TEST_F(EmbeddedRoll, a_roll_takes_the_segment_that_was_prepared_and_syncs_no_file) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_THAT(spare_files(machine_), testing::IsEmpty()) << "before the segment is half full";
  ASSERT_TRUE(put_half(*log, partition, 'a').has_value());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(log->maintain().has_value());
    EXPECT_THAT(spare_files(machine_), testing::ElementsAre("next.0.prepared"));
  }
  const std::uint64_t before = machine_.files.syncs();
  const auto committed = put_half(*log, partition, 'b');
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  EXPECT_EQ(machine_.files.syncs(), before);
  EXPECT_THAT(spare_files(machine_), testing::IsEmpty());
  ASSERT_TRUE(log->wait_durable(committed->position).has_value());
  abandon(*log);
  machine_.regions.lose_power();
  machine_.files.lose_power();
  log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(values_of(*log, partition), values_);
}

TEST_F(EmbeddedRoll, a_log_that_rolls_fast_has_more_than_one_segment_prepared) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  for (int tick = 0; tick < 3; ++tick) {
    ASSERT_TRUE(log->maintain().has_value());
    machine_.clock.advance_ms(100);
    ASSERT_TRUE(put_half(*log, partition, 'a').has_value());
    ASSERT_TRUE(put_half(*log, partition, 'b').has_value());
  }
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_GE(spare_files(machine_).size(), 2U);
  EXPECT_LE(spare_files(machine_).size(), 4U);
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(put_half(*log, partition, 'c').has_value());
  }
  EXPECT_THAT(spare_files(machine_), testing::IsEmpty());
  EXPECT_EQ(values_of(*log, partition), values_);
}

TEST_F(EmbeddedRoll, a_frame_larger_than_the_prepared_segment_gets_one_of_its_own) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_half(*log, partition, 'a').has_value());
  ASSERT_TRUE(log->maintain().has_value());
  values_.emplace_back(100'000, 'b');
  ASSERT_TRUE(put_all(*log, {partition}, values_.back()).has_value());
  EXPECT_THAT(spare_files(machine_), testing::ElementsAre("next.0.prepared"));
  ASSERT_TRUE(put_half(*log, partition, 'c').has_value());
  EXPECT_THAT(spare_files(machine_), testing::IsEmpty());
  EXPECT_EQ(values_of(*log, partition), values_);
}

TEST_F(EmbeddedRoll, a_member_that_dies_while_it_prepares_leaves_the_work_to_another) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* point : {"prepare.inside", "prepare.done"}) {
    SimulatedMachine machine;
    auto survivor = machine.open(options_of("stock", "survivor"));
    const auto partition = topic_at(*survivor, "t");
    auto victim = machine.open(options_of("stock", "victim"));
    values_.clear();
    ASSERT_TRUE(put_half(*survivor, partition, 'a').has_value());
    const DieAt death(point);
    EXPECT_THROW(static_cast<void>(victim->maintain()), SimulatedDeath) << point;
    abandon(*victim);
    ASSERT_TRUE(survivor->maintain().has_value()) << point;
    EXPECT_THAT(spare_files(machine), testing::Contains("next.0.prepared")) << point;
    ASSERT_TRUE(put_half(*survivor, partition, 'b').has_value()) << point;
    ASSERT_TRUE(survivor->maintain().has_value()) << point;
    EXPECT_THAT(spare_files(machine), testing::Contains("next.0.prepared")) << point;
    // The next in its slot takes on what it left.
    auto next = machine.open(options_of("stock", "next"));
    ASSERT_TRUE(put_half(*next, partition, 'c').has_value()) << point;
    ASSERT_TRUE(next->maintain().has_value()) << point;
    EXPECT_THAT(spare_files(machine), testing::ElementsAre("next.0.prepared")) << point;
    EXPECT_EQ(values_of(*next, partition), values_) << point;
    abandon(*next);
    abandon(*survivor);
    survivor = machine.open();
    ASSERT_NE(survivor, nullptr);
    EXPECT_THAT(spare_files(machine), testing::IsEmpty()) << "recovery takes leftovers away";
    EXPECT_EQ(values_of(*survivor, partition), values_) << point;
  }
}

TEST_F(EmbeddedRoll, a_death_at_a_roll_to_a_prepared_segment_loses_nothing_durable) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* point : {"segment.renamed", "segment.made", "segment.inside_use"}) {
    SimulatedMachine machine;
    auto survivor = machine.open(options_of("stock", "survivor"));
    const auto partition = topic_at(*survivor, "t");
    auto victim = machine.open(options_of("stock", "victim"));
    topic_at(*victim, "t");
    values_.clear();
    ASSERT_TRUE(put_half(*survivor, partition, 'a').has_value());
    ASSERT_TRUE(survivor->maintain().has_value());
    const DieAt death(point);
    EXPECT_THROW(static_cast<void>(put_all(*victim, {partition}, std::string(40'000, 'x'))),
                 SimulatedDeath)
        << point;
    abandon(*victim);
    const auto committed = put_half(*survivor, partition, 'b');
    ASSERT_TRUE(committed.has_value()) << point << ": " << committed.error().to_string();
    ASSERT_TRUE(survivor->wait_durable(committed->position).has_value());
    abandon(*survivor);
    machine.regions.lose_power();
    machine.files.lose_power();
    survivor = machine.open();
    ASSERT_NE(survivor, nullptr) << point;
    EXPECT_EQ(values_of(*survivor, partition), values_) << point;
  }
}

TEST_F(EmbeddedRoll, a_disk_too_full_to_prepare_a_segment_is_no_error_and_is_tried_again) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_half(*log, partition, 'a').has_value());
  machine_.files.set_capacity(1);
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_THAT(spare_files(machine_), testing::IsEmpty());
  values_.emplace_back("small");
  ASSERT_TRUE(put_all(*log, {partition}, values_.back()).has_value());
  machine_.files.set_capacity(10U << 20U);
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_THAT(spare_files(machine_), testing::ElementsAre("next.0.prepared"));
  machine_.files.set_capacity(1);
  EXPECT_TRUE(put_half(*log, partition, 'b').has_value()) << "its room was taken before";
  EXPECT_EQ(values_of(*log, partition), values_);
}

TEST_F(EmbeddedRoll, a_roll_that_cannot_open_a_file_leaves_all_members_the_same_journal) {
  for (const bool prepared : {false, true}) {
    bool failed = true;
    for (int nth = 0; failed; ++nth) {
      const std::string which = (prepared ? "prepared, open " : "open ") + std::to_string(nth);
      SimulatedMachine machine;
      HookedFiles files(machine.files);
      LogEnvironment environment{machine.clock, files, machine.random, machine.processes};
      auto opened = open_embedded(SimulatedMachine::directory, environment,
                                  options_of("stock", "one"), machine.embedded());
      ASSERT_TRUE(opened) << opened.error().to_string();
      Log& one = **opened;
      const auto partition = topic_at(one, "t");
      values_.clear();
      ASSERT_TRUE(put_half(one, partition, 'a'));
      if (prepared) {
        ASSERT_TRUE(one.maintain());
      }
      files.fail_open(nth);
      if (!put_half(one, partition, 'b')) {
        values_.pop_back();
      }
      failed = files.open_failed();
      files.fail_open(-1);
      // Small enough for the segment before.
      values_.emplace_back("c");
      const auto small = put_all(one, {partition}, "c");
      ASSERT_TRUE(small) << which << ": " << small.error().to_string();
      auto two = machine.open(options_of("stock", "two"));
      EXPECT_TRUE(values_of(one, partition) == values_) << which;
      EXPECT_TRUE(values_of(*two, partition) == values_) << which;
      abandon(one);
      abandon(*two);
      two = machine.open();
      ASSERT_NE(two, nullptr) << which;
      EXPECT_TRUE(values_of(*two, partition) == values_) << which;
    }
  }
}

TEST_F(EmbeddedRoll, the_last_to_leave_takes_prepared_segments_away) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_half(*log, partition, 'a').has_value());
  ASSERT_TRUE(log->maintain().has_value());
  ASSERT_FALSE(spare_files(machine_).empty());
  log.reset();
  EXPECT_THAT(spare_files(machine_), testing::IsEmpty());
}

TEST_F(EmbeddedRoll, checkpoints_of_a_log_that_rolls_keep_a_distance) {
  auto log = machine_.open();
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(log->maintain().has_value());
  const std::string first = checkpoint();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(put_half(*log, partition, 'a').has_value());
    machine_.clock.advance_ms(1'000);
    ASSERT_TRUE(log->maintain().has_value());
  }
  EXPECT_EQ(checkpoint(), first);
  machine_.clock.advance_ms(1'000);
  ASSERT_TRUE(log->maintain().has_value());
  const std::string second = checkpoint();
  EXPECT_NE(second, first);
  ASSERT_TRUE(put_all(*log, {partition}, "v").has_value());
  machine_.clock.advance_ms(60'000);
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_EQ(checkpoint(), second) << "no segment was begun since";
}

TEST_F(EmbeddedRoll, what_a_checkpoint_synced_is_durable_and_not_synced_again) {
  LogOptions options = options_of();
  options.durability = DurabilityPolicy::os;
  auto log = machine_.open(options);
  const auto partition = topic_at(*log, "t");
  LogPosition end;
  for (int i = 0; i < 4; ++i) {
    end = put_half(*log, partition, 'a')->position;
    ASSERT_TRUE(log->maintain().has_value());
  }
  EXPECT_LT(log->durable().position, end.position);
  const std::uint64_t before = machine_.files.syncs();
  machine_.clock.advance_ms(5'000);
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_EQ(log->durable(), end);
  EXPECT_EQ(machine_.files.syncs(), before + 5) << "four segments and the checkpoint";
  ASSERT_TRUE(put_half(*log, partition, 'b').has_value());
  ASSERT_TRUE(log->maintain().has_value());
  const std::uint64_t later = machine_.files.syncs();
  machine_.clock.advance_ms(5'000);
  ASSERT_TRUE(log->maintain().has_value());
  EXPECT_EQ(machine_.files.syncs(), later + 2) << "the new segment and the checkpoint";
}

// The thread that syncs does it here: what waited for the end of the sync would wait for ever.
TEST_F(EmbeddedRoll, a_commit_that_rolls_and_a_reader_do_not_wait_for_a_sync) {
  HookedFiles files(machine_.files);
  LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
  const auto log = open_embedded(SimulatedMachine::directory, environment,
                                 options_of("stock", "one"), machine_.embedded());
  ASSERT_TRUE(log) << log.error().to_string();
  const auto at = topic_at(**log, "t");
  const auto first = put_half(**log, at, 'a');
  ASSERT_TRUE(first);
  const auto another = machine_.open(options_of("stock", "two"));
  bool rolled = false;
  files.before_sync([&] {
    rolled = put_half(*another, at, 'b') && put_half(**log, at, 'c');
    EXPECT_EQ(values_of(**log, at), values_) << "in a segment that another member made";
  });
  ASSERT_TRUE((*log)->wait_durable(first->position));
  EXPECT_TRUE(rolled);
  EXPECT_EQ(values_of(**log, at), values_);
}

TEST_F(EmbeddedRoll, others_commit_while_the_directory_of_a_new_segment_is_synced) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  HookedFiles files(machine_.files);
  LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
  const auto log = open_embedded(SimulatedMachine::directory, environment,
                                 options_of("stock", "one"), machine_.embedded());
  ASSERT_TRUE(log) << log.error().to_string();
  static Log* other = nullptr;
  static TopicPartition at;
  static int commits = 0;
  const auto another = machine_.open(options_of("stock", "two"));
  other = another.get();
  at = topic_at(**log, "t");
  commits = 0;
  ASSERT_TRUE(put_half(**log, at, 'a'));
  const int before = files.directory_syncs();
  const auto rolled = put_half(**log, at, 'b');
  ASSERT_TRUE(rolled) << rolled.error().to_string();
  EXPECT_EQ(files.directory_syncs(), before) << "a roll leaves it to the next sync";
  const FaultHandler former = set_fault_handler([](std::string_view point) {
    if (point == "sync.before_names") {
      commits += put_all(*other, {at}, "meanwhile") ? 1 : 0;
    }
  });
  ASSERT_TRUE((*log)->wait_durable(rolled->position));
  set_fault_handler(former);
  EXPECT_EQ(commits, 1) << "the writer lock was held";
  EXPECT_EQ(files.directory_syncs(), before + 1);
}

struct HeldLock : embedded::Locked {};

// What a dead member left may be too small for the next frame.
TEST(Journal, grows_a_segment_while_another_one_is_synced) {
  FaultFileSystem disk;
  ASSERT_TRUE(disk.create_directories("/journal"));
  HookedFiles files(disk);
  embedded::Journal segments(files, "/journal", OpenMode::read_write);
  const HeldLock locked;
  for (const std::uint64_t start : {0, 4'096}) {
    ASSERT_TRUE(segments.make_segment(locked, start, 4'096, 4'096, [] {}));
  }
  ASSERT_TRUE(segments.hold(locked, 0));
  ASSERT_TRUE(segments.write(locked, 0, "a frame"));
  std::uint64_t room = 0;
  files.before_sync(
      [&] { room = segments.make_segment(locked, 4'096, 8'192, 8'192, [] {}).value(); });
  ASSERT_TRUE(segments.sync(0, 4'096));
  EXPECT_EQ(room, 8'192U);
}

}  // namespace
}  // namespace millrace::log
