// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "embedded_faults.hpp"
#include "hooked_files.hpp"
#include "open_segments.hpp"
#include "process_world.hpp"
#include "settling_world.hpp"

// A journal of many segments needs few open files.
namespace millrace::log {
namespace {

constexpr int many_commits = 300;
// Beside segments: the directory, and a segment in the making under its two names, or a checkpoint.
constexpr std::size_t other_files = 3;

std::string value_of(int number) { return std::to_string(number) + std::string(3'000, 'x'); }

/// Each commit of a value needs a segment of its own.
EmbeddedOptions a_segment_for_each_commit(EmbeddedOptions options) {
  options.segment_bytes = 4'096;
  return options;
}

LogOptions unsynced(LogAccess access = LogAccess::read_write) {
  LogOptions options = options_of();
  options.durability = DurabilityPolicy::os;
  options.access = access;
  return options;
}

class FewDescriptors : public testing::Test {
 protected:
  std::unique_ptr<Log> open(const LogOptions& options) {
    auto log = open_embedded(SimulatedMachine::directory, environment_, options,
                             a_segment_for_each_commit(machine_.embedded()));
    EXPECT_TRUE(log) << log.error().to_string();
    return log ? *std::move(log) : nullptr;
  }
  void append(Log& log, int count) {
    for (int i = 0; i < count; ++i) {
      values_.push_back(value_of(static_cast<int>(values_.size())));
      const auto committed = put_all(log, {partition_}, values_.back());
      ASSERT_TRUE(committed) << committed.error().to_string();
    }
  }
  std::unique_ptr<Log> fill(const LogOptions& options) {
    auto log = open(options);
    partition_ = topic_at(*log, "t");
    append(*log, many_commits);
    return log;
  }
  std::size_t segments() {
    return stat_log(SimulatedMachine::directory, machine_.environment)->segments;
  }

  SimulatedMachine machine_;
  HookedFiles files_{machine_.files};
  LogEnvironment environment_{machine_.clock, files_, machine_.random, machine_.processes};
  TopicPartition partition_;
  std::vector<std::string> values_;
};

TEST_F(FewDescriptors, are_open_in_a_member_however_many_segments_it_writes_reads_and_syncs) {
  auto log = fill(unsynced());
  ASSERT_GE(segments(), 300U);
  EXPECT_TRUE(values_of(*log, partition_) == values_);
  EXPECT_LE(files_.open_max(), embedded::OpenSegments::max_open + other_files);
  machine_.clock.advance_ms(60'000);
  ASSERT_TRUE(log->maintain()) << "a checkpoint, which syncs all";
  EXPECT_EQ(log->durable(), log->committed());
  log.reset();
  EXPECT_EQ(files_.open_now(), 0U);
  log = open(unsynced());
  EXPECT_TRUE(values_of(*log, partition_) == values_);
  EXPECT_LE(files_.open_max(), embedded::OpenSegments::max_open + other_files);
}

TEST_F(FewDescriptors, are_open_in_a_reader_and_in_the_tools) {
  fill(unsynced());
  ASSERT_GE(segments(), 300U);
  const auto reader = open(unsynced(LogAccess::read_only));
  EXPECT_TRUE(values_of(*reader, partition_) == values_);
  EXPECT_FALSE(verify_log(SimulatedMachine::directory, environment_)->corrupt);
  EXPECT_TRUE(stat_log(SimulatedMachine::directory, environment_));
  EXPECT_TRUE(repair_log(SimulatedMachine::directory, environment_, false, machine_.regions));
  EXPECT_LE(files_.open_max(), 2 * embedded::OpenSegments::max_open + other_files);
}

TEST_F(FewDescriptors, that_a_process_may_have_are_enough_for_each_step) {
  auto log = fill(options_of());
  ASSERT_GE(segments(), 300U);
  for (const std::size_t limit : {40U, 25U, 12U}) {
    files_.limit_open(limit);
    // Each begins when reading has used up what there is.
    EXPECT_TRUE(values_of(*log, partition_) == values_);
    const auto committed = put_all(*log, {partition_}, value_of(static_cast<int>(values_.size())));
    values_.push_back(value_of(static_cast<int>(values_.size())));
    ASSERT_TRUE(committed) << limit << ": " << committed.error().to_string();
    EXPECT_TRUE(values_of(*log, partition_) == values_);
    const Status durable = log->wait_durable(committed->position);
    ASSERT_TRUE(durable) << limit << ": " << durable.error().to_string();
    EXPECT_TRUE(values_of(*log, partition_) == values_);
    machine_.clock.advance_ms(60'000);
    const Status kept = log->maintain();
    ASSERT_TRUE(kept) << limit << ": " << kept.error().to_string();
    append(*log, 20);
  }
}

TEST_F(FewDescriptors, of_which_none_is_left_refuse_a_commit_and_a_sync_but_do_not_stop_the_log) {
  auto log = fill(options_of());
  files_.limit_open(files_.open_now());
  ASSERT_TRUE(put_all(*log, {partition_}, value_of(many_commits))) << "it closed files of its own";
  values_.push_back(value_of(many_commits));
  const LogPosition end = log->committed();
  files_.limit_open(0);
  // What is open stays open; a new segment needs a descriptor.
  const auto refused = put_all(*log, {partition_}, value_of(many_commits));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(millrace::errc::too_many_files)) << refused.error().to_string();
  const Status durable = log->wait_durable(end);
  EXPECT_TRUE(durable) << durable.error().to_string();
  machine_.clock.advance_ms(60'000);
  EXPECT_TRUE(log->maintain()) << "no reason for a service to end";
  files_.limit_open(SIZE_MAX);
  append(*log, 1);
  EXPECT_TRUE(values_of(*log, partition_) == values_);
}

TEST_F(FewDescriptors, are_forgotten_when_there_are_many_again) {
  const auto log = fill(unsynced());
  machine_.clock.advance_ms(60'000);
  ASSERT_TRUE(log->maintain()) << "a checkpoint: no segment must stay open";
  files_.limit_open(12);
  EXPECT_TRUE(values_of(*log, partition_) == values_);
  EXPECT_LE(files_.open_now(), 12U);
  files_.limit_open(SIZE_MAX);
  EXPECT_TRUE(values_of(*log, partition_) == values_);
  EXPECT_GT(files_.open_now(), embedded::OpenSegments::max_open / 2);
}

TEST_F(FewDescriptors, are_no_reason_to_close_files_when_one_cannot_be_opened_for_another_reason) {
  fill(unsynced());
  const std::string directory = std::string(SimulatedMachine::directory) + "/journal";
  embedded::OpenSegments segments(files_, directory, OpenMode::read_write, {});
  std::vector<std::string> names = files_.list(directory).value();
  std::erase_if(names, [](const auto& name) { return !embedded::OpenSegments::start_of(name); });
  for (std::size_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(segments.file(*embedded::OpenSegments::start_of(names[i])));
  }
  const std::size_t before = files_.open_now();
  EXPECT_TRUE(segments.open(directory, OpenMode::read_write).error().is(millrace::errc::io_error));
  EXPECT_EQ(files_.open_now(), before);
}

TEST_F(FewDescriptors, that_another_thread_takes_before_a_directory_is_synced_lose_nothing) {
  auto log = open(options_of());
  partition_ = topic_at(*log, "t");
  append(*log, 3);
  files_.refuse_directories(true);
  const Status durable = log->wait_durable(log->committed());
  EXPECT_TRUE(durable) << durable.error().to_string();
  machine_.clock.advance_ms(60'000);
  EXPECT_TRUE(log->maintain()) << "a checkpoint";
  log.reset();
  const auto refused = open_embedded(SimulatedMachine::directory, environment_, options_of(),
                                     a_segment_for_each_commit(machine_.embedded()));
  ASSERT_FALSE(refused) << "a recovery";
  EXPECT_TRUE(refused.error().is(millrace::errc::too_many_files)) << refused.error().to_string();
  files_.refuse_directories(false);
  log = open(options_of());
  ASSERT_NE(log, nullptr);
  append(*log, 3);
  EXPECT_TRUE(values_of(*log, partition_) == values_);
}

TEST_F(EmbeddedFaults, with_few_descriptors_a_segment_stays_open_until_it_is_synced) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  const auto embedded = a_segment_for_each_commit(machine_.embedded());
  const auto log = machine_.open(unsynced(), embedded);
  const auto partition = topic_at(*log, "t");
  const auto put = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(put_all(*log, {partition}, value_of(i)));
    }
  };
  put(many_commits);
  machine_.clock.advance_ms(60'000);
  ASSERT_TRUE(log->maintain()) << "a checkpoint";
  put(10);
  const auto other = machine_.open(options_of("stock", "other"), embedded);
  // Its sync loses pages of one segment. It dies before it can say so.
  machine_.files.fail_syncs(true);
  plan("sync.failed", 1);
  ASSERT_TRUE(dies(*other, [&] { static_cast<void>(other->wait_durable(other->committed())); }));
  machine_.files.fail_syncs(false);
  ASSERT_EQ(values_of(*log, partition).size(), many_commits + 10U) << "which opens all segments";
  machine_.clock.advance_ms(60'000);
  const Status kept = log->maintain();
  ASSERT_FALSE(kept) << "a file that was closed and opened again would know of nothing";
  EXPECT_TRUE(kept.error().is(errc::failed_sync)) << kept.error().to_string();
  const auto refused = put_all(*log, {partition}, "v");
  ASSERT_FALSE(refused) << "the disk reports it only once";
  EXPECT_TRUE(refused.error().is(errc::failed_sync)) << refused.error().to_string();
}

TEST_F(EmbeddedFaults, a_member_without_descriptors_leaves_the_repair_of_a_dead_one_to_others) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  HookedFiles files(machine_.files);
  LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
  const auto poor = open_embedded(SimulatedMachine::directory, environment,
                                  options_of("stock", "poor"), machine_.embedded())
                        .value();
  const auto victim = machine_.open(options_of("stock", "victim"));
  const auto other = machine_.open(options_of("stock", "other"));
  const auto partition = topic_at(*poor, "t");
  plan("commit.after_frame", 1);
  ASSERT_TRUE(dies(*victim, [&] { static_cast<void>(put_all(*victim, {partition}, "a")); }));
  files.limit_open(0);
  const auto refused = put_all(*poor, {partition}, "b");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::closed)) << refused.error().to_string();
  const auto committed = put_all(*other, {partition}, "c");
  ASSERT_TRUE(committed) << committed.error().to_string();
  EXPECT_THAT(values_of(*other, partition), testing::ElementsAre("a", "c"));
}

TEST_F(EmbeddedProcesses, with_few_descriptors_read_and_write_a_log_of_many_segments) {
  constexpr int before = 100;
  const auto try_many = [&](const LogOptions& options) {
    return open_embedded(path(), environment_, options, a_segment_for_each_commit({}));
  };
  {
    const auto log = try_many(unsynced());
    ASSERT_TRUE(log) << log.error().to_string();
    const auto partition = topic_at(**log, "t");
    for (int i = 0; i < before; ++i) {
      ASSERT_TRUE(put_all(**log, {partition}, value_of(i)));
    }
  }
  ASSERT_GE(stat_log(path(), environment_)->segments, 100U);
  Child limited([&] {
    const std::filesystem::directory_iterator open_now("/proc/self/fd");
    const auto limit = static_cast<rlim_t>(std::distance(begin(open_now), end(open_now)) + 36);
    const rlimit few{limit, limit};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) {
      return 1;
    }
    const auto log = try_many(options_of());
    if (!log) {
      return 2;
    }
    const auto partition = topic_at(**log, "t");
    for (int i = 0; i < 20; ++i) {
      const auto committed = put_all(**log, {partition}, value_of(before + i));
      if (!committed || !(*log)->wait_durable(committed->position)) {
        return 3;
      }
    }
    const auto values = values_of(**log, partition);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] != value_of(static_cast<int>(i))) {
        return 4;
      }
    }
    return values.size() == before + 20U ? 0 : 5;
  });
  const int status = limited.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

/// What a process of 64 descriptors finds wrong with a log of many segments, settled ones too, that
/// it writes, settles, reads and looks at; 0 for nothing.
int problem_of_64_descriptors(const std::string& path, LogEnvironment& environment) {
  constexpr int partitions = 30;
  constexpr int commits = 40;
  const rlimit few{64, 64};
  EmbeddedOptions embedded = a_segment_for_each_commit({});
  embedded.settle = settle_at_once();
  if (::setrlimit(RLIMIT_NOFILE, &few) != 0) {
    return 1;
  }
  std::vector<TopicPartition> all;
  const auto has_all = [&](Log& log, std::size_t count) {
    return std::all_of(all.begin(), all.end(), [&](const TopicPartition& at) {
      const auto values = values_of(log, at);
      bool same = values.size() == count;
      for (std::size_t i = 0; same && i < count; ++i) {
        same = values[i] == value_of(static_cast<int>(i % commits));
      }
      return same;
    });
  };
  for (const std::size_t count : {std::size_t{commits}, std::size_t{2 * commits}}) {
    {
      const auto log = open_embedded(path, environment, options_of(), embedded);
      if (!log) {
        return 2;
      }
      const TopicPartition first = topic_at(**log, "t", partitions);
      all.clear();
      for (std::int32_t p = 0; p < partitions; ++p) {
        all.push_back({first.topic, partition(p)});
      }
      for (int i = 0; i < commits; ++i) {
        const auto committed = put_all(**log, all, value_of(i));
        if (!committed || !(*log)->wait_durable(committed->position)) {
          return 3;
        }
        if (i % 4 == 3 && !maintain_all(**log)) {
          return 4;
        }
      }
      // A round of settling ends after some time.
      for (int i = 0; i < 10'000 && count_of(**log, "unsettled_bytes") > 0; ++i) {
        if (!maintain_all(**log)) {
          return 4;
        }
      }
      if (!has_all(**log, count)) {
        return 5;
      }
    }
    const auto reader = open_embedded(path, environment, unsynced(LogAccess::read_only));
    if (!reader || !has_all(**reader, count)) {
      return 6;
    }
  }
  const auto report = verify_log(path, environment);
  if (!report || report->corrupt || !report->settled_corrupt.empty()) {
    return 7;
  }
  const auto stat = stat_log(path, environment);
  return stat && report->settled_batches == 2 * partitions * commits ? 0 : 8;
}

TEST_F(EmbeddedProcesses, with_64_descriptors_settle_and_read_a_log_of_many_partitions) {
  Child limited([&] { return problem_of_64_descriptors(path(), environment_); });
  const int status = limited.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace millrace::log
