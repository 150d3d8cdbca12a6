// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "embedded_world.hpp"

// What a handle that only follows the journal shows when something fails or is cut off under it.
namespace millrace::log {
namespace {

using testing::HasSubstr;

LogOptions reading_options() {
  LogOptions options = options_of();
  options.access = LogAccess::read_only;
  options.create = false;
  return options;
}

/// The memory of one process, of which blocks cannot be had for a while.
class ScarceRegion final : public SharedRegion {
 public:
  ScarceRegion(std::unique_ptr<SharedRegion> region, const bool& scarce)
      : region_(std::move(region)), scarce_(scarce) {}
  Identity identity() override { return region_->identity(); }
  Result<bool> try_lock(LockMode mode) override { return region_->try_lock(mode); }
  bool replaced() override { return region_->replaced(); }
  Result<std::string> head(std::size_t bytes) override { return region_->head(bytes); }
  Result<char*> map(std::uint64_t size, bool fresh) override { return region_->map(size, fresh); }
  Result<char*> block(std::uint32_t number, std::uint64_t size, bool create) override {
    if (create && scarce_) {
      return fail(millrace::errc::io_error, "cannot get memory");
    }
    return region_->block(number, size, create);
  }
  Result<bool> join(int slot) override { return region_->join(slot); }
  void leave(int slot) override { region_->leave(slot); }
  bool alive(int slot) override { return region_->alive(slot); }
  std::vector<std::int64_t> living() override { return region_->living(); }
  Status kill(int slot, std::int64_t pid, std::uint64_t start_time) override {
    return region_->kill(slot, pid, start_time);
  }
  void watch(int slot, std::int64_t pid) override { region_->watch(slot, pid); }
  void unwatch(int slot) override { region_->unwatch(slot); }
  int death_descriptor() override { return region_->death_descriptor(); }
  void wait(std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns) override {
    region_->wait(word, expected, timeout_ns);
  }
  void wake(std::uint32_t* word, int count) override { region_->wake(word, count); }
  Status drop_cache(const std::string& directory) override {
    return region_->drop_cache(directory);
  }
  bool forked() const override { return region_->forked(); }
  void die() override { region_->die(); }
  bool dead() const override { return region_->dead(); }

 private:
  std::unique_ptr<SharedRegion> region_;
  const bool& scarce_;
};

class ScarceRegions final : public SharedRegionFactory {
 public:
  explicit ScarceRegions(SharedRegionFactory& regions) : regions_(regions) {}
  Result<std::unique_ptr<SharedRegion>> open(const std::string& directory, bool force) override {
    return regions_.open(directory, force);
  }
  std::unique_ptr<SharedRegion> open_private() override {
    return std::make_unique<ScarceRegion>(regions_.open_private(), scarce);
  }

  bool scarce = false;

