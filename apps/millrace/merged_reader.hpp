// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "record_text.hpp"

namespace millrace::cli {

/// Reads partitions of one or more topics as one sequence: in the order of commits, or where the
/// log has none, as on Kafka, by the time of each partition's next record. Not thread-safe.
class MergedReader {
 public:
  /// A partition and where to begin. The topic outlives the reader.
  struct Start {
    const log::Topic* topic = nullptr;
    log::PartitionId partition;
    log::Offset from;
  };
  /// Returns whether to continue.
  using Visitor = std::function<bool(const FoundRecord&)>;

  /// The log outlives the reader.
  MergedReader(log::Log& log, const std::vector<Start>& starts);

  /// Visits all that is committed by now and was not visited yet. What a visitor stopped at counts
  /// as visited.
  [[nodiscard]] Status read(const Visitor& visit);
  /// What to wait for.
  [[nodiscard]] std::vector<log::Interest> interests() const;

 private:
  struct Cursor {
    Start start;
    log::FetchBuffer buffer;
    std::size_t batch = 0;   // of the next record to visit
    std::size_t record = 0;  // the next one to visit
    bool at_end = false;
  };

  [[nodiscard]] Status refill(Cursor& cursor);
  [[nodiscard]] static bool is_later(const Cursor* one, const Cursor* other);

  log::Log& log_;
  std::vector<std::unique_ptr<Cursor>> cursors_;
};

}  // namespace millrace::cli
