// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>

#include "core.hpp"
#include "millrace/base/fault_point.hpp"

// Making a segment may take tens of milliseconds. Here it is done before it is needed, so that the
// holder of the writer lock only gives it its name.
namespace millrace::log::embedded {
namespace {

// Segments that last shorter than this are prepared before they are half full: the next look may
// come too late.
constexpr std::int64_t fast_roll_ns = 1'000'000'000;

}  // namespace

void Core::prepare_segments() {
  const auto start = std::atomic_ref(control->segment_start).load(std::memory_order_acquire);
  const auto end = std::atomic_ref(control->segment_end).load(std::memory_order_acquire);
  const std::uint64_t committed = control->committed.load(std::memory_order_acquire);
  // The three are not read at once: a roll may lie between.
  if (end <= start || committed <= start) {
    return;
  }
  unsigned wanted = committed - start > (end - start) / 2 ? 1 : 0;
  if (start != segment_seen_) {
    const std::int64_t now = environment.clock.monotonic_ns();
    if (now - last_roll_ns_ < fast_roll_ns) {
      const std::uint64_t rolls = (start - segment_seen_) / (end - start) + 1;
      wanted = static_cast<unsigned>(std::min<std::uint64_t>(rolls + 1, Journal::max_prepared));
    }
    last_roll_ns_ = now;
    segment_seen_ = start;
  }
  if (wanted == 0) {
    return;
  }
  std::uint32_t nobody = 0;
  if (!control->preparer.compare_exchange_strong(nobody, static_cast<std::uint32_t>(slot) + 1)) {
    return;
  }
  for (unsigned number = 0; number < wanted && check_in_place(); ++number) {
    if (!journal.prepare(number, segment_room(embedded, 0), slot)) {
      break;
    }
  }
  MILLRACE_FAULT_POINT("prepare.done");
  control->preparer.store(0, std::memory_order_release);
}

}  // namespace millrace::log::embedded
