// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "history.hpp"
#include "process_world.hpp"
#include "settling_world.hpp"

// Processes write, settle and are killed, others read, and what they saw is checked afterwards.
namespace millrace::log {
namespace {

constexpr int commits_of_process = 40;
constexpr int processes_at_once = 3;

const char* const points_of_death[] = {"lock.held",
                                       "commit.before_frame",
                                       "commit.inside_frame",
                                       "commit.after_frame",
                                       "commit.after_publish",
                                       "commit.before_wake",
                                       "checkpoint.before_write",
                                       "settle.written",
                                       "settle.before_publish",
                                       "settle.published",
                                       "settle.before_removal",
                                       "segment.renamed"};

class ProcessHistories : public EmbeddedProcesses {
 protected:
  std::unique_ptr<Log> open_settling(const std::string& member) {
    EmbeddedOptions embedded = small_segments();
    embedded.segment_bytes = 16U << 10U;
    embedded.stuck_holder_ms = patient_ms;
    embedded.settle = settle_at_once();
    auto log =
        open_embedded(directory_.path(), environment_, options_of("stock", member), embedded);
    return log ? *std::move(log) : nullptr;
  }
  static std::vector<TopicPartition> partitions_of(Log& log) {
    const TopicPartition t = topic_at(log, "t", 2);
    return {t, {t.topic, partition(1)}, topic_at(log, "u")};
  }
  static std::string value_of(std::int64_t number) {
    return std::to_string(number) + "," + std::string(400, 'x');
  }
  [[nodiscard]] std::string notes_of(int client) const {
    return notes_.path() + "/" + std::to_string(client);
  }
  /// What each commit appends: one record to each of some partitions.
  static std::vector<HistoryRecord> records_of(const std::vector<TopicPartition>& partitions,
                                               int client, int commit) {
    std::vector<HistoryRecord> records;
    for (int i = 0; i <= commit % 3; ++i) {
      const auto at = static_cast<std::size_t>(client + commit + i) % partitions.size();
      records.push_back({partitions[at], {}, (client * 1'000LL + commit) * 10 + i});
    }
    return records;
  }
  /// Of a child, killed in the nth pass of the point; 0: not killed. It notes each commit before it
  /// makes it, and again when it was acknowledged.
  int write(int client, const char* point, int nth) {
    const auto log = open_settling("writer-" + std::to_string(client));
    if (log == nullptr) {
      return 2;
    }
    const auto partitions = partitions_of(*log);
    std::ofstream notes(notes_of(client));
    std::optional<DieAt> death;
    if (nth > 0) {
      death.emplace(point, nth, SIGKILL);
    }
    for (int commit = 0; commit < commits_of_process; ++commit) {
      Transaction transaction;
      for (const HistoryRecord& record : records_of(partitions, client, commit)) {
        transaction.append(record.partition, {0, "k", value_of(record.value), {}});
      }
      notes << commit << ' ' << std::flush;
      if (!log->commit(transaction)) {
        return 3;
      }
      notes << commit << ' ' << std::flush;
      if (commit % 5 == client % 5 && !maintain_all(*log)) {
        return 4;
      }
    }
    return 0;
  }
  /// What a process that ended had noted.
  void take_notes(int client, const std::vector<TopicPartition>& partitions) {
    std::ifstream notes(notes_of(client));
    const std::vector<int> noted{std::istream_iterator<int>(notes), {}};
    for (std::size_t i = 0; i < noted.size(); i += 2) {
      const bool acknowledged = i + 1 < noted.size();
      history_.add_commit(client, acknowledged ? Outcome::committed : Outcome::unknown,
                          records_of(partitions, client, noted[i]));
    }
  }
  /// Of each partition what follows `next`.
  static std::vector<HistoryRecord> read_some(Log& log,
                                              const std::vector<TopicPartition>& partitions,
                                              std::vector<Offset>& next) {
    std::vector<HistoryRecord> records;
    FetchBuffer buffer;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      const Status fetched = log.fetch(partitions[i], next[i], 4'000, buffer);
      EXPECT_TRUE(fetched) << fetched.error().to_string();
      for (const RecordView& record : buffer.records) {
        records.push_back(
            {partitions[i], record.offset, std::stoll(std::string(record.value.value_or("-1")))});
      }
      next[i] = fetched ? buffer.next : next[i];
    }
    return records;
  }

  TemporaryDirectory notes_;
  History history_;
};

TEST_F(ProcessHistories, have_no_anomaly_when_processes_are_killed) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  const auto log = open_settling("reader");
  ASSERT_NE(log, nullptr);
  const auto partitions = partitions_of(*log);
  std::vector<Offset> next(partitions.size());
  int client = 0;
  int killed = 0;
  for (const char* const point : points_of_death) {
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < processes_at_once; ++i) {
      // One of them gets through.
      const int number = client + i;
      const int nth = i == 0 ? 0 : 1 + (number * 7) % 5;
      children.push_back(
          std::make_unique<Child>([&, number, nth] { return write(number, point, nth); }));
    }
    for (const auto& child : children) {
      while (!child->ended()) {
        history_.add_read(0, read_some(*log, partitions, next));
      }
      const int status = child->wait();
      EXPECT_TRUE(status == 0 || was_killed(status)) << point << ": " << status;
      killed += was_killed(status) ? 1 : 0;
      take_notes(client++, partitions);
    }
  }
  EXPECT_GT(killed, 12);
  for (auto some = read_some(*log, partitions, next); !some.empty();
       some = read_some(*log, partitions, next)) {
    history_.add_read(0, some);
  }
  const auto last = open_settling("last");
  std::vector<HistoryRecord> whole;
  std::vector<Offset> from(partitions.size());
  for (auto some = read_some(*last, partitions, from); !some.empty();
       some = read_some(*last, partitions, from)) {
    whole.insert(whole.end(), some.begin(), some.end());
  }
  EXPECT_GT(whole.size(), 1'000U);
  EXPECT_THAT(history_.anomalies(whole, true), testing::IsEmpty());
}

}  // namespace
}  // namespace millrace::log
