// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "settled/compactor.hpp"
#include "settled_world.hpp"

namespace millrace::log::embedded {

/// A record as it was appended.
struct KeyedRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::int64_t time_ms = 0;
  CommitEntry commit;  ///< of its batch; set by the partition
};

/// The settled segments of one partition whose records have keys, with the model of a test: what
/// was appended, and what a reader has to find whatever retention and compaction did.
class KeyedPartition {
 public:
  static constexpr SegmentOptions segments{2048, 300};

  explicit KeyedPartition(SegmentOptions options = segments) : options_(options) { reopen(); }
  KeyedPartition(std::uint64_t seed, std::size_t batches);

  /// One batch, in a commit of its own, appended at now_ms.
  void append(const std::vector<KeyedRecord>& records);
  /// One to five records with one of so many keys each; tombstones, and records without a key.
  void append_random(Random& random, std::uint64_t keys);
  void sync();
  /// A durable checkpoint of the log says how far the partition is settled. Each sync makes one,
  /// unless the test does.
  void make_checkpoint() { checkpoint_ = synced_; }
  bool checkpoint_with_sync = true;
  /// A writer of another process continues, and takes what was not synced out of the journal.
  void reopen();
  /// The log is opened after a crash: it knows of the last checkpoint alone.
  void recover();

  [[nodiscard]] Offset end() const { return synced_; }
  [[nodiscard]] Offset checkpoint() const { return checkpoint_; }
  [[nodiscard]] CompactionState state();
  /// All that a reader that was just opened finds; "" when it is what it has to be.
  [[nodiscard]] std::string problem() { return problem_before(synced_); }
  /// The same for a reader that is given records before `end` alone.
  [[nodiscard]] std::string problem_before(Offset end);
  /// The same of batches that were read by somebody else from `start` on.
  [[nodiscard]] std::string problem_of(const std::vector<ModelBatch>& read, Offset start,
                                       Offset end);
  /// Files that belong to no segment, or are missing of one; "" without any.
  [[nodiscard]] std::string leftovers();
  /// Records of the batches that are read, by offset.
  [[nodiscard]] std::map<std::int64_t, KeyedRecord> read_records();
  /// Base offset and time of the append of each batch that was appended.
  [[nodiscard]] const std::vector<std::pair<Offset, std::int64_t>>& batches() const {
    return batches_;
  }
  [[nodiscard]] const std::map<std::int64_t, KeyedRecord>& written() const { return written_; }
  [[nodiscard]] std::uint64_t log_bytes();

  SettledWorld world;
  std::int64_t now_ms = 1'000'000;

 private:
  void settle(Offset base);
  [[nodiscard]] std::string missing_of(const std::map<std::int64_t, KeyedRecord>& found,
                                       Offset start, Offset end);
  [[nodiscard]] std::string search_problem(SegmentReader& reader,
                                           const std::vector<ModelBatch>& read, Offset end);

  SegmentOptions options_;
  std::optional<SegmentWriter> writer_;
  std::map<std::int64_t, KeyedRecord> written_;
  std::vector<std::pair<Offset, std::int64_t>> batches_;
  std::map<Offset, std::pair<std::string, CommitEntry>> journal_;  // all that was appended
  std::int64_t next_ = 0;
  std::uint64_t position_ = 4096;
  Offset synced_;
  Offset checkpoint_;
};

inline constexpr const char* settled_directory = SettledWorld::directory;

/// Of small segments, with tombstones that stay a second.
[[nodiscard]] CompactionOptions small_compaction();

[[nodiscard]] Result<CompactionResult> compact(KeyedPartition& partition,
                                               const CompactionOptions& options);

}  // namespace millrace::log::embedded
