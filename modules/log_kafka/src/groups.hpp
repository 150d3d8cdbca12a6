// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "group_positions.hpp"
#include "millrace/log/find_groups.hpp"
#include "topics.hpp"

namespace millrace::log::kafka {

/// The groups of a log on Kafka: the state holds their names, members and tasks, the cluster their
/// positions. Thread-safe.
class Groups {
 public:
  /// All outlive it.
  Groups(const ClientConfig& config, GroupPositions& positions, StateLog& state, Topics& topics)
      : config_(config), positions_(positions), state_(state), topics_(topics) {}

  /// Log::group.
  [[nodiscard]] Result<GroupId> open(std::string_view name);
  /// GroupFinder::find_groups.
  [[nodiscard]] Result<std::vector<GroupInfo>> find(const GroupsWanted& wanted);
  /// The group's name in Kafka. errc::not_found.
  [[nodiscard]] Result<std::string> name_in_kafka(GroupId group) const;

 private:
  /// From the state alone, without positions.
  [[nodiscard]] std::vector<GroupInfo> list(std::string_view name) const;
  [[nodiscard]] Status add_positions(GroupInfo& info);

  const ClientConfig& config_;
  GroupPositions& positions_;
  StateLog& state_;
  Topics& topics_;
};

}  // namespace millrace::log::kafka
