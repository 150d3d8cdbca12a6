// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "log_directory.hpp"

namespace millrace::log::embedded {

/// Kills a process that has the right to settle or to write a checkpoint but shows no sign of life
/// for minutes. Otherwise no member could settle any more. One thread, except holder().
class SettlingWatch {
 public:
  /// Outlives it.
  explicit SettlingWatch(LogDirectory& directory) : directory_(directory) {}

  /// Called regularly by housekeeping. The time between two calls counts as one second at most,
  /// because the other process may have been suspended together with this one.
  void look(std::int64_t now_ns);
  /// The member that has the right now, for messages: "member 'a' (pid 17)".
  [[nodiscard]] std::string holder() const;

 private:
  struct Seen {
    std::uint32_t owner = 0;
    std::uint32_t generation = 0;
    std::int64_t heartbeat_ns = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  LogDirectory& directory_;
  Seen last_;
  std::int64_t looked_ns_ = 0;
  std::int64_t idle_ns_ = 0;
};

}  // namespace millrace::log::embedded
