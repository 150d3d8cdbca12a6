// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "directory.hpp"
#include "log_guard.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "options.hpp"

namespace retail {

/// The log of a run, open and kept for this run alone. Main thread only.
class RunLog {
 public:
  /// Opens the log and takes it; creates it only when nothing in the directory speaks of one.
  /// Settles that all that use it agree on `--stock`, and, unless it `goes_with_run` as a
  /// cluster of its own does, binds the directory to it. errc::busy: another run works on the log.
  /// errc::invalid_argument: the log is not the directory's, or was begun with other settings.
  /// errc::not_found: the directory's log is gone.
  [[nodiscard]] static millrace::Result<std::unique_ptr<RunLog>> open(
      const RunOptions& options, DataDirectory& directory, bool goes_with_run,
      const DataDirectory::Say& say);

  [[nodiscard]] millrace::log::Log& log() { return *log_; }
  /// A second handle on it that may write the topics of all services. What it waits for is durable
  /// under any --durability. Failures as open_log().
  [[nodiscard]] millrace::Result<std::unique_ptr<millrace::log::Log>> open_writer();
  /// Housekeeping, some ten times a second. An error when the log cannot be used any longer or is
  /// another run's now; a cluster that is away comes back.
  [[nodiscard]] millrace::Status maintain();

 private:
  RunLog();
  [[nodiscard]] millrace::Status open_log(const RunOptions& options, const DataDirectory& directory,
                                          bool goes_with_run);
  std::string url_;
  millrace::SeededRandom random_;
  millrace::log::LogEnvironment environment_;
  std::unique_ptr<millrace::log::Log> log_;
  std::unique_ptr<LogGuard> guard_;
};

/// Attempts what may be repeated until it succeeds, fails for another reason than that a cluster is
/// away or did not say whether it committed, or the cluster is away for five minutes. `pause` comes
/// between two attempts; when it fails, the message has both errors.
[[nodiscard]] millrace::Status attempt_while_away(millrace::Clock& clock,
                                                  const std::function<millrace::Status()>& attempt,
                                                  const std::function<millrace::Status()>& pause);

/// The status, but of a cluster that is away for a while: it comes back.
[[nodiscard]] millrace::Status passing(millrace::Status status);

}  // namespace retail
