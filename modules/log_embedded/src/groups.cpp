// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "groups.hpp"

#include <algorithm>

#include "millrace/log/backend/rules.hpp"

namespace millrace::log::embedded {

std::vector<std::size_t> members_of(const Locked&, const Control& control, GroupId group) {
  std::vector<std::size_t> rows;
  const std::uint32_t high = control.group_members_high.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < high; ++i) {
    const GroupMemberRow& row = control.group_members[i];
    if (row.state.load(std::memory_order_relaxed) == SlotState::active &&
        row.group == group.value) {
      rows.push_back(i);
    }
  }
  std::sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
    return control.group_members[a].joined < control.group_members[b].joined;
  });
  return rows;
}

std::vector<std::size_t> tasks_of(const Locked&, const Control& control, GroupId group) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < control.tasks_used; ++i) {
    if (control.tasks[i].group == group.value) {
      rows.push_back(i);
    }
  }
  std::sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
    return control.tasks[a].name.view() < control.tasks[b].name.view();
  });
  return rows;
}

Result<GroupId> find_or_make_group(Member& log, std::string_view name) {
  MILLRACE_TRY(log.directory.check_open());
  MILLRACE_TRY(check_name(name, "a group"));
  MILLRACE_TRY(log.topics.refresh());
  if (const auto known = log.topics.catalog().group(name)) {
    return *known;
  }
  MILLRACE_ASSIGN(const WriterLock::Held locked, log.lock());
  MILLRACE_TRY(log.topics.refresh());
  if (const auto known = log.topics.catalog().group(name)) {
    return *known;
  }
  const GroupId id{{static_cast<std::int32_t>(log.topics.catalog().group_count())}};
  const std::string record = Catalog::group_record(id, name);
  MILLRACE_TRY(log.publisher.append_catalog(locked, {&record, 1}));
  return id;
}

Result<std::vector<GroupInfo>> describe_groups(Member& log) {
  MILLRACE_ASSIGN(const auto locked, log.lock_even_failed());
  MILLRACE_TRY(log.topics.refresh());
  return describe_tables(locked, log);
}

std::vector<GroupInfo> describe_tables(const Locked& locked, LogParts& log) {
  std::vector<GroupInfo> result;
  const Control& control = log.directory.control();
  const std::int64_t now = log.directory.clock().awake_ns();
  const std::vector<std::string> names = log.topics.catalog().groups();
  for (std::size_t i = 0; i < names.size(); ++i) {
    GroupInfo info;
    info.id = GroupId{{static_cast<std::int32_t>(i)}};
    info.name = names[i];
    const auto name_of = [&](std::size_t row) {
      return std::string(control.members[control.group_members[row].member].name.view());
    };
    for (const std::size_t row : members_of(locked, control, info.id)) {
      const GroupMemberRow& member = control.group_members[row];
      const std::int64_t age_ms =
          (now - member.heartbeat_ns.load(std::memory_order_relaxed)) / 1'000'000;
      info.members.push_back({name_of(row), control.members[member.member].pid, age_ms,
                              member.session_ns / 1'000'000});
    }
    for (const std::size_t row : tasks_of(locked, control, info.id)) {
      const TaskRow& task = control.tasks[row];
      info.tasks.push_back({std::string(task.name.view()),
                            task.number == 0 ? std::string() : name_of(task.owner), task.number});
    }
    for (const PositionRow& row : control.positions) {
      if (row.used != 0 && row.group == info.id.value &&
          !log.topics.catalog().is_deleted(TopicId{{row.topic}})) {
        info.positions.push_back({{{row.topic}, partition(row.partition)}, offset(row.next)});
      }
    }
    std::sort(info.positions.begin(), info.positions.end(),
              [](const auto& a, const auto& b) { return a.partition < b.partition; });
    result.push_back(std::move(info));
  }
  return result;
}

}  // namespace millrace::log::embedded
