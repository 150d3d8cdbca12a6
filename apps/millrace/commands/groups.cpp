// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "json.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/find_groups.hpp"
#include "millrace/log/library_topics.hpp"
#include "names.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

struct Lag {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t next = 0;
  std::int64_t end = 0;
  std::int64_t lag = 0;
  [[nodiscard]] bool reads_no_more() const { return next == log::reads_no_more.value; }
};

using TopicNames = std::map<log::TopicId, std::string>;

Result<std::vector<log::Offset>> ends_of(log::Log& log,
                                         const std::vector<log::GroupInfo::Position>& positions) {
  std::vector<log::TopicPartition> partitions;
  for (const log::GroupInfo::Position& position : positions)
    partitions.push_back(position.partition);
  return log.end_offsets(partitions);
}

Result<std::vector<Lag>> lags_of(log::Log& log, const log::GroupInfo& group,
                                 const TopicNames& topics) {
  std::vector<Lag> lags;
  std::vector<log::GroupInfo::Position> positions = group.positions;
  auto asked = ends_of(log, positions);
  if (!asked && asked.error().is(log::errc::topic_replaced)) {
    // One was deleted since the group was looked at.
    std::erase_if(positions, [&](const log::GroupInfo::Position& position) {
      const auto end = log.end_offset(position.partition);
      return !end && end.error().is(log::errc::topic_replaced);
    });
    asked = ends_of(log, positions);
  }
  MILLRACE_ASSIGN(const std::vector<log::Offset> ends, std::move(asked));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const log::GroupInfo::Position& position = positions[i];
    const auto name = topics.find(position.partition.topic);
    Lag lag;
    lag.topic =
        name == topics.end() ? "#" + std::to_string(position.partition.topic.value) : name->second;
    lag.partition = position.partition.partition.value;
    lag.next = position.next.value;
    lag.end = ends[i].value;
    lag.lag = std::max<std::int64_t>(0, lag.end - lag.next);
    lags.push_back(std::move(lag));
  }
  std::sort(lags.begin(), lags.end(), [](const Lag& a, const Lag& b) {
    return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
  });
  return lags;
}

std::int64_t total(const std::vector<Lag>& lags) {
  std::int64_t sum = 0;
  for (const Lag& lag : lags)
    sum += lag.lag;
  return sum;
}

// What this handle knows of the others.
struct Knowledge {
  bool heartbeats = true;  // on Kafka only what it heard since it was opened, which was just now
  bool members = true;     // a handle that only reads sees no members and no claims
  std::string refused{};   // why the positions of the group may not be read; empty: they are known
};

// The group with its positions. ACLs may hide those of one group and show those of others.
Result<log::GroupInfo> with_positions(log::Log& log, const log::GroupInfo& group,
                                      Knowledge& knows) {
  auto found = log::find_groups(log, {.name = group.name});
  if (found) return found->empty() ? group : std::move(found->front());
  if (!found.error().is(log::errc::not_authorized)) return fail(std::move(found).error());
  knows.refused = found.error().message();
  return group;
}

void write_members(JsonWriter& out, const log::GroupInfo& group, const Knowledge& knows) {
  out.key("members").begin_array();
  for (const auto& member : group.members) {
    out.begin_object().field("name", member.name);
    if (member.pid != 0) out.field("pid", member.pid);
    if (knows.heartbeats) out.field("heartbeat_age_ms", member.heartbeat_age_ms);
    out.end_object();
  }
  out.end_array().key("tasks").begin_array();
  for (const auto& task : group.tasks) {
    out.begin_object().field("name", task.name);
    if (task.member.empty()) {
      out.key("owner").raw("null");
    } else {
      out.field("owner", task.member);
    }
    out.field("epoch", task.epoch).end_object();
  }
  out.end_array();
}

void print_json(const log::GroupInfo& group, const std::vector<Lag>& lags, const Knowledge& knows,
                Output& out) {
  std::string line;
  JsonWriter json(line);
  json.begin_object().field("group", group.name);
  if (lags.empty()) {
    json.key("lag").raw("null");
  } else {
    json.field("lag", total(lags));
  }
  if (knows.members) {
    write_members(json, group, knows);
  } else {
    json.key("members").raw("null").key("tasks").raw("null");
  }
  if (!knows.refused.empty()) {
    out.json(json.key("positions").raw("null").end_object().take());
    return;
  }
  json.key("positions").begin_array();
  for (const Lag& lag : lags) {
    json.begin_object().field("topic", lag.topic).field("partition", lag.partition);
    json.key("position").raw(lag.reads_no_more() ? "null" : std::to_string(lag.next));
    json.field("end", lag.end).field("lag", lag.lag).end_object();
  }
  out.json(json.end_array().end_object().take());
}

std::size_t owned_tasks(const log::GroupInfo& group) {
  return static_cast<std::size_t>(
      std::count_if(group.tasks.begin(), group.tasks.end(),
                    [](const auto& task) { return !task.member.empty(); }));
}

