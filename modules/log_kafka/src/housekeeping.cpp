// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "housekeeping.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "millrace/log/errors.hpp"
#include "units.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::int64_t look_interval_ns = 1'000 * ms;

}  // namespace

Status Housekeeping::run() {
  reader_.drop_idle();
  positions_.drop_idle();
  const std::int64_t now_ns = config_.clock().monotonic_ns();
  // What fails here is tried again; only a damaged topic of ours ends it.
  const auto passing = [](const Error& error) {
    return error.is(errc::unavailable) || error.is(errc::outcome_unknown);
  };
  if (const Status beat = identity_.heartbeat(); !beat && !passing(beat.error())) return beat;
  if (now_ns - looked_ns_ < look_interval_ns) return {};
  looked_ns_ = now_ns;
  if (const Status caught_up = state_.catch_up_to_end(); !caught_up) {
    if (passing(caught_up.error())) return {};
    return caught_up;
  }
  expel_silent();
  static_cast<void>(state_.trim());
  return {};
}

// The oldest of those who live sees to it, the next ones only when that takes too long. Whose
// process has ended here is not waited for.
void Housekeeping::expel_silent() {
  const std::int64_t self = identity_.current();
  if (self < 0) return;
  const std::map<std::int64_t, std::int64_t> silences = state_.silences();
  const auto members = state_.look([](const State& state) { return state.members(); });
  const auto own = members.find(self);
  if (own == members.end()) return;
  // Beyond the session of who is silent.
  std::int64_t margin_ns = 0;
  bool oldest_here = true;
  struct Lost {
    std::int64_t number;
    std::int64_t silence_ns;
    std::int64_t session_ns;
    bool ended;
  };
  std::vector<Lost> lost;
  for (const auto& [number, member] : members) {
    if (number == self) continue;
    const auto found = silences.find(number);
    const std::int64_t silence_ns = found == silences.end() ? 0 : found->second;
    const bool ended = processes_.has_ended(member.process);
    // Of the two the longer one: it sends its heartbeats as its own asks, and our count of silence
    // is no finer than ours.
    const std::int64_t session_ns =
        std::max(member.announced.session_ms, options_.session_timeout_ms) * ms;
    if (ended || silence_ns > session_ns) {
      lost.push_back({number, silence_ns, session_ns, ended});
    } else if (number < self) {
      margin_ns += 1'000 * ms;
      oldest_here = oldest_here && member.process.host != own->second.process.host;
    }
  }
  for (const Lost& one : lost) {
    if ((one.ended && oldest_here) || one.silence_ns - one.session_ns > margin_ns)
      static_cast<void>(
          expel(config_, state_, one.number, members.at(one.number).transactional_id));
  }
}

}  // namespace millrace::log::kafka
