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

/// What a reader found.
enum class ReadOutcome : std::uint8_t {
  record,    ///< a record, which is in hand now
  none_yet,  ///< all that is committed by now was read; more may follow
  end        ///< all up to the end that was asked for was read
};

/// Reads ranges of partitions as one sequence: in the order of commits where the log has one, else,
/// as on Kafka, by the time of the next record of each partition. Records of one partition are
/// always in the order of their offsets.
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
  /// What happens when records of a range were removed, by retention or by a trim, before the
  /// reader came to them.
  enum class OnRemoved : std::uint8_t {
    error,          ///< next() fails with errc::out_of_range
    skip_at_first,  ///< as `skip` until the range was read from once, then as `error`
    skip            ///< the reader continues at the first record that is kept; removed() counts
  };
  struct Range {
    TopicPartition partition;
    Offset from;                     ///< records before this offset are not read
    std::optional<Offset> end = {};  ///< nor are records at or after this one
    OnRemoved on_removed = OnRemoved::error;
  };

  /// Fetched records take `buffer_bytes` together, but at least 4 KiB or one batch for each range.
  RecordReader(Log& log, const std::vector<Range>& ranges, std::size_t buffer_bytes = 16U << 20U);
  ~RecordReader();
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  /// Moves to the next record. Fails as Log::fetch() and Log::start_offset() do, among them
  /// errc::out_of_range and errc::topic_replaced; a failure moves nothing, and the next call tries
  /// the same again. On Kafka it may wait for brokers, as Log::fetch() does.
  [[nodiscard]] Result<ReadOutcome> next();
  /// The record in hand, valid until the next call of next(), which must have returned `record`.
  [[nodiscard]] const RecordView& record() const;
  /// The index of its range.
  [[nodiscard]] std::size_t range() const;
  /// The end of its commit; LogPosition{} on Kafka.
  [[nodiscard]] LogPosition commit() const;

  /// Sleeps until there may be something to read, interrupt(), or the deadline
  /// (Clock::monotonic_ns). At the end of all ranges it returns `ready` at once. So it may after a
  /// failure: a caller that tries again pauses by itself. A reader without ranges only sleeps.
  [[nodiscard]] WaitOutcome wait(std::int64_t deadline_ns);
  /// Makes the wait() that sleeps now, or else the next one that would sleep, return. Any thread.
  void interrupt();

  /// Where a further reader continues in a range: next() has returned all before this offset. It is
  /// also behind what has an offset and is no record, such as the transaction markers of Kafka. A
  /// program that keeps it outside of the log keeps a TopicPosition.
  [[nodiscard]] Offset position(std::size_t range) const;
  /// Offsets that OnRemoved::skip passed over.
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
