// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "embedded_world.hpp"
#include "hooked_files.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "settling_world.hpp"
#include "time_search.hpp"

// Finding the first record of a time: the search over the index, and what it reads.
namespace millrace::log {
namespace {

using embedded::IndexEntry;

/// An index in memory that counts how often an entry is read.
class Entries {
  auto reader() {
    return [this](std::uint64_t i) -> Result<IndexEntry> {
      ++reads_;
      return entries_.at(i);
    };
  }

 public:
  void append(std::int64_t time_ms) {
    IndexEntry entry;
    entry.time_ms = time_ms;
    entry.latest_back = embedded::latest_back(entries_.size(), time_ms, reader()).value();
    entries_.push_back(entry);
  }
  std::uint64_t find(std::uint64_t from, std::int64_t time_ms) {
    reads_ = 0;
    return embedded::first_at_time(from, entries_.size(), time_ms, reader()).value();
  }
  std::uint64_t find_by_hand(std::uint64_t from, std::int64_t time_ms) const {
    for (std::uint64_t i = from; i < entries_.size(); ++i) {
      if (entries_[i].time_ms >= time_ms) return i;
    }
    return entries_.size();
  }
  [[nodiscard]] std::uint64_t size() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }
  void forget_reads() { reads_ = 0; }

 private:
  std::vector<IndexEntry> entries_;
  std::uint64_t reads_ = 0;
};

TEST(TimeSearch, finds_the_first_entry_of_a_time_from_any_entry_on) {
  SeededRandom random(7);
  for (int round = 0; round < 20; ++round) {
    Entries entries;
    for (std::int64_t i = 0; i < 150; ++i) {
      // Rising with outliers, or all at random.
      const auto noise = static_cast<std::int64_t>(random.next() % 400);
      entries.append(round % 2 == 0 ? 10 * i + (noise < 20 ? 50 * noise : 0) : noise);
    }
    for (std::uint64_t from = 0; from <= entries.size(); ++from) {
      for (int look = 0; look < 20; ++look) {
        const auto time_ms = static_cast<std::int64_t>(random.next() % 2'600) - 50;
        ASSERT_EQ(entries.find(from, time_ms), entries.find_by_hand(from, time_ms))
            << "round " << round << ", from " << from << ", time " << time_ms;
      }
    }
  }
}

TEST(TimeSearch, reads_so_many_entries_as_the_square_of_the_logarithm) {
  constexpr std::uint64_t entries_max = 1U << 16U;
  constexpr std::uint64_t levels = 17;
  Entries entries;
  for (std::uint64_t i = 0; i < entries_max; ++i) {
    entries.append(static_cast<std::int64_t>(i / 2));
  }
  EXPECT_LE(entries.reads(), 2 * entries_max) << "two for each that is appended, on average";
  std::uint64_t most = 0;
  for (const std::uint64_t from : {0, 1, 3, 4'095, 32'767, 32'769, 65'535}) {
    for (std::int64_t time_ms = 0; time_ms < 40'000; time_ms += 997) {
      entries.find(from, time_ms);
      most = std::max(most, entries.reads());
    }
  }
  EXPECT_LE(most, levels * levels);
}

class FindTime : public testing::Test {
 protected:
  std::unique_ptr<Log> open(LogAccess access = LogAccess::read_write) {
    LogOptions options = options_of();
    options.access = access;
    auto log = open_embedded(SimulatedMachine::directory, environment_, std::move(options),
                             machine_.embedded());
    if (!log) {
      ADD_FAILURE() << log.error().to_string();
      return nullptr;
    }
    return *std::move(log);
  }
  /// Commits records with times from `first` on, `step_ms` apart.
  void write(Log& log, std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) {
      Transaction transaction;
      transaction.append(partition_, {step_ms * i, "k", value_, {}});
      ASSERT_TRUE(log.commit(transaction));
    }
  }
  /// Bytes that finding the time of that record reads.
  std::uint64_t bytes_to_find(Log& log, std::int64_t number) {
    const std::uint64_t before = files_.bytes_read();
    const auto found = log.find_time(partition_, step_ms * number - 1);
    EXPECT_TRUE(found && *found) << number;
    if (found && *found) {
      EXPECT_EQ((*found)->value, number);
    }
    return files_.bytes_read() - before;
  }

  static constexpr std::int64_t step_ms = 10;
  SimulatedMachine machine_;
  HookedFiles files_{machine_.files};
  LogEnvironment environment_{machine_.clock, files_, machine_.random, machine_.processes};
  TopicPartition partition_;
  std::string value_ = std::string(1'000, 'x');
};

TEST_F(FindTime, reads_one_batch_however_many_there_are) {
  auto log = open();
  partition_ = topic_at(*log, "t");
  std::int64_t written = 0;
  for (const std::int64_t records : {10, 100, 1'000}) {
    write(*log, written, records - written);
    written = records;
    for (const std::int64_t number : {std::int64_t{1}, records / 2, records - 1}) {
      EXPECT_LE(bytes_to_find(*log, number), 2 * value_.size()) << "of " << records;
    }
    const std::uint64_t before = files_.bytes_read();
    EXPECT_EQ(log->find_time(partition_, step_ms * records).value(), std::nullopt);
    EXPECT_EQ(files_.bytes_read(), before) << "of " << records;
  }
}

TEST_F(FindTime, opens_each_settled_segment_once_at_most) {
  EmbeddedOptions options = machine_.embedded();
  options.settle = settle_at_once();
  const auto log =
      open_embedded(SimulatedMachine::directory, environment_, options_of(), options).value();
  partition_ = topic_at(*log, "t");
  write(*log, 0, 200);
  ASSERT_TRUE(log->wait_durable(log->committed()));
  ASSERT_TRUE(maintain_all(*log));
  auto names = machine_.files.list(root + "/settled/t-0").value();
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".log"); });
  ASSERT_GT(names.size(), 5U);
  std::sort(names.begin(), names.end());
  // Four files of a segment, and one of them again to see that it was not replaced.
  constexpr int files_of_segment = 5;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const int before = files_.openings();
    const std::int64_t first = std::stoll(names[i]);
    EXPECT_EQ(log->find_time(partition_, step_ms * first).value(), offset(first));
    EXPECT_LE(files_.openings() - before, files_of_segment * static_cast<int>(i + 1)) << i;
  }
}

