// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/shared.hpp"

namespace millrace::stream::runtime {

/// One partition that a task reads: what was fetched, how far it was processed and how far that is
/// committed.
///
///     committed_      cursor_            records.size()
///        v               v                     v
///     |..|processed, not committed|not processed|      buffer_.next ... buffer_.end
class Input {
 public:
  Input(const InputTopic& topic, std::string_view sub_topology, log::PartitionId partition,
        std::size_t order);

  /// Begins at `from`, with nothing fetched.
  void start(log::Offset from);
  /// Fetches when everything fetched is processed and committed, and takes no record of a commit
  /// after `cut`: inputs filled at one cut hold nothing that a record missing in another could have
  /// caused. `turn` counts the task's turns. Failures as Log::fetch.
  [[nodiscard]] Status fill(log::Log& log, std::size_t max_bytes, log::LogPosition cut,
                            std::uint64_t turn);

  /// The next record to process; null when there is none at hand.
  [[nodiscard]] const log::RecordView* head() const {
    return cursor_ < buffer_.records.size() ? &buffer_.records[cursor_] : nullptr;
  }
  void take() { ++cursor_; }
  /// Nothing at hand, but the partition has more.
  [[nodiscard]] bool starved() const { return head() == nullptr && buffer_.next < buffer_.end; }
  /// It was filled in an earlier turn: when it has nothing at hand, there may be records that go
  /// before those which others have by now.
  [[nodiscard]] bool filled_before(std::uint64_t turn) const { return filled_ < turn; }
  /// How long its head waits to be taken, by the times at which this was asked before.
  [[nodiscard]] std::int64_t head_waits_ns(std::int64_t now_ns);
  /// First offset not yet processed.
  [[nodiscard]] log::Offset next() const { return offset_at(cursor_); }
  [[nodiscard]] bool moved() const { return cursor_ != committed_; }
  void commit() {
    committed_ = cursor_;
    position_ = next();
  }
  /// The group's position in the log is not next(): beside what was processed, it passed over
  /// offsets that hold no records.
  [[nodiscard]] bool ahead() const { return next() != position_; }
  /// Forgets what was processed since the last commit, to process it again.
  void rewind() { cursor_ = committed_; }

  /// Records known to be there and not processed; an estimate where offsets are not dense.
  [[nodiscard]] std::int64_t lag() const {
    return buffer_.end.value > next().value ? buffer_.end.value - next().value : 0;
  }
  /// Where to wait for more.
  [[nodiscard]] log::Interest interest() const { return {partition_, buffer_.next}; }

  [[nodiscard]] const InputTopic& topic() const { return *topic_; }
  [[nodiscard]] log::TopicPartition partition() const { return partition_; }
  [[nodiscard]] std::size_t order() const { return order_; }
  /// `<sub-topology>.<topic>-<partition>-`, where the ids of events that come of this input begin.
  [[nodiscard]] const std::string& id_prefix() const { return id_prefix_; }

 private:
  [[nodiscard]] log::Offset offset_at(std::size_t cursor) const;
  void leave_out_after(log::LogPosition cut);

  const InputTopic* topic_;
  log::TopicPartition partition_;
  std::size_t order_;
  std::string id_prefix_;
  log::FetchBuffer buffer_;
  log::Offset start_;
  log::Offset position_;      // as it is in the log
  std::uint64_t filled_ = 0;  // the turn of the last fetch
  // The head that waits, and since when it is known to; -1: none.
  log::Offset waiting_;
  std::int64_t waiting_since_ns_ = -1;
  std::size_t cursor_ = 0;
  std::size_t committed_ = 0;
};

/// The position of a record in the order in which inputs are processed: by time, tables first, then
/// in order of declaration.
struct OrderKey {
  std::int64_t time_ms = 0;
  std::uint64_t rank = 0;
  friend auto operator<=>(const OrderKey&, const OrderKey&) = default;
};
/// Of the input's head, which it has.
[[nodiscard]] inline OrderKey order_key(const Input& input) {
  constexpr std::uint64_t behind_tables = std::uint64_t{1} << 32U;
  return {input.head()->timestamp_ms, input.order() + (input.topic().is_table ? 0 : behind_tables)};
}
/// True when the head of `a` is processed before that of `b`. Both have one.
[[nodiscard]] inline bool goes_before(const Input& a, const Input& b) {
  return order_key(a) < order_key(b);
}

}  // namespace millrace::stream::runtime
