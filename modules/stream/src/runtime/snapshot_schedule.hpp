// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/shared.hpp"
#include "runtime/snapshot.hpp"

namespace millrace::stream::runtime {

/// When a task writes its snapshots: after an interval in which something changed. A snapshot that
/// cannot be written is reported, and written again at the next interval. One thread.
class SnapshotSchedule {
 public:
  SnapshotSchedule(const Shared& shared, std::string_view task);

  [[nodiscard]] const SnapshotFile& file() const { return file_; }
  /// The task is restored; `changed`: its snapshot is not all that was. Without `is_whole` it lacks
  /// something, and writes no snapshot.
  void start(bool changed, bool is_whole);
  /// The task committed something.
  void changed() { changed_ = true; }
  /// A snapshot is to be written; `now_or_never`: the task stops.
  [[nodiscard]] bool due(std::int64_t now_ns, bool now_or_never) const;
  /// Writes it aside.
  void write(const SnapshotHead& head, StoreSet& stores, std::int64_t now_ns);
  /// The commit that the snapshot written aside holds; no value without one.
  [[nodiscard]] const std::optional<log::LogPosition>& waiting() const { return file_.waiting(); }
  /// Publishes what was written aside, when that commit is durable.
  void publish(log::LogPosition durable);

 private:
  const Shared* shared_;
  std::string task_;
  SnapshotFile file_;
  bool changed_ = false;  // since the last snapshot
  bool is_whole_ = true;
  std::int64_t written_ns_ = 0;
};

}  // namespace millrace::stream::runtime
