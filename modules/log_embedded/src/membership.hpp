// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "member.hpp"

namespace millrace::log::embedded {

/// A row in the table of group members. Each member that polls decides the assignment from the
/// shared tables, and takes only the tasks that are assigned to itself.
class EmbeddedMembership final : public Membership {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Membership>> join(Member& log, GroupId group,
                                                                std::vector<std::string> tasks);
  ~EmbeddedMembership() override;
  Result<MembershipChange> poll() override;
  Status heartbeat() override;
  Status release(const Claim& claim) override;

 private:
  EmbeddedMembership(Member& log, GroupId group, std::vector<std::string> tasks)
      : log_(log), group_(group), tasks_(std::move(tasks)) {}

  /// The row taken in the table, and the row's generation since then.
  struct Seat {
    std::uint32_t row = 0;
    std::uint32_t generation = 0;
  };

  [[nodiscard]] GroupMemberRow& row() const;
  [[nodiscard]] bool is_active() const;
  /// Renews the session; false when it has expired.
  [[nodiscard]] bool renew(std::int64_t now);
  [[nodiscard]] bool is_quiet(std::int64_t now);
  [[nodiscard]] Status enter(const Locked& locked);
  void collect_lost(const Locked& locked, MembershipChange& change);
  void share(const Locked& locked, MembershipChange& change);
  [[nodiscard]] Claim claim_of(const Locked&, std::size_t task) const;

  Member& log_;
  GroupId group_;
  std::vector<std::string> tasks_;
  // Written by poll(), read by heartbeat() of another thread too.
  std::atomic<Seat> seat_{};
  std::uint64_t seen_version_ = 0;
  std::int64_t last_look_ns_ = 0;
  std::vector<Claim> held_;
  std::vector<Claim> asked_;
};

}  // namespace millrace::log::embedded
