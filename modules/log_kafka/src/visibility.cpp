// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "visibility.hpp"

#include <algorithm>
#include <limits>

#include "millrace/log/errors.hpp"
#include "units.hpp"

namespace millrace::log::kafka {
namespace {

// No sum with it overflows.
constexpr std::int64_t longest_wait_ns = std::numeric_limits<std::int64_t>::max() / 4;

}  // namespace

void Visibility::add(const KafkaPartition& at, Offset end, bool is_state) {
  const MutexLock lock(mutex_);
  Unseen& unseen = unseen_[at];
  const bool is_another = gone_.erase(at) > 0;
  unseen = {is_another ? end : std::max(unseen.end, end), is_state};
}

Status Visibility::wait(const Committed& committed, std::int64_t deadline_ns) {
  std::vector<KafkaPartition> at;
  std::vector<Offset> ends;
  for (const Committed::Partition& partition : committed.partitions) {
    MILLRACE_ASSIGN(at.emplace_back(), topics_.partition_in_kafka(partition.partition));
    const MutexLock lock(mutex_);
    const auto unseen = unseen_.find(at.back());
    // What is not in the table was seen, or is a repeat of what an earlier handle wrote.
    ends.push_back(unseen == unseen_.end() ? partition.first.next() : unseen->second.end);
  }
  const std::int64_t left_ns =
      std::clamp<std::int64_t>(deadline_ns - config_.clock().monotonic_ns(), 0, longest_wait_ns);
  const Seen seen = wait_until_visible(at, ends, left_ns);
  if (seen == Seen::gone) {
    static_cast<void>(forget_gone(at));
    return fail(errc::unknown_topic,
                "the records were committed, and are gone: one of their topics was deleted and "
                "made again since");
  }
  if (seen == Seen::all) {
    note_seen(at, ends);
    // A reader of this handle does not find the end before it.
    for (std::size_t i = 0; i < at.size(); ++i) {
      reader_.heard_of(committed.partitions[i].partition, ends[i]);
    }
    return {};
  }
  return fail(errc::unavailable,
              "the records are committed and cannot be read yet: an older transaction of another "
              "client is open in one of their partitions");
}

bool Visibility::wait_own(const std::vector<KafkaPartition>& partitions, std::int64_t timeout_ns) {
  for (;;) {
    std::vector<KafkaPartition> own;
    std::vector<Offset> ends;
    {
      const MutexLock lock(mutex_);
      for (const KafkaPartition& partition : partitions) {
        if (const auto found = unseen_.find(partition); found != unseen_.end()) {
          own.push_back(partition);
          ends.push_back(found->second.end);
        }
      }
    }
    switch (wait_until_visible(own, ends, timeout_ns)) {
      case Seen::all:
        note_seen(own, ends);
        return true;
      case Seen::not_yet:
      case Seen::gone:
        if (!forget_gone(own)) return false;
        break;  // the others are left
    }
  }
}

// The next owner asks where its state ends; what is committed and has no transaction marker yet
// would be missing. What is unseen stays so until it was seen: each task asks again.
bool Visibility::hand_over(Identity& identity) {
  std::vector<KafkaPartition> partitions;
  {
    const MutexLock lock(mutex_);
    for (const auto& [partition, unseen] : unseen_) {
      if (unseen.is_state) partitions.push_back(partition);
    }
  }
  // When the outcome of a commit is not known, its records may be there and are not in the table.
  if (identity.current() >= 0 && wait_own(partitions, config_.timeout_ms() * ms)) return true;
  if (!identity.end()) return false;
  // The transactional id was taken over, which waits for the transaction markers.
  const MutexLock lock(mutex_);
  unseen_.clear();
  return false;
}

// Kafka responds to a commit before its transaction markers are in the partitions.
Visibility::Seen Visibility::wait_until_visible(const std::vector<KafkaPartition>& partitions,
                                                const std::vector<Offset>& ends,
                                                std::int64_t timeout_ns) {
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + timeout_ns;
  while (!partitions.empty()) {
    const std::uint64_t seen = reader_.signal().count();
    // Known before the question: responses to several threads come in any order.
    const std::vector<Offset> known = known_stable(partitions);
    const auto stable = reader_.ask(partitions, Reader::End::last_stable, deadline_ns);
    if (stable && fell(partitions, known, *stable)) return Seen::gone;
    bool all = stable.has_value();
    for (std::size_t i = 0; all && i < partitions.size(); ++i)
      all = (*stable)[i] >= ends[i];
    if (all) return Seen::all;
    if (!stable || config_.clock().monotonic_ns() >= deadline_ns) return Seen::not_yet;
    reader_.signal().wait(seen, ms);
  }
  return Seen::all;
}

// In one partition it only rises, also over a change of leader: until the new one has caught up,
// the broker does not say.
bool Visibility::fell(const std::vector<KafkaPartition>& partitions,
                      const std::vector<Offset>& known, const std::vector<Offset>& stable) {
  const MutexLock lock(mutex_);
  bool any = false;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    Offset& highest = stable_[partitions[i]];
    if (stable[i] < known[i]) {
      gone_.insert(partitions[i]);
      highest = stable[i];
      any = true;
    } else {
      highest = std::max(highest, stable[i]);
    }
  }
  return any;
}

std::vector<Offset> Visibility::known_stable(const std::vector<KafkaPartition>& partitions) {
  const MutexLock lock(mutex_);
  std::vector<Offset> known;
  for (const KafkaPartition& partition : partitions) {
    const auto found = stable_.find(partition);
    known.push_back(found == stable_.end() ? offset(-1) : found->second);
  }
  return known;
}

void Visibility::note_stable(const std::vector<KafkaPartition>& partitions,
                             const std::vector<Offset>& stable) {
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    Offset& known = stable_[partitions[i]];
    known = std::max(known, stable[i]);
  }
}

bool Visibility::forget_gone(const std::vector<KafkaPartition>& partitions) {
  const MutexLock lock(mutex_);
  bool forgot = false;
  for (const KafkaPartition& partition : partitions) {
    const auto unseen = unseen_.find(partition);
    if (gone_.erase(partition) == 0 || unseen == unseen_.end() || unseen->second.is_state) continue;
    unseen_.erase(unseen);
    forgot = true;
  }
  return forgot;
}

// These partitions can be read up to these ends.
void Visibility::note_seen(const std::vector<KafkaPartition>& partitions,
                           const std::vector<Offset>& ends) {
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const auto found = unseen_.find(partitions[i]);
    if (found != unseen_.end() && found->second.end <= ends[i]) unseen_.erase(found);
  }
}

}  // namespace millrace::log::kafka
