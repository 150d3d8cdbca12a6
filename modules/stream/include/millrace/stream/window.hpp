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

/// [start_ms, end_ms) of event time.
struct TimeWindow {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
};

/// Windows of one size, the first of which starts at 1970-01-01 UTC, each the advance after the one
/// before and the same in the other direction; and when they close. Those at the ends of time end
/// with it. Made by a function of WindowsWithoutGrace.
struct TimeWindows {
  std::int64_t size_ms = 0;              ///< at least 1
  std::int64_t advance_ms = 0;           ///< from 1 to the size
  std::optional<std::int64_t> grace_ms;  ///< no value: they never close; otherwise at least 0
  /// At least size and grace together. No value: as much as that.
  std::optional<std::int64_t> retention_ms = {};

  /// The same windows, each kept in its store until the operator's stream time is `after` beyond
  /// its start. After that it is removed, and a record of it is late. Windows that never close need
  /// a retention; others are kept until they are closed.
  [[nodiscard]] TimeWindows retention(std::chrono::milliseconds after) const {
    return {size_ms, advance_ms, grace_ms, after.count()};
  }
  /// How long after its start a window is kept. For windows that build() accepts.
  [[nodiscard]] std::int64_t kept_ms() const {
    std::int64_t sum = 0;
    if (retention_ms) return *retention_ms;
    return __builtin_add_overflow(size_ms, grace_ms.value_or(end_of_time), &sum) ? end_of_time
                                                                                 : sum;
  }
  /// Whether the window that starts then may be removed at that stream time of its operator.
  [[nodiscard]] bool is_expired(std::int64_t start_ms, std::int64_t stream_time_ms) const {
    return is_over(start_ms, kept_ms(), stream_time_ms);
  }
  /// Whether the window that ends then is closed at that stream time of its operator.
  [[nodiscard]] bool is_closed(std::int64_t end_ms, std::int64_t stream_time_ms) const {
    return grace_ms && is_over(end_ms, *grace_ms, stream_time_ms);
  }
  /// In how many windows a time is.
  [[nodiscard]] std::int64_t count_at(std::int64_t timestamp_ms) const {
    return (size_ms - into_last(timestamp_ms) - 1) / advance_ms + 1;
  }
  /// The nth of them in the order of their starts, from 0.
  [[nodiscard]] TimeWindow at(std::int64_t timestamp_ms, std::int64_t n) const {
    constexpr std::int64_t begin_of_time = std::numeric_limits<std::int64_t>::min();
    const std::int64_t before_last = count_at(timestamp_ms) - 1 - n;
    const std::int64_t into = into_last(timestamp_ms) + before_last * advance_ms;
    TimeWindow window;
    if (__builtin_sub_overflow(timestamp_ms, into, &window.start_ms))
      window.start_ms = begin_of_time;
    if (__builtin_add_overflow(timestamp_ms, size_ms - into, &window.end_ms))
      window.end_ms = end_of_time;
    return window;
  }
  /// The text for people and for the manifest. It does not contain grace and retention, because a
  /// later build may change them.
  [[nodiscard]] std::string to_string() const {
    const std::string size = std::to_string(size_ms) + " ms";
    if (advance_ms == size_ms) return "tumbling " + size;
    return "hopping " + size + " by " + std::to_string(advance_ms) + " ms";
  }

 private:
  // How far a time is in the last window that it is in.
  [[nodiscard]] std::int64_t into_last(std::int64_t timestamp_ms) const {
    const std::int64_t rest = timestamp_ms % advance_ms;
    return rest < 0 ? rest + advance_ms : rest;
  }

  static constexpr std::int64_t end_of_time = std::numeric_limits<std::int64_t>::max();

  // Whether it is that much later than `time_ms`; never for one at the end of time.
  [[nodiscard]] static bool is_over(std::int64_t time_ms, std::int64_t after_ms,
                                    std::int64_t now_ms) {
    std::int64_t over_ms = 0;
    if (time_ms == end_of_time) return false;
    return !__builtin_add_overflow(time_ms, after_ms, &over_ms) && over_ms <= now_ms;
  }
};

/// Windows that do not say yet how long they take late records. No operator takes them as they are:
///
///     tumbling(24h).grace(1h)
struct WindowsWithoutGrace {
  std::int64_t size_ms = 0;
  std::int64_t advance_ms = 0;

  /// Each is closed when the operator's stream time is `after` beyond its end. A record that comes
  /// later is left out and counted (InstanceStatus::late).
  [[nodiscard]] TimeWindows grace(std::chrono::milliseconds after) const {
    return {size_ms, advance_ms, after.count()};
  }
  /// Each is closed when the operator's stream time comes to its end.
  [[nodiscard]] TimeWindows no_grace() const { return {size_ms, advance_ms, 0}; }
  /// A record counts for as long as its window is kept: TimeWindows::retention() says how long.
  [[nodiscard]] TimeWindows never_closes() const { return {size_ms, advance_ms, std::nullopt}; }
};
/// Windows that follow each other: each time is in one. A size of less than 1 ms is refused by
/// TopologyBuilder::build().
[[nodiscard]] inline WindowsWithoutGrace tumbling(std::chrono::milliseconds size) {
  return {size.count(), size.count()};
}
/// Windows of that size, one each `advance`: a time is in several of them, and a record counts in
/// all that are not closed. TopologyBuilder::build() refuses an advance of less than 1 ms, one that
/// is larger than the size, and one for which a time is in more than 10,000 windows.
[[nodiscard]] inline WindowsWithoutGrace hopping(std::chrono::milliseconds size,
                                                 std::chrono::milliseconds advance) {
  return {size.count(), advance.count()};
}

}  // namespace millrace::stream
