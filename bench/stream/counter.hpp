// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/stream/instance.hpp"
#include "support/real_log.hpp"

namespace millrace::bench {

/// Values of the input: a JSON string, quotes included, so that key and value are 100 bytes.
inline constexpr std::size_t input_value_bytes = 92;
inline constexpr std::int32_t input_partitions = 4;

/// Writes the input topic `events` of the service `source`: `records` records, keys drawn evenly
/// from `keys`; with CloudEvents headers when `envelope`.
void write_input(const std::string& directory, std::int64_t records, std::uint64_t keys,
                 bool envelope);

/// A service that counts the records of `events` by key, in a log of its own handle: exactly-once,
/// durability `os`, all tasks in the calling thread.
class Counter {
 public:
  /// Without `snapshots` none are written or read.
  Counter(const std::string& directory, bool snapshots);

  /// Steps until every record of the input is counted.
  void run(std::int64_t records);
  /// Steps until all tasks are restored.
  void restore();
  /// Leaves cleanly; with snapshots this writes them.
  void close();
  /// The counts added up.
  [[nodiscard]] std::int64_t total() const;
  [[nodiscard]] std::int64_t changelog_records();
  [[nodiscard]] std::int64_t keys() const;

 private:
  RealLog log_;
  std::unique_ptr<stream::Instance> instance_;
};

}  // namespace millrace::bench
