// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/log/record.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log {

/// Orders the claims on one task: a later claim has a greater epoch, and no epoch is ever used
/// again.
struct ClaimEpoch {
  std::uint64_t era = 0;  ///< increases when the log cannot know which numbers were used
  std::uint64_t number = 0;
  friend auto operator<=>(const ClaimEpoch&, const ClaimEpoch&) = default;
};

/// The right to work on one task of a group. A newer claim on the same task makes this claim
/// invalid for ever. A value type: copies are the same claim.
class Claim {
 public:
  /// A claim that is never current.
  Claim() = default;
  /// For backends. `slot` is the index with which the backend finds the task; other code must not
  /// use it.
  Claim(GroupId group, std::string task, ClaimEpoch epoch, std::int64_t slot = -1)
      : group_(group), task_(std::move(task)), epoch_(epoch), slot_(slot) {}

  [[nodiscard]] GroupId group() const { return group_; }
  [[nodiscard]] const std::string& task() const { return task_; }
  [[nodiscard]] const ClaimEpoch& epoch() const { return epoch_; }
  /// For the backend that made it.
  [[nodiscard]] std::int64_t slot() const { return slot_; }
  friend bool operator==(const Claim&, const Claim&) = default;

 private:
  GroupId group_;
  std::string task_;
  ClaimEpoch epoch_;
  std::int64_t slot_ = -1;
};

/// Records for any topics and partitions, input positions of groups, and the claims under which
/// they are written. All records and positions become visible together or never. Records are
/// encoded when they are added. Call clear() to use it again; clear() keeps the memory. Not
/// thread-safe.
class Transaction {
 public:
  struct Position {
    GroupId group;
    TopicPartition partition;
    Offset next;  ///< the first offset not yet processed
  };
  struct Batch {
    TopicPartition partition;
    RecordBatchBuilder builder;
  };
  struct Sequence {
    std::string producer;
    std::int64_t number = -1;
  };

  /// Encodes the record and adds it. Beyond 256 MiB only the size is counted, because no log
  /// accepts such a transaction.
  void append(TopicPartition partition, const Record& record);
  /// Sets the position of a group in a partition; a second call for the same group and partition
  /// replaces the first one.
  void set_position(GroupId group, TopicPartition partition, Offset next);
  /// The commit fails with errc::fenced unless this claim is current. Call it again to require
  /// several claims.
  void require(const Claim& claim);
  /// Makes the commit repeatable: a second commit with the same producer and number writes nothing
  /// and returns the outcome of the first one.
  void set_sequence(std::string_view producer, std::int64_t number);

  [[nodiscard]] bool empty() const { return used_ == 0 && positions_.empty(); }
  /// Encoded size of the records so far.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t records() const { return records_; }
  /// Encoded size of the largest record so far.
  [[nodiscard]] std::size_t largest_record() const { return largest_record_; }
  /// The latest timestamp of the records so far, in ms since 1970; the smallest possible number
  /// when there are no records.
  [[nodiscard]] std::int64_t latest_ms() const { return latest_ms_; }
  void clear();

  /// For backends.
  [[nodiscard]] std::size_t batch_count() const { return used_; }
  [[nodiscard]] Batch& batch(std::size_t index) { return batches_[index]; }
  [[nodiscard]] const std::vector<Position>& positions() const { return positions_; }
  [[nodiscard]] const std::vector<Claim>& claims() const { return claims_; }
  [[nodiscard]] const Sequence& sequence() const { return sequence_; }

 private:
  Batch& batch_of(TopicPartition partition);
  Batch& add_batch(TopicPartition partition);
  void index_batch(std::size_t index);

  std::vector<Batch> batches_;  // the first used_ are of this transaction, the rest keep their
                                // memory for later ones
  std::vector<std::uint32_t> index_;  // hash table of batch number + 1, used from some batches on
  std::size_t used_ = 0;
  std::size_t last_ = 0;  // the batch last appended to
  std::size_t largest_record_ = 0;
  std::size_t bytes_ = 0;
  std::size_t records_ = 0;
  std::int64_t latest_ms_ = std::numeric_limits<std::int64_t>::min();
  std::vector<Position> positions_;
  std::vector<Claim> claims_;
  Sequence sequence_;
};

/// The outcome of a commit.
struct Committed {
  struct Partition {
    TopicPartition partition;
    Offset first;  ///< offset of the first record of the transaction in this partition
  };
  LogPosition position;  ///< the end of the commit, for waiting on durability
  std::vector<Partition>
      partitions;  ///< in the order in which the partitions were first appended to
  bool repeated =
      false;  ///< true: the sequence was used before, and this is the outcome of the first commit
};

}  // namespace millrace::log
