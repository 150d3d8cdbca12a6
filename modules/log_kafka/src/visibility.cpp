// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "visibility.hpp"

#include <algorithm>
#include <limits>

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::int64_t ms = 1'000'000;
// No sum with it overflows.
constexpr std::int64_t longest_wait_ns = std::numeric_limits<std::int64_t>::max() / 4;

}  // namespace

void Visibility::add(const KafkaPlace& at, Offset end, bool is_state) {
  const MutexLock lock(mutex_);
  Unseen& unseen = unseen_[at];
  unseen = {std::max(unseen.end, end), is_state};
}

Status Visibility::wait(const Committed& committed, std::int64_t deadline_ns) {
  std::vector<KafkaPlace> at;
  std::vector<Offset> ends;
  for (const Committed::Place& place : committed.places) {
    MILLRACE_ASSIGN(at.emplace_back(), topics_.place_in_kafka(place.place));
    const MutexLock lock(mutex_);
    const auto unseen = unseen_.find(at.back());
    // What is not in the table was seen, or is a repeat of what an earlier handle wrote.
    ends.push_back(unseen == unseen_.end() ? place.first.next() : unseen->second.end);
  }
  const std::int64_t left_ns =
      std::clamp<std::int64_t>(deadline_ns - config_.clock().monotonic_ns(), 0, longest_wait_ns);
  if (wait_until_visible(at, ends, left_ns)) {
    note_seen(at, ends);
    // A reader of this handle does not find the end before it.
    for (std::size_t i = 0; i < at.size(); ++i) {
      reader_.heard_of(committed.places[i].place, ends[i]);
    }
    return {};
  }
  return fail(errc::unavailable,
              "the records are committed and cannot be read yet: an older transaction of another "
              "client is open in one of their partitions");
}

bool Visibility::wait_own(const std::vector<KafkaPlace>& places, std::int64_t timeout_ns) {
  std::vector<KafkaPlace> own;
  std::vector<Offset> ends;
  {
    const MutexLock lock(mutex_);
    for (const KafkaPlace& place : places) {
      if (const auto found = unseen_.find(place); found != unseen_.end()) {
        own.push_back(place);
        ends.push_back(found->second.end);
      }
    }
  }
  if (!wait_until_visible(own, ends, timeout_ns)) {
    return false;
  }
  note_seen(own, ends);
  return true;
}

// The next owner asks where its state ends; what is committed and not yet marked would be missing.
// What is unseen stays so until it was seen: each unit asks again.
bool Visibility::hand_over(Identity& identity) {
  std::vector<KafkaPlace> places;
  {
    const MutexLock lock(mutex_);
    for (const auto& [place, unseen] : unseen_) {
      if (unseen.is_state) places.push_back(place);
    }
  }
  // When the outcome of a commit is not known, its records may be there and are not in the table.
  if (identity.current() >= 0 && wait_own(places, config_.timeout_ms() * ms)) return true;
  if (!identity.end()) return false;
  // The transactional id was taken over, which waits for the marks.
  const MutexLock lock(mutex_);
  unseen_.clear();
  return false;
}

// Kafka answers a commit before its marks are in the partitions.
bool Visibility::wait_until_visible(const std::vector<KafkaPlace>& places,
                                    const std::vector<Offset>& ends, std::int64_t timeout_ns) {
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + timeout_ns;
  while (!places.empty()) {
    const std::uint64_t seen = reader_.signal().count();
    const auto stable = reader_.ask(places, Reader::End::last_stable, deadline_ns);
    bool all = stable.has_value();
    for (std::size_t i = 0; all && i < places.size(); ++i)
      all = (*stable)[i] >= ends[i];
    if (all) return true;
    if (!stable || config_.clock().monotonic_ns() >= deadline_ns) return false;
    reader_.signal().wait(seen, ms);
  }
  return true;
}

// These places can be read up to these ends.
void Visibility::note_seen(const std::vector<KafkaPlace>& places, const std::vector<Offset>& ends) {
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto found = unseen_.find(places[i]);
    if (found != unseen_.end() && found->second.end <= ends[i]) unseen_.erase(found);
  }
}

}  // namespace millrace::log::kafka
