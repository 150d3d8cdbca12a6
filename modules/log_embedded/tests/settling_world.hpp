// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "embedded_faults.hpp"

namespace millrace::log {

/// Settles all that is durable in each call of maintain_storage(), into small files.
inline SettleOptions settle_at_once() {
  SettleOptions settle;
  settle.on = true;
  settle.bytes = 0;
  settle.age_ms = 0;
  settle.interval_ms = 0;
  settle.cleaning_interval_ms = 0;
  settle.segment_bytes = 20'000;
  return settle;
}

inline const std::string root = SimulatedMachine::directory;

inline std::uint64_t count_of(const Log& log, std::string_view name) {
  for (const LogCount& count : log.counts()) {
    if (count.name == name) {
      return count.value;
    }
  }
  ADD_FAILURE() << "the log does not count " << name;
  return 0;
}

/// A log that settles, on a simulated machine, and what its readers have to find.
class Settling : public EmbeddedFaults {
 protected:
  struct Batch {
    std::string value;
    Offset offset;
    std::uint64_t commit_end = 0;
    friend bool operator==(const Batch&, const Batch&) = default;
  };

  SimulatedMachine& machine() { return another_ ? *another_ : machine_; }
  /// On another machine; the handles of the former are gone.
  void start_over() {
    another_.emplace();
    expected_a_.clear();
    expected_b_.clear();
    written_ = 0;
  }
  EmbeddedOptions settling() {
    EmbeddedOptions options = machine().embedded();
    options.settle = settle_at_once();
    return options;
  }
  std::unique_ptr<Log> open(std::string member = "") {
    return machine().open(options_of("stock", std::move(member)), settling());
  }
  std::unique_ptr<Log> open_to_read() {
    LogOptions options = options_of();
    options.access = LogAccess::read_only;
    return machine().open(options);
  }
  /// Records of one partition, each a batch of its own, with the ends of their commits.
  static std::vector<Batch> batches_of(Log& log, TopicPartition partition,
                                       std::size_t max_bytes = 1U << 16U) {
    std::vector<Batch> found;
    FetchBuffer buffer;
    for (Offset next = offset(0);; next = buffer.next) {
      const Status fetched = log.fetch(partition, next, max_bytes, buffer);
      if (!fetched) {
        ADD_FAILURE() << fetched.error().to_string();
        return found;
      }
      if (buffer.records.empty()) {
        EXPECT_EQ(log.end_offset(partition).value(), next);
        return found;
      }
      for (const FetchedBatch& batch : buffer.batches) {
        for (std::size_t i = batch.first; i < batch.first + batch.count; ++i) {
          found.push_back({std::string(buffer.records[i].value.value_or("null")),
                           buffer.records[i].offset, batch.position.position});
        }
      }
    }
  }
  /// Commits records to both partitions, some of them with a position of a group.
  void fill(Log& log, int commits, std::size_t value_bytes = 3'000) {
    a_ = topic_at(log, "t", 2);
    b_ = {a_.topic, partition(1)};
    const GroupId group = log.group("g").value();
    for (int i = 0; i < commits; ++i, ++written_) {
      Transaction transaction;
      const std::string value = std::to_string(written_) + std::string(value_bytes, 'x');
      transaction.append(a_, {0, "k", value, {}});
      if (i % 3 == 0) {
        transaction.append(b_, {0, "k", value, {}});
      }
      transaction.set_position(group, a_, offset(written_));
      const auto committed = log.commit(transaction);
      ASSERT_TRUE(committed) << committed.error().to_string();
      expected_a_.push_back(
          {value, committed->partitions.front().first, committed->position.position});
      if (i % 3 == 0) {
        expected_b_.push_back(
            {value, committed->partitions.back().first, committed->position.position});
      }
    }
    ASSERT_TRUE(log.wait_durable(log.committed()));
  }
  void expect_whole(Log& log) {
    for (const std::size_t max_bytes :
         {std::size_t{1}, std::size_t{10'000}, std::size_t{1} << 20U}) {
      EXPECT_TRUE(batches_of(log, a_, max_bytes) == expected_a_) << max_bytes;
      EXPECT_TRUE(batches_of(log, b_, max_bytes) == expected_b_) << max_bytes;
    }
    EXPECT_EQ(log.start_offset(a_).value(), offset(0));
    EXPECT_EQ(log.position(log.group("g").value(), a_).value(), offset(written_ - 1));
  }
  void expect_good_directory() {
    const auto report = verify_log(SimulatedMachine::directory, machine().environment);
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_FALSE(report->corrupt) << report->corrupt->reason;
    EXPECT_EQ(report->settled_corrupt, "");
  }
  std::vector<std::string> names(const std::string& directory, const std::string& ending) {
    auto found = machine()
                     .files.list(std::string(SimulatedMachine::directory) + directory)
                     .value_or(std::vector<std::string>{});
    std::erase_if(found, [&](const std::string& name) { return !name.ends_with(ending); });
    return found;
  }

  std::optional<SimulatedMachine> another_;
  TopicPartition a_;
  TopicPartition b_;
  std::vector<Batch> expected_a_;
  std::vector<Batch> expected_b_;
  std::int64_t written_ = 0;
};

}  // namespace millrace::log
