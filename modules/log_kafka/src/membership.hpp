// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

#include "identity.hpp"
#include "millrace/log/group.hpp"
#include "state_log.hpp"
#include "visibility.hpp"

namespace millrace::log::kafka {

/// A share of a group's tasks: a subscription in the state that all members agree on.
class KafkaMembership final : public Membership {
 public:
  /// The parts of the handle outlive it.
  KafkaMembership(StateLog& state, Identity& identity, Visibility& visibility, GroupId group,
                  std::vector<std::string> tasks);
  ~KafkaMembership() override;
  /// Subscribes; the first poll tries again what fails here.
  [[nodiscard]] Status enter();
  Result<MembershipChange> poll() override;
  Status heartbeat() override;
  Status release(const Claim& claim) override;

 private:
  struct Share {
    bool subscribed = false;
    std::vector<Claim> ours;            // that the state says are ours
    std::vector<std::string> to_claim;  // free tasks that are for us
    std::vector<std::string> asked_back;
  };
  Share share() const;
  Claim claim_of(const std::string& task, std::int64_t epoch) const;
  void lose_all(MembershipChange& change);
  void take_granted(const Share& share, MembershipChange& change);
  Status retry_releases(const Share& share);

  StateLog& state_;
  Identity& identity_;
  Visibility& visibility_;
  const GroupId group_;
  const std::vector<std::string> tasks_;
  std::int64_t subscription_ = -1;
  std::int64_t member_ = -1;  // under which we subscribed
  std::vector<Claim> held_;
  std::vector<Claim> asked_;     // back, so that we tell once
  std::vector<Claim> released_;  // of which the state may not know yet
};

}  // namespace millrace::log::kafka
