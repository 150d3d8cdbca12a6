// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/record_reader.hpp"
#include "record_text.hpp"

namespace millrace::cli {

/// Visits the records of partitions of one or more topics, in the order of log::RecordReader. Not
/// thread-safe.
class MergedReader {
 public:
  /// A partition, where to begin, and where to end. The topic outlives the reader.
  struct Start {
    const log::Topic* topic = nullptr;
    log::PartitionId partition;
    log::Offset from;
    std::optional<log::Offset> end = {};  ///< what is at or after this is not visited
  };
  /// Returns whether to continue.
  using Visitor = std::function<bool(const FoundRecord&)>;

  /// The log outlives the reader.
  MergedReader(log::Log& log, std::vector<Start> starts);

  /// Visits all that is committed by now and was not visited yet. What a visitor stopped at counts
  /// as visited.
  [[nodiscard]] Status read(const Visitor& visit);
  /// log::RecordReader::wait().
  [[nodiscard]] log::WaitOutcome wait(std::int64_t deadline_ns) {
    return reader_.wait(deadline_ns);
  }

 private:
  std::vector<Start> starts_;
  log::RecordReader reader_;
};

}  // namespace millrace::cli
