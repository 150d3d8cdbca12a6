// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/task_state.hpp"

namespace millrace::stream::runtime {

/// The stream times of a task's operators. What they receive moves them at once; commit() keeps
/// that, rewind() takes it back, and rollback() what the work item in hand moved. One thread.
class OperatorTimes {
 public:
  /// What was committed before, for the operators that register from now on.
  void restore(const TaskState& state) { restored_ = state.operator_times; }
  /// Lives as long as this.
  OperatorTime& add(std::string_view name);

  void savepoint();
  void rollback();

  /// There is something that the next commit is to journal.
  [[nodiscard]] bool moved() const;
  /// Keeps what moved without a commit, to be journaled by the next one.
  void keep();
  void commit();
  void rewind();

  void save(TaskState& state) const;
  /// What save() adds to an encoded state at most.
  [[nodiscard]] std::size_t encoded_bytes_max() const;

 private:
  struct Entry {
    std::string name;
    OperatorTime now;
    std::int64_t before_work_item_ms = no_time;
    std::int64_t committed_ms = no_time;
  };

  std::vector<std::unique_ptr<Entry>> entries_;
  // Of operators that did not register, as those of a build whose windows do not close: they are
  // saved again, for a build whose windows do.
  std::map<std::string, std::int64_t, std::less<>> restored_;
  bool unsaved_ = false;  // something was kept since the last commit
};

}  // namespace millrace::stream::runtime
