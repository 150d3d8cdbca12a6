// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/stream/node.hpp"
#include "runtime/task_state.hpp"

namespace millrace::stream::runtime {

/// A task's timers on stream time and on wall-clock time, and the stream time itself. They move in
/// an overlay of their own: commit() keeps what has fired, rewind() takes it back.
class Punctuators {
 public:
  struct Timer {
    std::string name;
    PunctuationType type{};
    std::int64_t interval_ms = 0;
    std::function<void(std::int64_t)> callback;
    // Of a sweep, instead of the callback.
    std::optional<StoreId> store;
    std::function<void(std::string_view, std::string_view, std::int64_t)> visit;
    TaskState::Timer now;
    TaskState::Timer committed;
    std::optional<std::string> last_key;  ///< where the walk under way ends; none: not known
    bool had_part = false;                ///< of this turn
    bool journaled = false;               ///< its due time, or a later one, is in a commit
  };

  /// What was committed before, kept for the timers that register from now on.
  void restore(TaskState state);
  /// Returns the timer, for what it is to do.
  Timer& add(std::string_view name, PunctuationType type, std::int64_t interval_ms,
             std::int64_t wall_ms);

  [[nodiscard]] std::int64_t stream_time_ms() const { return stream_time_ms_; }
  /// Takes the timestamp of a record.
  void observe(std::int64_t timestamp_ms) {
    if (timestamp_ms > stream_time_ms_) stream_time_ms_ = timestamp_ms;
  }
  [[nodiscard]] bool stream_timer_due() const {
    return stream_time_ms_ != no_time && stream_time_ms_ >= next_stream_ms_;
  }
  /// Takes back what a record or a firing that is processed again moved.
  void set_back(std::int64_t stream_time_ms) { stream_time_ms_ = stream_time_ms; }
  void set_back(Timer& timer, TaskState::Timer to);
  /// The earliest timer that is due; null when none is. In order of due time, then of registration.
  [[nodiscard]] Timer* next_due(PunctuationType type, std::int64_t now_ms);
  /// Counts a firing of a due timer and moves it on to its next time, on its grid.
  void advance(Timer& timer, std::int64_t now_ms);
  /// A sweep is due for as long as its walk is under way, unless it had its part of this turn.
  void begin_turn();
  void end_part(Timer& timer);
  /// A walk begins; it comes to that key; it ends.
  void begin_sweep(Timer& timer);
  void visit(Timer& timer, std::string_view key);
  void end_sweep(Timer& timer);
  [[nodiscard]] bool sweeping() const;

  /// When the next wall-clock timer is due; nothing without one.
  [[nodiscard]] std::optional<std::int64_t> next_wall_ms() const;
  /// Brings wall-clock timers near again after the clock was set back.
  void clamp_to(std::int64_t wall_ms);

  /// There is something that the next commit is to journal.
  [[nodiscard]] bool moved() const;
  /// A timer was set whose due time is in no commit yet: a restart would begin its interval again.
  [[nodiscard]] bool times_set() const;
  /// Keeps what has fired without a commit, to be journaled by the next one: for firings that had
  /// no effect. A crash before that repeats them.
  void keep();
  [[nodiscard]] bool empty() const { return timers_.empty(); }
  void commit();
  void rewind();
  void save(TaskState& state) const;
  /// What an encoded state takes for it at most, whatever fires and however far sweeps are.
  /// `operator_times`: it has such times too.
  [[nodiscard]] std::size_t encoded_bytes_max(bool operator_times) const;

 private:
  void find_next();

  std::int64_t stream_time_ms_ = no_time;
  std::int64_t committed_stream_time_ms_ = no_time;
  std::int64_t next_stream_ms_ = std::numeric_limits<std::int64_t>::max();
  std::vector<std::unique_ptr<Timer>> timers_;
  TaskState restored_;
  bool unsaved_ = false;  // something was kept since the last commit
};

}  // namespace millrace::stream::runtime
