// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <chrono>
#include <compare>
#include <cstdint>

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
/// however late, a record counts.
struct TumblingWindows {
  std::int64_t size_ms = 0;
  [[nodiscard]] std::int64_t start_of(std::int64_t timestamp_ms) const {
    const std::int64_t into = timestamp_ms % size_ms;
    return timestamp_ms - (into < 0 ? into + size_ms : into);
  }
};
[[nodiscard]] inline TumblingWindows tumbling(std::chrono::milliseconds size) {
  return {size.count()};
}

}  // namespace millrace::stream
