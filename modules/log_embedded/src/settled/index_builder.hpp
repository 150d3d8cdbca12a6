// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/log/record_batch.hpp"
#include "settled/segment_entries.hpp"

namespace millrace::log::embedded {

/// Decides which entries the index files of a segment get, by the rule of Kafka's LogSegment.java:
/// a batch that begins more than an interval behind the last entry's gets one. So a broker that
/// builds the files again writes the same bytes. Not thread-safe.
class IndexBuilder {
 public:
  IndexBuilder(Offset segment_base, std::uint64_t interval_bytes)
      : base_(segment_base), interval_bytes_(interval_bytes) {}

  /// Continues files whose last entries are these.
  void resume(OffsetEntry last, const TimeEntry* last_time);
  /// The batch follows in the `.log` at `position`; entries are appended to `index` and `times`.
  void add(const RecordBatchHeader& header, std::uint64_t position, std::string& index,
           std::string& times);
  /// Appends the entry of the largest time, which a segment ends with.
  void close(std::string& times);

 private:
  Offset base_;
  std::uint64_t interval_bytes_;
  std::uint64_t last_indexed_ = 0;  // position of the batch that has the last entry
  // Kafka's "no timestamp": times before 1970 get no entries.
  std::int64_t last_time_ms_ = -1;  // of the last entry
  TimeEntry largest_{-1, 0};
};

}  // namespace millrace::log::embedded
