// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "wire/coordinator_link.hpp"
#include "wire/offset_fetch.hpp"

namespace millrace::log::kafka::wire {

/// Reads the positions of groups at their coordinators. Keeps the link with a coordinator for the
/// next question about the group: at most `max_kept` links, until they are idle. Thread-safe.
class PositionReader {
 public:
  static constexpr std::size_t max_kept = 8;
  static constexpr std::int64_t idle_ns = 10'000'000'000;

  /// The configuration outlives it.
  explicit PositionReader(const ClientConfig& config) : config_(config) {}

  /// Waits until the deadline (Clock::monotonic_ns) at most: while the coordinator is silent, moves
  /// or reads what it keeps, and while a transaction is open that moves a position for which a
  /// stable one is wanted; only the look-up of a host's name may take longer. After that
  /// errc::unavailable. errc::not_authorized, unknown_topic; refused_by_broker also for a broker
  /// that is too old.
  [[nodiscard]] Result<std::vector<GroupPosition>> find(const std::string& group,
                                                        const PositionsWanted& wanted,
                                                        std::int64_t deadline_ns);
  /// Closes links that were not used for `idle_ns`.
  void drop_idle();
  [[nodiscard]] std::size_t kept() const;

 private:
  struct Link {
    std::string group;
    std::unique_ptr<CoordinatorLink> coordinator;
    std::int64_t used_ns = 0;
  };
  Link take(const std::string& group);
  void keep(Link link);

  const ClientConfig& config_;
  mutable Mutex mutex_;
  // Those that nobody uses just now, at most one of a group, the latest used last.
  std::vector<Link> kept_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka::wire
