// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/log/types.hpp"

namespace millrace::connect {

/// Records that follow each other without a gap in the source, and so do their copies.
struct OffsetRun {
  std::int64_t source = 0;
  std::int64_t target = 0;
  std::int64_t count = 0;
  friend bool operator==(const OffsetRun&, const OffsetRun&) = default;
};

/// Where the records of one partition stand in the target. Takes 24 bytes for each run. Not
/// thread-safe.
class PartitionMap {
 public:
  /// Records are added in order. Joins the last run where both sides continue.
  void add(OffsetRun run);
  /// Everything of the source below this is copied.
  [[nodiscard]] log::Offset source_next() const;
  /// One past the last copy.
  [[nodiscard]] log::Offset target_next() const;
  [[nodiscard]] std::int64_t records() const { return records_; }
  [[nodiscard]] const std::vector<OffsetRun>& runs() const { return runs_; }

  /// The copy of this record; nothing if it was not copied.
  [[nodiscard]] std::optional<log::Offset> find(log::Offset source) const;
  /// The copy of the first record at or after `source`; nothing when there is none.
  ///
  ///     source   10 11 12 .. .. 15 16          position 13 -> 23, position 17 -> the end
  ///     target   20 21 22       23 24
  [[nodiscard]] std::optional<log::Offset> translate(log::Offset source) const;
  /// One behind the copy of the last record before `source`, 0 without one. What is copied later
  /// changes nothing.
  [[nodiscard]] log::Offset copied_before(log::Offset source) const;

 private:
  // The run that holds `source`, or the first one behind it.
  [[nodiscard]] std::vector<OffsetRun>::const_iterator at_or_after(log::Offset source) const;

  std::vector<OffsetRun> runs_;
  std::int64_t records_ = 0;
};

/// A partition by the name of its topic: numbers of topics differ from log to log.
using PartitionName = std::pair<std::string, std::int32_t>;
[[nodiscard]] std::string to_string(const PartitionName& partition);

/// The map of a whole copy.
using OffsetMap = std::map<PartitionName, PartitionMap, std::less<>>;

}  // namespace millrace::connect