 private:
  SharedRegionFactory& regions_;
};

TEST(EmbeddedFollower, a_frame_that_could_not_be_taken_is_taken_by_the_next_call) {
  SimulatedMachine machine;
  const auto writer = machine.open();
  ScarceRegions regions(machine.regions);
  EmbeddedOptions embedded = small_segments();
  embedded.regions = &regions;
  const auto reader =
      open_embedded(SimulatedMachine::directory, machine.environment, reading_options(), embedded);
  ASSERT_TRUE(reader) << reader.error().to_string();
  const TopicPartition orders = topic_at(*writer, "orders");
  ASSERT_TRUE(put_all(*writer, {orders}, "first"));
  regions.scarce = true;
  EXPECT_FALSE((*reader)->topics());
  EXPECT_FALSE((*reader)->groups());
  // These have no way to report it, so it must show in the next call that has one.
  static_cast<void>((*reader)->committed());
  static_cast<void>((*reader)->durable());
  EXPECT_FALSE((*reader)->find_topic("orders"));
  regions.scarce = false;
  ASSERT_TRUE(put_all(*writer, {orders}, "second"));
  EXPECT_TRUE((*reader)->find_topic("orders"));
  EXPECT_EQ(values_of(**reader, orders), (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ((*reader)->committed().position, writer->committed().position);
}

/// A log of several segments that is read, and then repaired.
class RepairedLog : public testing::Test {
 protected:
  void SetUp() override {
    const auto writer = machine_.open();
    orders_ = topic_at(*writer, "orders");
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(put_all(*writer, {orders_}, std::string(3000, 'x')));
    }
    reader_ = machine_.open(reading_options());
    ASSERT_EQ(values_of(*reader_, orders_).size(), 60U);
  }
  /// Damages the journal at that byte of the segment and repairs the log.
  void damage_and_repair(std::size_t number_of_segment, std::uint64_t offset) {
    std::vector<std::string> segments;
    const auto names = machine_.files.list("/log/journal");
    ASSERT_TRUE(names);
    for (const std::string& name : *names) {
      if (name.ends_with(".journal")) {
        segments.push_back("/log/journal/" + name);
      }
    }
    ASSERT_GT(segments.size(), number_of_segment);
    ASSERT_TRUE(machine_.files.flip_bit(segments[number_of_segment], offset, 1));
    const auto repaired =
        repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions);
    ASSERT_TRUE(repaired) << repaired.error().to_string();
    ASSERT_TRUE(repaired->changed);
  }
  void expect_reader_says_so() {
    // It cannot report it and may not hide it.
    static_cast<void>(reader_->committed());
    EXPECT_FALSE(reader_->topics());
    FetchBuffer buffer;
    const Status fetched = reader_->fetch(orders_, offset(60), 1000, buffer);
    ASSERT_FALSE(fetched);
    EXPECT_TRUE(fetched.error().is(errc::closed)) << fetched.error().to_string();
    EXPECT_THAT(fetched.error().message(), HasSubstr("repaired"));
    EXPECT_FALSE(reader_->end_offset(orders_)) << "it stays so";
  }

  SimulatedMachine machine_;
  TopicPartition orders_;
  std::unique_ptr<Log> reader_;
};

// Opened when the power is back and no member has opened the log yet.
TEST(ReaderAfterPowerLoss,
     follows_when_recovery_removes_a_segment_and_another_one_takes_its_place) {
  const std::string journal = std::string(SimulatedMachine::directory) + "/journal/";
  // The new segment gets the name of the one that was removed, or another one.
  for (const std::size_t size : {40'000U, 45'000U}) {
    SimulatedMachine machine;
    auto log = machine.open();
    const auto partition = topic_at(*log, "t");
    ASSERT_TRUE(log->wait_durable(put_all(*log, {partition}, std::string(40'000, 'a'))->position));
    ASSERT_TRUE(put_all(*log, {partition}, std::string(40'000, 'b')));
    ASSERT_TRUE(put_all(*log, {partition}, std::string(40'000, 'c')));
    auto names = machine.files.list(journal).value();
    std::erase_if(names, [](const std::string& name) { return !name.ends_with(".journal"); });
    ASSERT_EQ(names.size(), 3U);
    // Of the two names that were not synced the disk keeps the later one.
    ASSERT_TRUE(machine.files.remove(journal + names[1]));
    ASSERT_TRUE(machine.files.sync_directory(journal));
    abandon(*log);
    machine.regions.lose_power();
    machine.files.lose_power();
    const auto reader = machine.open(reading_options());
    ASSERT_NE(reader, nullptr);
    EXPECT_EQ(values_of(*reader, partition).size(), 1U);
    log = machine.open();
    ASSERT_NE(log, nullptr);
    for (const char value : {'d', 'e', 'f'}) {
      ASSERT_TRUE(put_all(*log, {partition}, std::string(size, value)));
      EXPECT_TRUE(values_of(*reader, partition) == values_of(*log, partition)) << size;
    }
    EXPECT_EQ(reader->committed().position, log->committed().position);
  }
}

TEST_F(RepairedLog, a_reader_of_a_segment_that_was_removed_says_so) {
  damage_and_repair(0, 30'000);
  expect_reader_says_so();
}

TEST_F(RepairedLog, a_reader_of_frames_that_were_replaced_says_so) {
  damage_and_repair(0, 30'000);
  const auto writer = machine_.open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(put_all(*writer, {orders_}, std::string(2900, 'y')));
  }
  expect_reader_says_so();
  const auto again = machine_.open(reading_options());
  EXPECT_EQ(values_of(*again, orders_), values_of(*writer, orders_));
}

TEST_F(RepairedLog, a_reader_of_the_segment_that_was_cut_says_so) {
  damage_and_repair(2, 10'000);
  expect_reader_says_so();
}

}  // namespace
}  // namespace millrace::log
