// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/log.hpp"
#include "retail/audit/pass_end.hpp"

namespace retail {

/// Follows the system's topics and tells when it has come to rest: every request has reached a
/// final event, and no group of the system has anything left to read. One thread.
class RestWatcher {
 public:
  /// Counts what follows `begin`, as far as it is still there. `log` outlives the watcher.
  RestWatcher(millrace::log::Log& log, TopicEnds begin) : log_(log), begin_(std::move(begin)) {}

  /// Reads what is new, as far as there is.
  [[nodiscard]] millrace::Status read();
  /// Requests that have reached a final event so far.
  [[nodiscard]] std::int64_t final_requests() const { return final_; }
  /// Orders that were rejected so far.
  [[nodiscard]] std::int64_t rejected_orders() const { return rejected_; }
  /// Records that the groups at work have not read yet. Failures as Log::end_offsets.
  [[nodiscard]] millrace::Result<std::int64_t> lag();

 private:
  struct Partition {
    millrace::log::TopicPartition partition;
    millrace::log::Offset next;
    bool dead_letters = false;
  };
  [[nodiscard]] millrace::Status find_topics();
  [[nodiscard]] millrace::Result<bool> read_some(Partition& partition);

  millrace::log::Log& log_;
  const TopicEnds begin_;
  std::vector<std::string> found_;
  std::vector<Partition> partitions_;
  millrace::log::FetchBuffer buffer_;
  std::int64_t final_ = 0;
  std::int64_t rejected_ = 0;
};

}  // namespace retail
