// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/log/record.hpp"

namespace millrace::log {

/// A batch among the fetched records.
struct FetchedBatch {
  LogPosition position;   ///< the commit it became visible with: orders records of all partitions
                          ///< (not on Kafka)
  std::size_t first = 0;  ///< index of its first record in FetchBuffer::records
  std::size_t count = 0;
};

/// Memory for one fetch, reused by the next. Records point into `bytes`. Not thread-safe.
struct FetchBuffer {
  std::string bytes;
  std::vector<RecordView> records;
  std::vector<FetchedBatch> batches;
  Offset next;  ///< where to fetch on
  Offset end;  ///< one past the last committed record when the fetch ran; next == end: nothing more
               ///< is known
};

/// A partition and how far somebody has read it.
struct Interest {
  TopicPartition partition;
  Offset next;  ///< interested in this offset and later
};

enum class WaitOutcome : std::uint8_t {
  ready,  ///< something new is there
  timeout,
  interrupted  ///< interrupt() was called since the last wait
};

}  // namespace millrace::log
