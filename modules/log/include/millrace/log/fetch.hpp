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

/// The result of a fetch. Reuse it for the next fetch, which overwrites it. Records point into
/// `bytes`. Not thread-safe.
struct FetchBuffer {
  std::string bytes;
  std::vector<RecordView> records;
  std::vector<FetchedBatch> batches;
  Offset next;  ///< the offset for the next fetch
  Offset end;   ///< the offset after the last committed record at the time of the fetch; when next
                ///< == end, there are no more records yet
};

/// A partition and the offset up to which a reader has read it.
struct Interest {
  TopicPartition partition;
  Offset next;  ///< the reader waits for records at this offset and later
};

enum class WaitOutcome : std::uint8_t {
  ready,  ///< there is a new record
  timeout,
  interrupted  ///< interrupt() was called since the last wait
};

}  // namespace millrace::log
