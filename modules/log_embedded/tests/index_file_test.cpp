// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <string>
#include <vector>

#include "embedded_world.hpp"
#include "hooked_files.hpp"
#include "journal.hpp"

// Index files of segments where something fails. On a simulated machine.
namespace millrace::log {
namespace {

const std::string journal = std::string(SimulatedMachine::directory) + "/journal";

class IndexFileFailures : public testing::Test {
 protected:
  std::unique_ptr<Log> fill() {
    auto log = machine_.open();
    partition_ = topic_at(*log, "t");
    for (int i = 0; i < 40; ++i) {
      EXPECT_TRUE(put_all(*log, {partition_}, std::string(5'000, 'x')));
    }
    return log;
  }
  std::vector<std::string> names(const std::string& ending) {
    auto found = machine_.files.list(journal).value();
    std::erase_if(found, [&](const std::string& name) { return !name.ends_with(ending); });
    return found;
  }

  SimulatedMachine machine_;
  TopicPartition partition_;
};

TEST_F(IndexFileFailures, a_file_that_is_larger_than_its_segment_is_not_read) {
  fill().reset();
  const auto segments = names(".journal");
  ASSERT_GE(segments.size(), 3U);
  embedded::Journal frames(machine_.files, journal, OpenMode::read);
  ASSERT_TRUE(frames.refresh());
  ASSERT_TRUE(frames.read_index_file(0));
  const auto file = machine_.files.open(frames.index_path_of(0), OpenMode::read_write).value();
  ASSERT_TRUE(file->allocate(frames.bounds_of(0).end + 1));
  EXPECT_FALSE(frames.read_index_file(0));
  const auto log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(values_of(*log, partition_).size(), 40U);
}

TEST_F(IndexFileFailures, a_full_disk_keeps_nothing_of_a_file_that_has_no_room) {
  const auto log = fill();
  machine_.clock.advance_ms(60'000);
  machine_.files.set_capacity(1);
  ASSERT_TRUE(log->maintain());
  EXPECT_TRUE(names(".batches").empty());
  EXPECT_TRUE(names(".tmp").empty());
}

TEST_F(IndexFileFailures, a_process_without_descriptors_removes_no_file) {
  fill().reset();
  const auto before = names(".batches");
  ASSERT_GE(before.size(), 2U);
  bool failed = true;
  for (int nth = 0; failed; ++nth) {
    HookedFiles files(machine_.files);
    LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
    files.fail_open(nth);
    const auto log =
        open_embedded(SimulatedMachine::directory, environment, options_of(), machine_.embedded());
    failed = files.open_failed();
    ASSERT_EQ(names(".batches"), before) << nth;
    if (log) {
      EXPECT_EQ(values_of(**log, partition_).size(), 40U);
    }
  }
}

}  // namespace
}  // namespace millrace::log
