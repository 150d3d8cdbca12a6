// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "log_directory.hpp"
#include "millrace/base/error.hpp"

namespace millrace::log::embedded {

/// Waits for another process that opens the log, as long as that process makes progress. The other
/// process writes its progress to the control file that it creates. Reports the progress to
/// EmbeddedOptions::notice. One thread.
class OpeningWatch {
 public:
  /// The directory outlives it; its region is open.
  explicit OpeningWatch(LogDirectory& directory);

  /// Waits for some milliseconds; then the caller checks whether the log is open. After a minute
  /// without progress errc::busy, with the process that opens the log, if it is known.
  [[nodiscard]] Status wait();

 private:
  /// The progress of the other process.
  struct Seen {
    std::int64_t pid = 0;  ///< 0 when it is one of another PID namespace
    std::uint64_t steps = 0;
    std::uint64_t done = 0;  ///< bytes of the journal
    std::uint64_t all = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
    [[nodiscard]] std::string name() const;
    [[nodiscard]] std::string to_string() const;
  };
  /// No value while no process of this version opens the log.
  [[nodiscard]] Result<std::optional<Seen>> look();
  [[nodiscard]] std::unexpected<Error> gave_up(const std::optional<Seen>& seen);
  void report(const Seen& seen, std::int64_t now_ns);

  LogDirectory& directory_;
  std::optional<Seen> last_;
  std::int64_t idle_ns_ = 0;  ///< for so long nothing that is shown has changed
  std::int64_t looked_ns_;
  std::int64_t reported_ns_;  ///< when a line was written, or the wait began
  bool reported_ = false;
};

}  // namespace millrace::log::embedded
