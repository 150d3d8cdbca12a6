// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/in_hand.hpp"
#include "runtime/shared.hpp"

namespace millrace::stream::runtime {

/// Replayed dead letters that are for no part of the topology. Of the tasks that read a partition
/// of the retry topic, that of the first part reports them, each once: how far it came is a
/// position of a group of the service, committed with the record. So a part that reads the
/// partition later, from its beginning, reports none of them again. One thread.
class Strays {
 public:
  Strays(const Shared& shared, const ResolvedSubTopology& resolved)
      : shared_(&shared), resolved_(&resolved) {}

  /// Another record is in hand.
  void begin() { in_hand_.reset(); }
  /// Whether this task reports the record in hand, which is for no part; `owner`: the part that it
  /// names. What that part took before it was given up is not reported. Failures of the log.
  [[nodiscard]] Result<bool> reports(const InHand& hand, std::optional<std::string_view> owner);
  /// The record in hand is taken.
  void take();
  void stage(log::Transaction& transaction) const;
  /// What was taken is committed, or it was dropped.
  void forget() {
    in_hand_.reset();
    reported_.reset();
  }

 private:
  /// A position of the group.
  struct Reported {
    log::TopicPartition partition;
    log::Offset next;
  };

  [[nodiscard]] Result<std::int32_t> partitions_of(const SubTopology& part) const;
  [[nodiscard]] Result<bool> is_first_reader(const InHand& hand) const;
  [[nodiscard]] Result<bool> was_taken(const std::string& owner, const InHand& hand);
  [[nodiscard]] Result<bool> was_reported(const InHand& hand);

  const Shared* shared_;
  const ResolvedSubTopology* resolved_;
  std::optional<log::GroupId> group_;
  log::Offset known_;       // all before that are reported, at least
  std::string owner_;       // asked for last,
  log::Offset owner_next_;  // and how far it came, at least
  std::optional<Reported> in_hand_;
  std::optional<Reported> reported_;  // not committed
};

}  // namespace millrace::stream::runtime