void print_text(const log::GroupInfo& group, const std::vector<Lag>& lags, const Knowledge& knows,
                Output& out) {
  const std::string others = knows.members ? counted(group.members.size(), "member") + ", " +
                                                 std::to_string(owned_tasks(group)) + " of " +
                                                 counted(group.tasks.size(), "task") + " owned, "
                                           : std::string("members and tasks not known, ");
  const std::string standing =
      lags.empty() ? "no position yet" : "lag " + std::to_string(total(lags));
  out.line("group " + escaped(group.name) + ": " + others +
           (knows.refused.empty() ? standing : "positions not known: " + escaped(knows.refused)));
  Table members({"MEMBER", "PID", "HEARTBEAT MS AGO"});
  for (const auto& member : group.members) {
    members.add({escaped(member.name), member.pid == 0 ? "-" : std::to_string(member.pid),
                 knows.heartbeats ? std::to_string(member.heartbeat_age_ms) : "-"});
  }
  Table tasks({"TASK", "OWNER", "EPOCH"});
  for (const auto& task : group.tasks) {
    tasks.add({escaped(task.name), task.member.empty() ? "(nobody)" : escaped(task.member),
               std::to_string(task.epoch)});
  }
  Table positions({"TOPIC", "PARTITION", "POSITION", "END", "LAG"});
  for (const Lag& lag : lags) {
    positions.add({lag.topic, std::to_string(lag.partition),
                   lag.reads_no_more() ? "(ended)" : std::to_string(lag.next),
                   std::to_string(lag.end), std::to_string(lag.lag)});
  }
  for (const Table* table : {&members, &tasks, &positions}) {
    if (!table->empty()) table->print(out, "  ");
  }
}

// A service has a group for each part of its topology, named after both: `stock/gatherer`.
bool is_asked_for(const std::string& asked, const std::string& group) {
  return asked.empty() || group == asked || group.starts_with(asked + "/");
}

// A line for each.
class Overview {
 public:
  void add(const log::GroupInfo& group, const std::vector<Lag>& lags, const Knowledge& knows) {
    const auto number = [&](std::size_t count) {
      return knows.members ? std::to_string(count) : std::string("-");
    };
    table_.add({escaped(group.name), number(group.members.size()), number(group.tasks.size()),
                number(owned_tasks(group)), lags.empty() ? "-" : std::to_string(total(lags))});
    lag_ += total(lags);
    ++groups_;
  }
  void print(Output& out) const {
    table_.print(out);
    out.line("(" + counted(groups_, "group") + ", lag " + std::to_string(lag_) +
             " in all; details: millrace groups NAME, or --all)");
  }

 private:
  Table table_{{"GROUP", "MEMBERS", "TASKS", "OWNED", "LAG"}};
  std::int64_t lag_ = 0;
  std::size_t groups_ = 0;
};

}  // namespace

Status show_groups(log::Log& log, const GroupsOptions& options, Output& out) {
  MILLRACE_ASSIGN(std::vector<log::GroupInfo> groups, log::find_groups(log, {.positions = false}));
  std::sort(groups.begin(), groups.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  TopicNames topics;
  MILLRACE_ASSIGN(const auto known, sorted_topics(log, true));
  for (const log::Topic& topic : known)
    topics[topic.id] = topic.spec.name;
  std::vector<std::string> names;
  const bool in_detail = options.all || !options.name.empty();
  Overview overview;
  bool found = false;
  for (const log::GroupInfo& listed : groups) {
    names.push_back(listed.name);
    if (!is_asked_for(options.name, listed.name)) continue;
    // Nobody reads on there.
    if (listed.name.ends_with(unowned_suffix) && listed.name != options.name) continue;
    Knowledge knows{log::has_commit_order(log), !log.read_only_reason().has_value()};
    MILLRACE_ASSIGN(const log::GroupInfo group, with_positions(log, listed, knows));
    MILLRACE_ASSIGN(const std::vector<Lag> lags, lags_of(log, group, topics));
    if (options.json) {
      print_json(group, lags, knows, out);
    } else if (in_detail) {
      if (found) out.line("");
      print_text(group, lags, knows, out);
    } else {
      overview.add(group, lags, knows);
    }
    found = true;
  }
  if (!found && !options.name.empty()) {
    return fail(errc::not_found, unknown_name("group", options.name, names));
  }
  if (options.json) return {};
  if (!found) {
    out.line("there are no groups yet");
    return {};
  }
  if (!in_detail) overview.print(out);
  if (!log::has_commit_order(log))
    out.line("(transaction markers count: a lag of 1 or 2 in a partition may be nothing)");
  return {};
}

CLI::App* add_groups(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("groups", "Show groups: members, owners of tasks, positions, lag");
  auto options = std::make_shared<GroupsOptions>();
  command->add_option("NAME", options->name, "This group, or those of this service, in detail")
      ->check(check_group);
  command->add_flag("-a,--all", options->all, "All groups in detail");
  command->add_flag("--json", options->json, "A JSON object a line, one for each group, in detail");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, session.log());
      return show_groups(*log, *options, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
