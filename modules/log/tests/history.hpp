// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "millrace/log/types.hpp"

namespace millrace::log {

enum class Outcome { committed, refused, unknown };

/// A record that a client appended or read. No two records that are appended have the same value.
struct HistoryRecord {
  TopicPartition partition;
  Offset offset;  ///< of one that was read
  std::int64_t value = 0;
};

/// What the clients of a log did and saw, and whether a log with its contract may have done so. The
/// checks are those that Jepsen makes of Kafka and Redpanda. Thread-safe.
class History {
 public:
  using Client = int;

  /// In the order in which the client made its commits.
  void add_commit(Client client, Outcome outcome, std::vector<HistoryRecord> records);
  /// In the order in which the client read; from its earlier reads of a partition it continued.
  void add_read(Client client, const std::vector<HistoryRecord>& records);
  /// One line for each anomaly. `whole` is what the log has when nobody writes any more, each
  /// partition from its first record to its last; `ordered` says that all commits are in one order.
  [[nodiscard]] std::vector<std::string> anomalies(const std::vector<HistoryRecord>& whole,
                                                   bool ordered) const;

 private:
  struct Commit {
    Client client = 0;
    Outcome outcome = Outcome::unknown;
    std::vector<HistoryRecord> records;
  };

  mutable Mutex mutex_;
  std::vector<Commit> commits_ MILLRACE_GUARDED_BY(mutex_);
  std::map<Client, std::vector<HistoryRecord>> reads_ MILLRACE_GUARDED_BY(mutex_);

  friend class HistoryCheck;
};

}  // namespace millrace::log