TEST_F(FindTime, is_the_same_after_the_log_was_opened_again) {
  auto log = open();
  partition_ = topic_at(*log, "t");
  write(*log, 0, 300);
  log.reset();
  const auto names = machine_.files.list(std::string(SimulatedMachine::directory) + "/journal");
  ASSERT_TRUE(names);
  EXPECT_TRUE(std::any_of(names->begin(), names->end(), [](const std::string& name) {
    return name.ends_with(".batches");
  })) << "some entries come from index files, the others from the journal";
  for (const LogAccess access : {LogAccess::read_write, LogAccess::read_only}) {
    log = open(access);
    for (std::int64_t number = 1; number < 300; number += 13) {
      EXPECT_LE(bytes_to_find(*log, number), access == LogAccess::read_write
                                                 ? 2 * value_.size()
                                                 : std::numeric_limits<std::uint64_t>::max());
    }
    log.reset();
  }
}

TEST_F(FindTime, index_files_of_an_older_version_are_made_again) {
  auto log = open();
  partition_ = topic_at(*log, "t");
  write(*log, 0, 300);
  log.reset();
  const std::string name =
      std::string(SimulatedMachine::directory) + "/journal/00000000000000000000.batches";
  const auto version = [&] {
    const auto file = machine_.files.open(name, OpenMode::read).value();
    char bytes[8];
    EXPECT_EQ(file->read_at(0, bytes, sizeof bytes).value(), sizeof bytes);
    return load_little<std::uint32_t>(bytes + 4);
  };
  const std::uint32_t ours = version();
  {
    const auto file = machine_.files.open(name, OpenMode::read_write).value();
    std::string content(file->size().value(), '\0');
    ASSERT_EQ(file->read_at(0, content.data(), content.size()).value(), content.size());
    store_little(content.data() + 4, ours - 1);
    constexpr std::size_t sum_bytes = 4;
    const std::string_view summed(content.data(), content.size() - sum_bytes);
    store_little(content.data() + summed.size(), crc32c(summed));
    ASSERT_TRUE(file->write_at(0, content));
  }
  log = open();
  EXPECT_LE(bytes_to_find(*log, 40), 2 * value_.size());
  log.reset();
  EXPECT_EQ(version(), ours);
}

}  // namespace
}  // namespace millrace::log
