// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <string>

namespace millrace::stream {

/// A key and a window [start_ms, end_ms) of event time.
template <class K>
struct Windowed {
  K key{};
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  friend auto operator<=>(const Windowed&, const Windowed&) = default;
  BOOST_DESCRIBE_CLASS(Windowed, (), (key, start_ms, end_ms), (), ())
};

/// Windows of one size that follow each other, aligned to 1970-01-01 UTC, without a grace limit:
/// however late, a record counts. The first and the last window end with time itself.
struct TumblingWindows {
  std::int64_t size_ms = 0;  ///< at least 1
  [[nodiscard]] std::int64_t start_of(std::int64_t timestamp_ms) const {
    const std::int64_t rest = timestamp_ms % size_ms;
    const std::int64_t into = rest < 0 ? rest + size_ms : rest;
    std::int64_t start = 0;
    return __builtin_sub_overflow(timestamp_ms, into, &start)
               ? std::numeric_limits<std::int64_t>::min()
               : start;
  }
  /// One past the last ms of the window of that time.
  [[nodiscard]] std::int64_t end_of(std::int64_t timestamp_ms) const {
    const std::int64_t rest = timestamp_ms % size_ms;
    const std::int64_t left = rest < 0 ? -rest : size_ms - rest;
    std::int64_t end = 0;
    return __builtin_add_overflow(timestamp_ms, left, &end)
               ? std::numeric_limits<std::int64_t>::max()
               : end;
  }
  /// For people and the manifest.
  [[nodiscard]] std::string to_string() const {
    return "tumbling " + std::to_string(size_ms) + " ms";
  }
};
/// A size of less than 1 ms is refused by TopologyBuilder::build().
[[nodiscard]] inline TumblingWindows tumbling(std::chrono::milliseconds size) {
  return {size.count()};
}

}  // namespace millrace::stream
