// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/base/clock.hpp"
#include "output.hpp"

namespace millrace::cli {

/// A line on a terminal that tells how far long work is. Not thread-safe.
class Progress {
 public:
  /// `terminal` may be null: then nothing is shown. Both outlive the progress.
  Progress(Output* terminal, Clock& clock) : terminal_(terminal), clock_(clock) {}

  /// Begins a part of the work, such as `copied`, of so many offsets.
  void begin(std::string what, std::int64_t offsets);
  /// One record more, and how many offsets further that is.
  void add(std::int64_t offsets, std::size_t bytes);
  /// Takes the line away.
  void end();

 private:
  void show(std::int64_t now_ns);

  Output* terminal_;
  Clock& clock_;
  std::string what_;
  std::int64_t total_ = 0;
  std::int64_t offsets_ = 0;
  std::int64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  std::int64_t begun_ns_ = 0;
  std::int64_t shown_ns_ = 0;
  int until_look_ = 0;
};

/// `812 B`, `3.4 MiB`.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace millrace::cli
