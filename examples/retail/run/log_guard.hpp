// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace retail {

/// Keeps a log for one `./run` at a time, wherever its directory is: the run holds a claim of the
/// log's group `retail-run`. The claim ends with this object or its process; one that stands still
/// loses it after the session time-out, and learns it when it continues. A thread of its own keeps
/// it.
class LogGuard {
 public:
  /// Waits for a run that has just died. errc::busy: another one works on this log; failures of
  /// the log. Log and clock outlive the guard.
  [[nodiscard]] static millrace::Result<std::unique_ptr<LogGuard>> take(millrace::log::Log& log,
                                                                        millrace::Clock& clock);
  ~LogGuard();
  LogGuard(const LogGuard&) = delete;
  LogGuard& operator=(const LogGuard&) = delete;

  /// errc::busy once another run has taken the log over. Thread-safe.
  [[nodiscard]] millrace::Status check() const;

 private:
  struct State;
  explicit LogGuard(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A name for people for the run of this process as a member of the log, which no other has.
[[nodiscard]] std::string run_member_name();

}  // namespace retail
