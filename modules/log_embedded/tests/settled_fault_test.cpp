// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <optional>

#include "failing_files.hpp"
#include "millrace/log/errors.hpp"
#include "settled_world.hpp"

namespace millrace::log::embedded {
namespace {

/// Writes all batches with a sync now and then. After an error the same call is repeated, and when
/// that fails too a new writer is opened. Returns where it ended; 0 when it made no progress.
Offset write_through_errors(FileSystem& files, const std::vector<ModelBatch>& batches) {
  Offset synced;
  std::optional<SegmentWriter> writer;
  for (int attempts = 0; attempts < 10; ++attempts) {
    auto opened = SegmentWriter::open(files, SettledWorld::directory, synced, SettledWorld::small);
    if (!opened) {
      EXPECT_FALSE(opened.error().is(errc::corrupt)) << opened.error().to_string();
      continue;
    }
    writer.emplace(*std::move(opened));
    bool good = true;
    for (std::size_t i = 0; good && i < batches.size(); ++i) {
      if (batches[i].base < writer->next()) {
        continue;
      }
      const Offset before = writer->next();
      good = append(*writer, batches[i]).has_value();
      if (!good) {
        EXPECT_EQ(writer->next(), before);
        good = append(*writer, batches[i]).has_value();
      }
      if (good && i % 7 == 0) {
        good = writer->sync() || writer->sync();
      }
      synced = writer->synced();
    }
    if (good && (writer->sync() || writer->sync())) {
      return writer->next();
    }
    synced = writer->synced();
  }
  return offset(0);
}

TEST(SettledErrors, a_call_that_fails_anywhere_costs_nothing) {
  const auto batches = batches_of(21, 60);
  for (const ErrorCode code : {millrace::errc::io_error, millrace::errc::disk_full}) {
    bool reached = true;
    int number = 0;
    while (reached) {
      SettledWorld world;
      FailingFiles files(world.files);
      files.fail_call(++number, code);
      ASSERT_EQ(write_through_errors(files, batches), batches.back().next)
          << code.name << " at call " << number;
      reached = files.failed();
      world.files.lose_power();
      auto reader = SegmentReader::open(world.files, SettledWorld::directory);
      const auto read = read_all(*reader, batches.back().next, 4096);
      ASSERT_TRUE(read) << number << ": " << read.error().to_string();
      EXPECT_TRUE(same(*read, batches.data(), batches.size())) << code.name << " " << number;
    }
    EXPECT_GT(number, 50);
  }
}

// As a crash in the middle of a recovery leaves it.
TEST(SettledErrors, a_call_that_fails_while_a_torn_tail_is_cut_costs_nothing) {
  const auto batches = batches_of(22, 60);
  bool reached = true;
  int number = 0;
  while (reached) {
    ++number;
    SettledWorld world;
    Offset synced;
    {
      auto writer = world.open();
      for (std::size_t i = 0; i < 40; ++i) {
        ASSERT_TRUE(append(*writer, batches[i]));
        if (i == 30) {
          ASSERT_TRUE(writer->sync());
          synced = writer->synced();
        }
      }
    }
    SeededRandom random(static_cast<std::uint64_t>(number));
    world.files.lose_power(random);
    FailingFiles files(world.files);
    files.fail_call(number, millrace::errc::io_error);
    auto first = SegmentWriter::open(files, SettledWorld::directory, synced, SettledWorld::small);
    reached = files.failed();
    EXPECT_EQ(first.has_value(), !reached);
    auto writer = world.open(synced);
    ASSERT_TRUE(writer) << number << ": " << writer.error().to_string();
    ASSERT_GE(writer->next(), synced);
    for (const ModelBatch& batch : batches) {
      if (batch.base >= writer->next()) {
        ASSERT_TRUE(append(*writer, batch));
      }
    }
    ASSERT_TRUE(writer->sync());
    auto reader = SegmentReader::open(world.files, SettledWorld::directory);
    const auto read = read_all(*reader, batches.back().next, 4096);
    ASSERT_TRUE(read) << number << ": " << read.error().to_string();
    EXPECT_TRUE(same(*read, batches.data(), batches.size())) << number;
  }
  EXPECT_GT(number, 5);
}

}  // namespace
}  // namespace millrace::log::embedded
