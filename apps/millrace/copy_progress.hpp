// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/base/clock.hpp"
#include "millrace/connect/copy.hpp"
#include "output.hpp"

namespace millrace::cli {

/// A line on a terminal that shows how far a copy is. Not thread-safe.
class CopyProgress final : public connect::CopyProgress {
 public:
  /// `terminal` may be null: then nothing is shown. Both outlive the progress.
  CopyProgress(Output* terminal, Clock& clock) : terminal_(terminal), clock_(clock) {}

  void begin(connect::CopyStage stage, std::int64_t offsets) override;
  void add(std::int64_t offsets, std::size_t bytes) override;
  /// Removes the line.
  void end() override;

 private:
  void show(std::int64_t now_ns);

  Output* terminal_;
  Clock& clock_;
  connect::CopyStage stage_{};
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
