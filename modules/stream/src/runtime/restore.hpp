// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/punctuators.hpp"
#include "runtime/snapshot.hpp"
#include "runtime/source_reader.hpp"
#include "runtime/store_set.hpp"
#include "runtime/stored_types.hpp"

namespace millrace::stream::runtime {

/// Brings a task's state to where its last owner's last commit left it: from the snapshot, if it
/// holds, and then from the changelogs, in slices so that other tasks continue meanwhile. Made once
/// the claim is ours, for then nobody else can add to the changelogs.
class Restore {
 public:
  Restore(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition,
          std::string_view task, StoreSet& stores);

  /// Reads the snapshot and finds out what there is to replay. Failures of the log; a bad snapshot
  /// is reported and passed over, one that a newer build wrote is errc::incompatible.
  [[nodiscard]] Status begin(const SnapshotFile& snapshot);
  /// Replays about that much; true at the end. Failures as Log::fetch;
  /// errc::incompatible, or codec's, for a record that a newer build wrote.
  [[nodiscard]] Result<bool> slice(std::size_t max_bytes);
  [[nodiscard]] std::int64_t records_left() const;
  /// Adds the partitions that are to be read.
  void add_interests(std::vector<log::Interest>& interests) const;
  /// The snapshot, if any, is not all that was restored.
  [[nodiscard]] bool replayed() const { return replayed_ > 0; }
  /// False: a serde threw, and the table lacks what it may read at another time.
  [[nodiscard]] bool is_whole() const { return is_whole_; }
  /// What it took, for people: `from a snapshot, 12 records replayed`.
  [[nodiscard]] std::string summary() const;

  [[nodiscard]] TaskState take_state() { return std::move(state_); }
  /// From where the changelog of the task's state continues.
  [[nodiscard]] log::Offset system_next() const { return system_next_; }

 private:
  struct Replay {
    StoreSet::Entry* store = nullptr;     // null: the task's state
    std::unique_ptr<SourceReader> table;  // decodes a table's own topic
    std::unique_ptr<StoredTypes> types;   // of a changelog
    log::TopicPartition partition;
    log::Offset next;
    log::Offset end;
    log::Offset known;         // what the snapshot has; 0: all is replayed
    log::Offset complete;      // tombstones_complete_from() before the replay began
    std::size_t left_out = 0;  // records of a table that did not decode
    std::string first_left_out;
  };

  [[nodiscard]] Status load(const SnapshotFile& snapshot);
  [[nodiscard]] Status check_snapshot(const SnapshotHead& head);
  [[nodiscard]] Status check_age(const SnapshotHead& head);
  [[nodiscard]] Status check_tombstones(const Replay& replay);
  [[nodiscard]] Result<std::int64_t> tombstones_kept_ms(log::TopicId topic);
  [[nodiscard]] Result<bool> misses_tombstones();
  [[nodiscard]] Status plan();
  [[nodiscard]] static Replay replay_of_changelog(StoreSet::Entry& entry);
  [[nodiscard]] Replay replay_of_table(StoreSet::Entry& entry) const;
  void forget();
  [[nodiscard]] std::unexpected<Error> refused(const log::TopicPartition& partition,
                                               log::Offset offset, const Error& why) const;
  [[nodiscard]] Status apply(Replay& replay, const log::RecordView& record);
  void leave_out(Replay& replay, log::Offset offset, const Error& why);
  void report_left_out(const Replay& replay) const;

  Shared* shared_;
  const ResolvedSubTopology* resolved_;
  log::PartitionId partition_;
  std::string task_;
  StoreSet* stores_;
  std::vector<Replay> replays_;
  std::size_t current_ = 0;
  std::int64_t began_ns_ = 0;  // the replay, by the monotonic clock
  log::FetchBuffer buffer_;
  TaskState state_;
  log::Offset system_next_;
  bool from_snapshot_ = false;
  bool is_whole_ = true;
  std::size_t replayed_ = 0;
  TableChange change_;
};

}  // namespace millrace::stream::runtime
