// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frame.hpp"
#include "index.hpp"
#include "journal.hpp"
#include "locked.hpp"
#include "log_directory.hpp"
#include "millrace/log/transaction.hpp"
#include "segment_maker.hpp"
#include "topics.hpp"

namespace millrace::log::embedded {

/// Makes frames a part of the log. It writes a frame after the last one, and publishes its content
/// in the index and the tables of the control file, so that all members see it. Every step of
/// publishing can be repeated: when a member dies during it, repair() repeats the steps from the
/// frame. Readers use an index entry only when its batch is before `committed`.
class Publisher {
 public:
  /// All outlive it.
  Publisher(LogDirectory& directory, Journal& journal, Index& index, SegmentMaker& segments,
            Topics& topics)
      : directory_(directory),
        journal_(journal),
        index_(index),
        segments_(segments),
        topics_(topics) {}

  /// Sets the base offsets of the frame, writes it, publishes it and wakes its readers. Returns its
  /// end. Without `transaction` the tables are set from the content of the frame. errc::disk_full,
  /// limit; outcome_unknown when it was written and cannot be published.
  [[nodiscard]] Result<std::uint64_t> append(const Locked& locked, FrameBuilder& frame,
                                             FrameHeader header, const Transaction* transaction);
  /// Appends records to `__catalog`, all of them or none.
  [[nodiscard]] Status append_catalog(const Locked& locked, std::span<const std::string> records);
  /// Completes or wipes the incomplete frame of a dead holder of the lock.
  [[nodiscard]] Status repair(const Locked& locked);

  /// Applies the entries of a complete frame to index and tables. Can be repeated. errc::corrupt
  /// when the frame has an offset that an earlier frame has.
  [[nodiscard]] Status apply_entries(const Locked& locked, const FrameView& frame,
                                     std::uint64_t position);
  /// Applies a record of `__catalog` to catalog and rows. Can be repeated.
  [[nodiscard]] Status apply_topic(const Locked& locked, std::string_view record);
  /// Applies the batches of the internal topics to the tables. Can be repeated.
  [[nodiscard]] Status apply_internal(const Locked& locked, std::string_view frame);
  /// The commit point: from now on the log ends at `end`, with a frame with this checksum.
  void advance(const Locked& locked, std::uint64_t end, std::uint32_t checksum);
  /// The end and the checksum of the last frame. errc::corrupt when no frame ends at the end of the
  /// log; then the log is marked as having a broken control file.
  [[nodiscard]] Result<Tail> tail(const Locked& locked) const;

 private:
  /// The partition of an entry of the frame.
  struct Target {
    PartitionRow* row;
    std::int64_t end;  ///< of the partition, by the index where it has one
  };

  /// The bytes after the last frame.
  struct Unpublished {
    bool begun = false;                ///< there is something
    std::optional<std::string> frame;  ///< a complete frame that continues the log
  };

  [[nodiscard]] Result<Unpublished> read_unpublished(const Locked& locked);
  [[nodiscard]] bool may_be_whole(const Locked& locked);
  [[nodiscard]] Status find_targets(const Locked& locked, FrameBuilder& frame);
  [[nodiscard]] FrameHeader complete(const Locked& locked, FrameHeader header) const;
  void check_before_commit(const Locked& locked, FrameBuilder& frame, std::uint64_t position);
  [[nodiscard]] Status write(const Locked& locked, std::uint64_t position, FrameBuilder& frame);
  [[nodiscard]] Status wipe(const Locked& locked, std::uint64_t position);
  [[nodiscard]] Status publish(const Locked& locked, FrameBuilder& frame, std::uint64_t position,
                               const Transaction* transaction);
  [[nodiscard]] Status index_batch(const Locked& locked, PartitionRow& row, const FrameEntry& entry,
                                   std::uint64_t position, std::int64_t time_ms);
  [[nodiscard]] Status apply_record(const Locked& locked, const FrameEntry& entry,
                                    std::uint64_t position, const RecordView& record);
  [[nodiscard]] bool wants(const WaiterRow& waiter, FrameBuilder& frame) const;
  void wake_readers(const Locked& locked, FrameBuilder& frame);

  LogDirectory& directory_;
  Journal& journal_;
  Index& index_;
  SegmentMaker& segments_;
  Topics& topics_;
  std::vector<Target> targets_;  ///< of the frame that is appended; used under the lock
};

}  // namespace millrace::log::embedded
