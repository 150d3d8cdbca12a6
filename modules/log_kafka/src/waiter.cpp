// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "waiter.hpp"

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {

WaitOutcome KafkaWaiter::wait(std::span<const Interest> interests, std::int64_t deadline_ns) {
  for (;;) {
    // Counted before looking: what comes meanwhile ends the sleep below.
    const std::uint64_t seen = reader_.signal().count();
    if (interrupted_.exchange(false) || !state_.check()) return WaitOutcome::interrupted;
    for (const Interest& interest : interests) {
      const auto partition = topics_.partition_in_kafka(interest.partition);
      if (!partition && partition.error().is(errc::topic_replaced)) return WaitOutcome::ready;
      if (partition && reader_.has_news(interest, *partition)) return WaitOutcome::ready;
    }
    const std::int64_t left_ns = deadline_ns - clock_.monotonic_ns();
    if (left_ns <= 0) return WaitOutcome::timeout;
    reader_.signal().wait(seen, left_ns);
  }
}

void KafkaWaiter::interrupt() {
  interrupted_ = true;
  reader_.signal().raise();
}

}  // namespace millrace::log::kafka
