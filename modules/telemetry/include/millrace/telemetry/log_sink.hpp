// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace::telemetry {

/// The destination of log lines. Implementations are thread-safe.
class LogSink {
 public:
  virtual ~LogSink() = default;
  /// Writes one whole line, including its newline. It must not need locks of the caller. It reports
  /// no errors: a line that cannot be written is counted in lost().
  virtual void write(std::string_view line) = 0;
  /// The number of lines that could not be written.
  [[nodiscard]] virtual std::uint64_t lost() const { return 0; }
};

/// Writes lines to standard error, each with one write(2), so that lines of several processes do
/// not mix.
[[nodiscard]] std::shared_ptr<LogSink> stderr_sink();

/// Appends lines to the file at `path`, which is created if missing. errc::io_error when it cannot
/// be opened.
[[nodiscard]] Result<std::shared_ptr<LogSink>> file_sink(const std::string& path);

/// Keeps the lines in memory, for tests.
class CapturingSink final : public LogSink {
 public:
  void write(std::string_view line) override;
  /// The lines so far, without their newlines.
  [[nodiscard]] std::vector<std::string> lines() const;
  /// True if a line contains `text`.
  [[nodiscard]] bool contains(std::string_view text) const;

 private:
  mutable Mutex mutex_;
  std::vector<std::string> lines_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::telemetry
