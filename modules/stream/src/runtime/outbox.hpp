// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "millrace/log/transaction.hpp"

namespace millrace::stream::runtime {

/// Records that the work item in hand (a record or a firing) wants written. They join the
/// transaction when the work item succeeded, and are forgotten when it failed. Keeps its memory, up
/// to a bound. One thread.
class Outbox {
 public:
  /// Copies the record, which has that many bytes (log::record_bytes).
  void add(log::TopicPartition partition, const log::Record& record, std::size_t bytes);
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// What the records add to a transaction at most, encoded.
  [[nodiscard]] std::size_t bytes() const { return encoded_bytes_; }
  /// Adds the records to the transaction, in their order, and forgets them.
  void move_to(log::Transaction& transaction);
  void clear() {
    if (!entries_.empty()) {
      forget();
    }
  }

 private:
  struct Entry {
    log::TopicPartition partition;
    std::int64_t timestamp_ms = 0;
    // In content_: key, value and headers, one after the other.
    std::size_t begin = 0;
    std::size_t key_bytes = 0;
    std::size_t value_bytes = 0;
    std::size_t header_bytes = 0;
    std::int32_t headers = 0;
    bool has_key = false;
    bool has_value = false;
  };

  void forget();

  std::vector<Entry> entries_;
  std::string content_;
  std::size_t encoded_bytes_ = 0;
};

}  // namespace millrace::stream::runtime
