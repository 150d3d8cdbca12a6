// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "waiter.hpp"

namespace millrace::log::kafka {

WaitOutcome KafkaWaiter::wait(std::span<const Interest> interests, std::int64_t deadline_ns) {
  for (;;) {
    // Counted before looking: what comes meanwhile ends the sleep below.
    const std::uint64_t seen = log_.reader().signal().count();
    if (interrupted_.exchange(false) || !log_.check_open()) return WaitOutcome::interrupted;
    for (const Interest& interest : interests) {
      const auto place = log_.place_in_kafka(interest.place);
      if (place && log_.reader().has_news(interest, *place)) return WaitOutcome::ready;
    }
    const std::int64_t left_ns = deadline_ns - log_.environment().clock.monotonic_ns();
    if (left_ns <= 0) return WaitOutcome::timeout;
    log_.reader().signal().wait(seen, left_ns);
  }
}

void KafkaWaiter::interrupt() {
  interrupted_ = true;
  log_.reader().signal().raise();
}

}  // namespace millrace::log::kafka
