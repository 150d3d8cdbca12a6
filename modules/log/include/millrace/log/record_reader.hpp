// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/fetch.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

/// The outcome of RecordReader::next().
enum class ReadOutcome : std::uint8_t {
  record,    ///< there is a record: see record()
  none_yet,  ///< all committed records were read; more may follow
  end        ///< all records before the ends of the ranges were read
};

/// Reads ranges of partitions as one sequence, in the order of commits. A log without such an
/// order, such as Kafka, merges the partitions by the timestamp of their next record. Records of
/// one partition are always in the order of their offsets.
///
///     RecordReader reader(log, {{.partition = {orders.id, partition(0)}, .from = offset(0)}});
///     while (true) {
///       MILLRACE_ASSIGN(const ReadOutcome outcome, reader.next());
///       if (outcome != ReadOutcome::record) break;
///       use(reader.record());
///     }
///
/// Not thread-safe, except for interrupt(). The log outlives the reader.
class RecordReader {
 public:
  /// What the reader does when records of a range were removed, by retention or by a trim, before
  /// it read them.
  enum class OnRemoved : std::uint8_t {
    error,          ///< next() fails with errc::out_of_range
    skip_at_first,  ///< as `skip` until the first record of the range was read, then as `error`
    skip  ///< the reader continues at the first record that still exists; removed() counts the
          ///< skipped offsets
  };
  struct Range {
    TopicPartition partition;
    Offset from;                     ///< records before this offset are not read
    std::optional<Offset> end = {};  ///< records at or after this offset are not read
    OnRemoved on_removed = OnRemoved::error;
  };

  /// The fetched records of all ranges use about `buffer_bytes` of memory, but at least 4 KiB or
  /// one batch for each range.
  RecordReader(Log& log, const std::vector<Range>& ranges, std::size_t buffer_bytes = 16U << 20U);
  ~RecordReader();
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  /// Moves to the next record. Errors are those of Log::fetch() and Log::start_offset(), such as
  /// errc::out_of_range and errc::topic_replaced. After an error the reader stays where it was, and
  /// the next call tries the same again. On Kafka it may wait for brokers, as Log::fetch() does.
  [[nodiscard]] Result<ReadOutcome> next();
  /// The current record, after next() returned `record`. Valid until the next call of next().
  [[nodiscard]] const RecordView& record() const;
  /// The index of its range.
  [[nodiscard]] std::size_t range() const;
  /// The end of its commit; LogPosition{} on Kafka.
  [[nodiscard]] LogPosition commit() const;

  /// Sleeps until there may be a record to read, until interrupt(), or until the deadline
  /// (Clock::monotonic_ns). At the end of all ranges it returns `ready` at once. After an error it
  /// may also return at once, so a caller that tries again should pause first. A reader without
  /// ranges only sleeps.
  [[nodiscard]] WaitOutcome wait(std::int64_t deadline_ns);
  /// Ends the present wait(). If no thread waits, ends the next wait() that would sleep. Any
  /// thread.
  void interrupt();

  /// The offset at which another reader can continue in a range: next() has returned all records
  /// before it. It is also after the offsets that are not records, such as the transaction markers
  /// of Kafka. A program that stores its position outside of the log should store a TopicPosition.
  [[nodiscard]] Offset position(std::size_t range) const;
  /// The number of offsets that were skipped because of OnRemoved::skip.
  [[nodiscard]] std::uint64_t removed() const { return removed_; }

 private:
  class Cursor;

  [[nodiscard]] Status begin_round();
  [[nodiscard]] Status refill(Cursor& cursor);
  [[nodiscard]] Result<bool> pass_removed(Cursor& cursor, const Error& error);
  [[nodiscard]] ReadOutcome outcome_without_record() const;
  [[nodiscard]] static bool goes_after(const Cursor* one, const Cursor* other);

  Log& log_;
  const bool ordered_;
  const std::size_t fetch_bytes_;
  std::vector<std::unique_ptr<Cursor>> cursors_;
  std::vector<Cursor*> heap_;  // of those that have a record; the first one goes next
  std::uint64_t bound_ = 0;    // the order of commits behind this position is not known yet
  Cursor* given_ = nullptr;    // has the record in hand
  const RecordView* record_ = nullptr;
  LogPosition commit_;
  std::uint64_t removed_ = 0;

  Mutex mutex_;
  // Made by the first wait: a log has a limited number of them.
  std::unique_ptr<Waiter> waiter_ MILLRACE_GUARDED_BY(mutex_);
  bool interrupted_ MILLRACE_GUARDED_BY(mutex_) = false;  // before there was a waiter
};

}  // namespace millrace::log
