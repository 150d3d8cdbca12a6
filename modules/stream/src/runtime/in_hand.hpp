// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "runtime/input.hpp"
#include "runtime/punctuators.hpp"

namespace millrace::stream::runtime {

/// Names a record, a firing or a sweep's visit: equal when the same one is processed again.
struct WorkItemId {
  std::string timer;  ///< empty: a record
  log::TopicPartition partition;
  std::int64_t number = 0;  ///< the record's offset, or the number of the firing; -1: a visit
  std::string key;          ///< of the entry that is visited: other entries may come before it
  friend auto operator<=>(const WorkItemId&, const WorkItemId&) = default;
};

/// What a task has in hand: a record of an input, or a firing of a timer. It knows how nodes see
/// it, how it is named to people, and how it is recognized when it comes again. One thread, except
/// for shown().
class InHand {
 public:
  /// `task` is named `<sub-topology>/<partition>`.
  InHand(std::string_view sub_topology, std::string_view task, log::PartitionId partition);

  /// Both live until the next call.
  void take(Input& input, const log::RecordView& record);
  /// `time_ms` is what outputs get as their event time; `visited` the key of a sweep's visit.
  void take(const Punctuators::Timer& timer, std::int64_t time_ms,
            const std::string* visited = nullptr);
  /// Shows that nothing is in hand when it ends.
  class PutDown {
   public:
    explicit PutDown(InHand& hand) : hand_(hand) {}
    ~PutDown() { hand_.shown_.store(0, std::memory_order_relaxed); }
    PutDown(const PutDown&) = delete;
    PutDown& operator=(const PutDown&) = delete;

   private:
    InHand& hand_;
  };
  /// What is in hand, for people: `orders/3@17`, `timer retry`; empty: nothing. `inputs` are those
  /// of the task, by order. Any thread.
  [[nodiscard]] std::string shown(const std::vector<Input>& inputs) const;

  [[nodiscard]] const RecordInHand& view() const { return view_; }
  [[nodiscard]] codec::EventContext& context() { return view_.context; }
  /// What nodes see instead of the record's own headers; it lives until the next take().
  void set_headers(log::HeadersView headers) { view_.headers = headers; }
  /// Null during a firing.
  [[nodiscard]] const log::RecordView* record() const { return record_; }
  [[nodiscard]] const Input* input() const { return input_; }
  [[nodiscard]] bool is_firing() const { return record_ == nullptr; }
  [[nodiscard]] log::PartitionId partition() const { return partition_; }

  [[nodiscard]] WorkItemId id() const {
    WorkItemId id;
    copy_id(id);
    return id;
  }
  /// As id(), into memory that is there.
  void copy_id(WorkItemId& out) const;
  /// Where ids of the events that it causes begin, and the number that follows.
  [[nodiscard]] std::string_view id_prefix() const;
  [[nodiscard]] std::uint64_t id_number() const;
  /// For people: `orders/3@17 in fulfil/3`, `fulfil/3, timer fulfil.retry, firing 5`.
  [[nodiscard]] std::string where() const;

 private:
  std::string task_;
  std::string timer_prefix_;  // `<sub-topology>.<partition>.`
  log::PartitionId partition_;
  RecordInHand view_;
  Input* input_ = nullptr;
  const log::RecordView* record_ = nullptr;
  std::string timer_;
  std::string timer_id_prefix_;
  std::uint64_t firing_ = 0;
  std::optional<std::string> visited_;

  // The order of the input + 1 in the upper 16 bits, the offset in the others; no input: a timer.
  std::atomic<std::uint64_t> shown_ = 0;
  mutable Mutex shown_timer_mutex_;
  std::string shown_timer_ MILLRACE_GUARDED_BY(shown_timer_mutex_);
};

}  // namespace millrace::stream::runtime
