// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/processes.hpp"

#include <unistd.h>

#include "millrace/base/process_handle.hpp"

namespace millrace {
namespace {

class RealProcesses final : public Processes {
 public:
  ProcessName self() override {
    const std::int64_t pid = ::getpid();
    // Where /proc is that of another namespace it tells nothing about our pids.
    const std::uint64_t start = process_start_time(pid);
    const bool sure = start == own_start_time() && knows_host();
    return {host_identity(), pid, sure ? start : 0};
  }

  bool has_ended(const ProcessName& process) override {
    const ProcessName own = self();
    return process.host == own.host && process.start_time != 0 && own.start_time != 0 &&
           process_ended(process.pid, process.start_time);
  }
};

}  // namespace

Processes& real_processes() {
  static RealProcesses processes;
  return processes;
}

}  // namespace millrace
