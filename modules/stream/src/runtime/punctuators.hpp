// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/stream/node.hpp"

namespace millrace::stream::runtime {

inline constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::min();

/// What a task remembers beside its stores; docs/formats/task_state.md.
struct TaskState {
  struct Timer {
    std::int64_t next_ms =
        no_time;  ///< due then; no_time: not known yet, waits for the first stream time
    std::uint64_t firing = 0;          ///< firings so far, visits of a sweep included
    bool sweeping = false;             ///< a walk is under way
    std::optional<std::string> swept;  ///< the key visited last in it; none: it begins
    friend bool operator==(const Timer&, const Timer&) = default;
  };
  std::int64_t stream_time_ms = no_time;
  std::map<std::string, Timer, std::less<>> timers;
};
void encode_task_state(const TaskState& state, std::string& out);
[[nodiscard]] Result<TaskState> decode_task_state(std::string_view bytes);

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
  void encode(std::string& out) const;
  /// What encode() appends at most, whatever fires and however far sweeps are.
  [[nodiscard]] std::size_t encoded_bytes_max() const;

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
