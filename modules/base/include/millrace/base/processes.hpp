// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

namespace millrace {

/// Names one process among all that ever were on all hosts.
struct ProcessName {
  std::string host;  ///< name of the host, its boot and the PID namespace: `name/boot id/number`
  std::int64_t pid = 0;
  /// In clock ticks since boot; a pid used again has another. 0 where it cannot be known.
  std::uint64_t start_time = 0;
  friend bool operator==(const ProcessName&, const ProcessName&) = default;
};

/// What can be known of the processes around us. Thread-safe.
class Processes {
 public:
  virtual ~Processes() = default;
  /// The calling process.
  [[nodiscard]] virtual ProcessName self() = 0;
  /// Whether that process has surely ended. False for a process of another host, boot or PID
  /// namespace: of those nothing is known.
  [[nodiscard]] virtual bool has_ended(const ProcessName& process) = 0;
};

/// The machine's. Lives for the whole program.
[[nodiscard]] Processes& real_processes();

/// All members of a simulation are one process that never ends.
class SimulatedProcesses final : public Processes {
 public:
  ProcessName self() override { return {"simulated", 1, 1}; }
  bool has_ended(const ProcessName& /*process*/) override { return false; }
};

}  // namespace millrace
