// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "chaos.hpp"

#include <csignal>

namespace retail {

std::int64_t Chaos::draw_pause_ns() {
  const double share = 0.5 + static_cast<double>(random_.below(1'000'000)) / 1e6;
  return static_cast<std::int64_t>(seconds_ * share * 1e9);
}

void Chaos::act(millrace::service::Supervisor& services, std::int64_t now_ns) {
  if (now_ns < next_ns_) return;
  kill_one(services);
  next_ns_ = now_ns + draw_pause_ns();
}

void Chaos::kill_one(millrace::service::Supervisor& services) {
  std::vector<millrace::service::ChildStatus> running;
  for (const auto& child : services.status()) {
    const auto killed = killed_.find(child.name);
    const bool dying = killed != killed_.end() && killed->second == child.starts;
    if (child.state == millrace::service::ChildState::running && !dying) running.push_back(child);
  }
  if (running.empty()) return;
  const auto& chosen = running[random_.below(running.size())];
  if (!services.signal(chosen.name, SIGKILL)) return;
  killed_[chosen.name] = chosen.starts;
  ++kills_;
}

}  // namespace retail
