// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "history.hpp"
#include "log_contract.hpp"

// Many clients write and read at once, and what they saw is checked afterwards.
namespace millrace::log {
namespace {

constexpr int history_writers = 4;
constexpr int history_readers = 3;
constexpr int history_commits = 40;

/// Commits to one, two or three partitions, one commit at each step.
class HistoryWriter {
 public:
  HistoryWriter(int client, Log& log, const std::vector<TopicPartition>& partitions,
                History& history)
      : client_(client), log_(log), partitions_(partitions), history_(history) {}

  /// False when it has made all of its commits.
  bool step() {
    Transaction transaction;
    std::vector<HistoryRecord> records;
    for (int i = 0; i <= done_ % 3; ++i) {
      const auto at = static_cast<std::size_t>(client_ + done_ + i) % partitions_.size();
      const std::int64_t value = (client_ * history_commits + done_) * 10LL + i;
      transaction.append(partitions_[at], {0, "k", std::to_string(value), {}});
      records.push_back({partitions_[at], {}, value});
    }
    const auto committed = log_.commit(transaction);
    Outcome outcome = Outcome::committed;
    if (!committed) {
      outcome = committed.error().is(errc::outcome_unknown) ? Outcome::unknown : Outcome::refused;
    }
    history_.add_commit(client_, outcome, std::move(records));
    return ++done_ < history_commits;
  }

 private:
  int client_;
  Log& log_;
  const std::vector<TopicPartition>& partitions_;
  History& history_;
  int done_ = 0;
};

/// Reads all partitions from their beginning, a little of each at each step.
class HistoryReader {
 public:
  HistoryReader(int client, Log& log, const std::vector<TopicPartition>& partitions,
                History& history)
      : client_(client),
        log_(log),
        partitions_(partitions),
        history_(history),
        next_(partitions.size()) {}

  /// False when there was nothing more.
  bool step() {
    bool more = false;
    for (std::size_t i = 0; i < partitions_.size(); ++i) {
      const auto records = read(i);
      history_.add_read(client_, records);
      more = more || !records.empty();
    }
    return more;
  }
  /// What the log has, from now on to the end.
  std::vector<HistoryRecord> read_all() {
    std::vector<HistoryRecord> all;
    for (std::size_t i = 0; i < partitions_.size(); ++i) {
      EXPECT_TRUE(log_.end_offset(partitions_[i]));
      for (auto some = read(i); !some.empty(); some = read(i)) {
        all.insert(all.end(), some.begin(), some.end());
      }
    }
    return all;
  }

 private:
  std::vector<HistoryRecord> read(std::size_t i) {
    const Status fetched = log_.fetch(partitions_[i], next_[i], 1'000, buffer_);
    if (!fetched) {
      ADD_FAILURE() << fetched.error().to_string();
      return {};
    }
    std::vector<HistoryRecord> records;
    for (const RecordView& record : buffer_.records) {
      records.push_back(
          {partitions_[i], record.offset, std::stoll(std::string(record.value.value_or("-1")))});
    }
    next_[i] = buffer_.next;
    return records;
  }

  int client_;
  Log& log_;
  const std::vector<TopicPartition>& partitions_;
  History& history_;
  std::vector<Offset> next_;
  FetchBuffer buffer_;
};

/// All of them, with handles of their own.
struct HistoryClients {
  std::vector<std::unique_ptr<Log>> handles;
  std::vector<TopicPartition> partitions;
  History history;
  std::vector<HistoryWriter> writers;
  std::vector<HistoryReader> readers;

  void run_threads();
  void run_in_turn();
};

void HistoryClients::run_threads() {
  std::atomic<int> writing = history_writers;
  std::vector<std::thread> threads;
  for (HistoryWriter& writer : writers) {
    threads.emplace_back([&] {
      while (writer.step()) {
      }
      --writing;
    });
  }
  for (HistoryReader& reader : readers) {
    threads.emplace_back([&] {
      while (writing > 0) {
        reader.step();
      }
      while (reader.step()) {
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

void HistoryClients::run_in_turn() {
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < writers.size(); ++i) {
      more = writers[i].step() || more;
      readers[i % readers.size()].step();
    }
  }
  for (HistoryReader& reader : readers) {
    while (reader.step()) {
    }
  }
}

TEST_P(LogContract, the_history_of_many_writers_and_readers_has_no_anomaly) {
  HistoryClients clients;
  for (const char* const member : {"one", "other", "reader", "last"}) {
    clients.handles.push_back(connect("stock", member));
  }
  const TopicPartition t = make_topic(*clients.handles[0], "t", 2);
  clients.partitions = {t, {t.topic, partition(1)}, make_topic(*clients.handles[0], "u")};
  for (int i = 0; i < history_writers; ++i) {
    clients.writers.emplace_back(i, *clients.handles[static_cast<std::size_t>(i % 2)],
                                 clients.partitions, clients.history);
  }
  for (int i = 0; i < history_readers; ++i) {
    clients.readers.emplace_back(i, *clients.handles[static_cast<std::size_t>(i)],
                                 clients.partitions, clients.history);
  }
  world().blocks() ? clients.run_threads() : clients.run_in_turn();
  world().synchronize();
  HistoryReader last(history_readers, *clients.handles.back(), clients.partitions, clients.history);
  const auto whole = last.read_all();
  EXPECT_GT(whole.size(), 300U) << "of 316";
  EXPECT_THAT(clients.history.anomalies(whole, world().ordered()), testing::IsEmpty());
}

}  // namespace
}  // namespace millrace::log
