// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bulk_files.hpp"
#include "settling_world.hpp"
#include "version.hpp"

// Rounds of settling on a file system that makes many files durable by one sync.
namespace millrace::log {
namespace {

/// A log on BulkFiles with a topic of eight partitions.
class BulkSettling : public Settling {
 protected:
  static constexpr std::int32_t partitions = 8;

  void begin_wide(EmbeddedOptions options) {
    start_over();
    files_.emplace(machine().files);
    environment_.emplace(machine().clock, *files_, machine().random, machine().processes);
    log_ = open_embedded(SimulatedMachine::directory, *environment_, options_of(), options).value();
    const TopicPartition wide = topic_at(*log_, "wide", partitions);
    all_.clear();
    for (std::int32_t p = 0; p < partitions; ++p) {
      all_.push_back({wide.topic, partition(p)});
    }
    values_.clear();
  }
  void put(int count, std::size_t bytes = 2'000) {
    for (int i = 0; i < count; ++i) {
      values_.push_back(std::to_string(values_.size()) + std::string(bytes, 'v'));
      ASSERT_TRUE(log_->wait_durable(put_all(*log_, all_, values_.back())->position));
    }
  }
  void expect_values() {
    for (const TopicPartition& one : all_) {
      EXPECT_EQ(values_of(*log_, one), values_);
    }
  }

  std::optional<BulkFiles> files_;
  std::optional<LogEnvironment> environment_;
  std::unique_ptr<Log> log_;
  std::vector<TopicPartition> all_;
  std::vector<std::string> values_;
};

TEST_F(BulkSettling, one_sync_makes_a_round_of_many_partitions_durable) {
  begin_wide(settling());
  put(3);
  ASSERT_TRUE(maintain_all(*log_));
  EXPECT_EQ(files_->bulk_syncs, 1);
  EXPECT_EQ(files_->settled_syncs, 0);
  put(2);
  expect_values();
  SeededRandom random(7);
  machine().lose_power(random);
  log_ = machine().open(options_of(), settling());
  ASSERT_NE(log_, nullptr);
  put(2);
  ASSERT_TRUE(maintain_all(*log_));
  expect_values();
}

// It fails also for files of other programs, for as long as those like.
TEST_F(BulkSettling, files_are_synced_one_by_one_after_the_sync_of_all_failed) {
  begin_wide(settling());
  files_->fails = 1'000;
  put(3);
  ASSERT_TRUE(maintain_all(*log_));
  EXPECT_EQ(files_->bulk_syncs, 1);
  EXPECT_EQ(count_of(*log_, "settling_errors"), 1U);
  EXPECT_EQ(count_of(*log_, "settled_bytes"), 0U);
  EXPECT_EQ(count_of(*log_, "unsettled_bytes"), 0U) << "commits do not wait for it";
  ASSERT_TRUE(maintain_all(*log_));
  EXPECT_EQ(files_->bulk_syncs, 1);
  EXPECT_GT(files_->settled_syncs, 0);
  EXPECT_EQ(count_of(*log_, "settling_errors"), 1U);
  EXPECT_GT(count_of(*log_, "settled_bytes"), 8U * 3U * 2'000U);
  EXPECT_LT(count_of(*log_, "settled_bytes"), 8U * 3U * 2'200U) << "once";
  SeededRandom random(7);
  machine().lose_power(random);
  log_ = open_embedded(root, *environment_, options_of(), settling()).value();
  expect_values();
  put(2);
  machine().clock.advance_ms(60'000);
  files_->fails = 0;
  ASSERT_TRUE(maintain_all(*log_));
  EXPECT_EQ(files_->bulk_syncs, 2) << "a minute later it is tried again";
  expect_values();
}

TEST_F(BulkSettling, a_round_that_failed_is_not_repeated_at_once) {
  EmbeddedOptions options = settling();
  options.settle.unsettled_bytes_max = 800'000;
  begin_wide(options);
  put(1, 70'000);
  ASSERT_GT(count_of(*log_, "unsettled_bytes"), 500'000U);
  files_->fails = 1;
  files_->before_settled_write = [this] { machine().clock.advance_ms(26); };
  ASSERT_TRUE(log_->maintain_storage());
  EXPECT_EQ(files_->bulk_syncs, 1);
  EXPECT_EQ(files_->settled_syncs, 0) << "a second round would sync files one by one";
  ASSERT_TRUE(log_->maintain_storage());
  EXPECT_GT(files_->settled_syncs, 0);
  files_->before_settled_write = nullptr;
  ASSERT_TRUE(log_->maintain_storage());
  expect_values();
}

// The member that made them may have died before their names were durable.
TEST_F(BulkSettling, directories_are_durable_before_what_is_in_them_counts) {
  begin_wide(settling());
  ASSERT_TRUE(put_all(*log_, {all_[0]}, "v"));
  ASSERT_TRUE(log_->maintain_storage());
  EXPECT_THAT(files_->synced_directories, testing::Contains(root + "/settled"));
  files_->synced_directories.clear();
  const auto raised = embedded::raise_version(*files_, root, embedded::format_version_settled);
  EXPECT_FALSE(raised.value());
  EXPECT_THAT(files_->synced_directories, testing::Contains(root));
}

}  // namespace
}  // namespace millrace::log
