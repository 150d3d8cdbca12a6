// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "millrace/base/random.hpp"
#include "millrace/service/supervisor.hpp"

namespace retail {

/// Kills services by SIGKILL, which and when drawn from a seed. One thread.
class Chaos {
 public:
  /// About every `seconds`: uniformly between half and one and a half of it.
  Chaos(double seconds, std::uint64_t seed, std::int64_t now_ns)
      : seconds_(seconds), random_(seed), next_ns_(now_ns + draw_pause_ns()) {}

  /// When the next kill is due.
  [[nodiscard]] std::int64_t next_ns() const { return next_ns_; }
  /// Kills one of the running services if it is time.
  void act(millrace::service::Supervisor& services, std::int64_t now_ns);
  /// Kills one now.
  void kill_one(millrace::service::Supervisor& services);
  [[nodiscard]] std::int64_t kills() const { return kills_; }

 private:
  std::int64_t draw_pause_ns();
  double seconds_;
  millrace::SeededRandom random_;
  std::int64_t next_ns_;
  std::int64_t kills_ = 0;
  // Which start of a service was killed last: its death may take a while to be seen.
  std::map<std::string, std::uint32_t> killed_;
};

}  // namespace retail
