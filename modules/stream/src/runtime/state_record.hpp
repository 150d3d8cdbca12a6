// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/operator_times.hpp"
#include "runtime/punctuators.hpp"
#include "runtime/shared.hpp"

namespace millrace::stream::runtime {

/// What a task remembers of time, as the record of its `system.changelog` that the task writes with
/// each commit in which it changed. One thread.
class StateRecord {
 public:
  StateRecord(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition,
              std::string_view task, const Punctuators& punctuators, const OperatorTimes& times);

  /// The task is restored from the changelog's records before `next`. log's errc::too_large when
  /// the record could become larger than the log takes: else no commit of the task would be taken.
  [[nodiscard]] Status start(log::Offset next);
  /// Appends what the record says now.
  void encode(std::string& out) const;
  /// What the record takes in a transaction, at most, whatever the timers do.
  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }

  /// Sees to it that due times which come with no other commit are committed by themselves.
  void keep_times(std::int64_t now_ns);
  [[nodiscard]] bool times_due() const { return times_due_; }

  /// Adds the record to the transaction, if it changed.
  void stage(std::int64_t time_ms);
  void committed(const log::Committed& committed);
  void drop() { staged_ = times_due_ = false; }
  /// The offset behind the last record of the state in its changelog.
  [[nodiscard]] log::Offset next() const { return next_; }

 private:
  Shared* shared_;
  const ResolvedSubTopology* resolved_;
  log::PartitionId partition_;
  std::string task_;
  const Punctuators* punctuators_;
  const OperatorTimes* operator_times_;

  log::Offset next_;
  std::size_t bytes_max_ = 0;
  bool times_due_ = false;          // due times are to be committed by themselves
  std::int64_t times_set_ns_ = -1;  // since when they wait for a commit
  bool staged_ = false;
  std::size_t batch_ = 0;  // of the transaction
  std::string scratch_;
};

}  // namespace millrace::stream::runtime
