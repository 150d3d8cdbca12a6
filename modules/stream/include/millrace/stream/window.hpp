// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
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

/// Windows of one size that follow each other, aligned to 1970-01-01 UTC, and when they close. The
/// first and the last window end with time itself. Made by a function of WindowsWithoutGrace.
struct TimeWindows {
  std::int64_t size_ms = 0;              ///< at least 1
  std::optional<std::int64_t> grace_ms;  ///< no value: they never close; otherwise at least 0

  /// Whether the window that ends then is closed at that stream time of its operator.
  [[nodiscard]] bool is_closed(std::int64_t end_ms, std::int64_t stream_time_ms) const {
    constexpr std::int64_t end_of_time = std::numeric_limits<std::int64_t>::max();
    std::int64_t closes_ms = 0;
    if (!grace_ms || end_ms == end_of_time) return false;
    return !__builtin_add_overflow(end_ms, *grace_ms, &closes_ms) && closes_ms <= stream_time_ms;
  }
  [[nodiscard]] std::int64_t start_of(std::int64_t timestamp_ms) const {
    const std::int64_t rest = timestamp_ms % size_ms;
    const std::int64_t into = rest < 0 ? rest + size_ms : rest;
    std::int64_t start = 0;
    return __builtin_sub_overflow(timestamp_ms, into, &start)
               ? std::numeric_limits<std::int64_t>::min()
               : start;
  }
  /// The end of the window of this time: the millisecond after its last one.
  [[nodiscard]] std::int64_t end_of(std::int64_t timestamp_ms) const {
    const std::int64_t rest = timestamp_ms % size_ms;
    const std::int64_t left = rest < 0 ? -rest : size_ms - rest;
    std::int64_t end = 0;
    return __builtin_add_overflow(timestamp_ms, left, &end)
               ? std::numeric_limits<std::int64_t>::max()
               : end;
  }
  /// The text for people and for the manifest. It does not contain the grace, because a later build
  /// may change the grace.
  [[nodiscard]] std::string to_string() const {
    return "tumbling " + std::to_string(size_ms) + " ms";
  }
};

/// Windows that do not say yet how long they take late records. No operator takes them as they are:
///
///     tumbling(24h).grace(1h)
struct WindowsWithoutGrace {
  std::int64_t size_ms = 0;

  /// Each is closed when the operator's stream time is `after` beyond its end. A record that comes
  /// later is left out and counted (InstanceStatus::late).
  [[nodiscard]] TimeWindows grace(std::chrono::milliseconds after) const {
    return {size_ms, after.count()};
  }
  /// Each is closed when the operator's stream time comes to its end.
  [[nodiscard]] TimeWindows no_grace() const { return {size_ms, 0}; }
  /// However late, a record counts.
  [[nodiscard]] TimeWindows never_closes() const { return {size_ms, std::nullopt}; }
};
/// A size of less than 1 ms is refused by TopologyBuilder::build().
[[nodiscard]] inline WindowsWithoutGrace tumbling(std::chrono::milliseconds size) {
  return {size.count()};
}

}  // namespace millrace::stream
