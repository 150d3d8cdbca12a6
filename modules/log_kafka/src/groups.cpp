// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "groups.hpp"

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {

Result<std::string> Groups::name_in_kafka(GroupId group) const {
  const std::string name = state_.look([&](const State& state) {
    const auto number = static_cast<std::size_t>(group.value);
    return number < state.groups().size() ? state.groups()[number].name : std::string();
  });
  if (name.empty())
    return fail(errc::not_found,
                "there is no group with the number " + std::to_string(group.value));
  return config_.in_kafka(name);
}

Result<GroupId> Groups::open(std::string_view name) {
  MILLRACE_TRY(check_name(name, "a group"));
  const auto number = [&] {
    return state_.look([&](const State& state) { return state.group_number(name); });
  };
  if (const std::int32_t known = number(); known >= 0) return GroupId{{known}};
  MILLRACE_TRY(state_.catch_up_to_end());
  if (number() < 0) MILLRACE_TRY(state_.append({GroupMade{std::string(name)}}));
  return GroupId{{number()}};
}

Result<std::vector<GroupInfo>> Groups::find(const GroupsWanted& wanted) {
  MILLRACE_TRY(state_.catch_up_to_end());
  std::vector<GroupInfo> found = list(wanted.name);
  if (!wanted.positions) return found;
  for (GroupInfo& info : found)
    MILLRACE_TRY(add_positions(info));
  return found;
}

std::vector<GroupInfo> Groups::list(std::string_view name) const {
  const auto heard = state_.last_heard();
  const std::int64_t now_ns = config_.clock().monotonic_ns();
  return state_.look([&](const State& state) {
    std::vector<GroupInfo> infos;
    for (std::size_t i = 0; i < state.groups().size(); ++i) {
      if (!name.empty() && state.groups()[i].name != name) continue;
      GroupInfo info{GroupId{{static_cast<std::int32_t>(i)}}, state.groups()[i].name, {}, {}, {}};
      for (const auto& [number, subscription] : state.subscriptions()) {
        const auto member = state.members().find(subscription.member);
        if (subscription.group != info.id.value || member == state.members().end()) continue;
        const auto last = heard.find(subscription.member);
        info.members.push_back({member->second.name, member->second.process.pid,
                                last == heard.end() ? 0 : (now_ns - last->second) / 1'000'000,
                                member->second.announced.session_ms});
      }
      for (const auto& [task_name, task] : state.groups()[i].tasks) {
        const auto owner = state.subscriptions().find(task.owner);
        info.tasks.push_back({task_name,
                              owner == state.subscriptions().end()
                                  ? std::string()
                                  : state.members().at(owner->second.member).name,
                              static_cast<std::uint64_t>(task.epoch)});
      }
      infos.push_back(std::move(info));
    }
    return infos;
  });
}

Status Groups::add_positions(GroupInfo& info) {
  MILLRACE_ASSIGN(const auto positions, positions_.all(config_.in_kafka(info.name)));
  for (const GroupPosition& one : positions) {
    if (!one.partition.topic.starts_with(config_.url().prefix)) continue;
    const auto topic =
        topics_.find(std::string_view(one.partition.topic).substr(config_.url().prefix.size()));
    // Somebody deleted the topic.
    if (!topic && topic.error().is(errc::unknown_topic)) continue;
    if (!topic) return fail(topic.error());
    const TopicPartition at{topic->id, partition(one.partition.partition)};
    const auto now = topics_.partition_in_kafka(at);
    if (now && is_of_another(one.partition.id, now->id)) continue;
    info.positions.push_back({at, one.next});
  }
  return {};
}

}  // namespace millrace::log::kafka
