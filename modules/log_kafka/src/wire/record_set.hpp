// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/fetch.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log::kafka::wire {

/// A batch may be as large as this when it is decompressed.
inline constexpr std::size_t max_batch_bytes = 128U << 20U;

/// An entry of the aborted transactions of a fetch response: from `first` on, what the producer
/// wrote does not count, until its next transaction marker.
struct AbortedTransaction {
  std::int64_t producer_id = 0;
  Offset first;
};

/// The record batches of one partition in a fetch response, as a reader of committed records sees
/// them (Kafka's CompletedFetch.java): aborted transactions and transaction markers are
/// passed over. Batches come off its front in order, never twice. Every batch is checked against
/// its checksum once, when it is reached. Not thread-safe.
///
///     buffer.bytes.clear();
///     Offset next = from;
///     MILLRACE_TRY(set.take(max_bytes, next, buffer));
///     if (set.bytes() == 0) MILLRACE_TRY(following_set.take(max_bytes, next, buffer));
///     MILLRACE_TRY(decode_batches(buffer, from));
class RecordSet {
 public:
  /// `bytes` lie within what `owner` keeps; it is let go of when the set is at its end. `aborted`
  /// in any order.
  RecordSet(std::shared_ptr<const std::string> owner, std::string_view bytes,
            std::vector<AbortedTransaction> aborted);

  /// Moves over what a reader at `next` must not see: batches that end before it, aborted ones,
  /// transaction markers, and what compaction left empty; `next` moves to their ends. True when a
  /// batch comes that has a record to show, false at the end of the set: `next` is then at the end
  /// of its last whole batch at least. A last batch that the broker cut short ends the set.
  /// errc::corrupt, naming the offset, for what does not check and for message formats before
  /// version 2; too_large for a batch beyond max_batch_bytes. A set that failed fails again.
  [[nodiscard]] Result<bool> seek(Offset& next);

  /// Appends batches that seek() would stop at to buffer.bytes, decompressed, until these would be
  /// more than `max_bytes`; the first one in any case, so a buffer that starts empty gets one if
  /// there is any. `next` moves to the end of the last one and of what follows it unseen. The
  /// set that follows can continue in the same buffer once this one is at its end; decode_batches()
  /// makes records of what was taken. A failure is as that of seek(), and waits for the next call
  /// when the buffer already has a batch.
  [[nodiscard]] Status take(std::size_t max_bytes, Offset& next, FetchBuffer& buffer);

  /// Bytes that were not taken or passed over yet; 0 at the end of the set.
  [[nodiscard]] std::size_t bytes() const { return rest_.size(); }

 private:
  struct Batch {
    std::string_view bytes;
    RecordBatchHeader header;
    Offset end;                   ///< one past its last offset
    bool hidden = false;          ///< from every reader
    std::optional<Offset> shows;  ///< to a reader at this offset inside of it: this was looked up
  };

  Result<bool> load();
  Result<bool> find_whole_batch(RecordBatchHeader& header);
  Status follow_transactions(Batch& batch);
  Result<bool> shows_from(Offset next);
  void pass(Offset& next);
  void end();

  std::shared_ptr<const std::string> owner_;
  std::string_view rest_;
  std::optional<Batch> front_;  // of the rest, when it was reached
  Offset last_end_;             // of the batch before the rest
  bool begun_ = false;
  std::vector<AbortedTransaction> aborted_;  // by their first offsets
  std::size_t aborted_at_ = 0;
  std::unordered_set<std::int64_t> aborting_;  // producers, at the front
};

/// Decodes the batches that lie in buffer.bytes one after another, as take() put them there, into
/// buffer.records and, one entry for each, buffer.batches. Records before `from`, where the reader
/// is, are left out. A record without a time has time 0. errc::corrupt, with the offset; the buffer
/// is empty then.
[[nodiscard]] Status decode_batches(FetchBuffer& buffer, Offset from);

}  // namespace millrace::log::kafka::wire
