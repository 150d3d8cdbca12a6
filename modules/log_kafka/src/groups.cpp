// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>

#include "admin.hpp"
#include "kafka_log.hpp"
#include "membership.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::int64_t ms = 1'000'000;
// What brokers do when nobody tells them otherwise: offsets.retention.minutes.
constexpr std::int64_t kept_positions_ms = std::int64_t{7} * 24 * 3'600 * 1'000;

}  // namespace

Result<std::string> KafkaLog::group_in_kafka(GroupId group) const {
  const std::string name = state_.look([&](const State& state) {
    const auto number = static_cast<std::size_t>(group.value);
    return number < state.groups().size() ? state.groups()[number].name : std::string();
  });
  if (name.empty())
    return fail(errc::not_found,
                "there is no group with the number " + std::to_string(group.value));
  return config_.in_kafka(name);
}

Result<GroupId> KafkaLog::group(std::string_view name) {
  MILLRACE_TRY(check_open());
  MILLRACE_TRY(check_name(name, "a group"));
  const auto number = [&] {
    return state_.look([&](const State& state) { return state.group_number(name); });
  };
  if (const std::int32_t known = number(); known >= 0) return GroupId{{known}};
  MILLRACE_TRY(state_.catch_up_to_end());
  if (number() < 0) MILLRACE_TRY(state_.append({GroupMade{std::string(name)}}));
  return GroupId{{number()}};
}

Result<std::optional<Offset>> KafkaLog::position(GroupId group, TopicPartition place) {
  MILLRACE_ASSIGN(const auto found, positions(group, {&place, 1}));
  return found[0];
}

Result<std::vector<std::optional<Offset>>> KafkaLog::positions(
    GroupId group, std::span<const TopicPartition> places) {
  MILLRACE_TRY(check_open());
  MILLRACE_ASSIGN(const std::vector<KafkaPlace> at, places_in_kafka(places));
  MILLRACE_ASSIGN(const std::string name, group_in_kafka(group));
  MILLRACE_ASSIGN(auto found, ask_positions(name, at));
  if (std::ranges::all_of(found, [](const auto& one) { return one.has_value(); })) return found;
  MILLRACE_TRY(state_.catch_up_to_end());
  if (lost_positions(group, at, found).empty()) return found;
  // The first one may have been committed between the two answers. What is noted was committed
  // before, so a second answer shows it.
  MILLRACE_ASSIGN(found, ask_positions(name, at));
  if (const auto lost = lost_positions(group, at, found); !lost.empty())
    return fail(lost_error(name, lost));
  return found;
}

Result<std::vector<std::optional<Offset>>> KafkaLog::ask_positions(
    const std::string& group, const std::vector<KafkaPlace>& at) {
  const std::int64_t deadline_ns = environment_.clock.monotonic_ns() + config_.timeout_ms() * ms;
  for (;;) {
    const std::uint64_t seen = reader_.signal().count();
    const auto found = group_positions(reader_.client(), group, at, config_.timeout_ms());
    if (found) {
      std::vector<std::optional<Offset>> all(at.size());
      for (const GroupPosition& one : *found) {
        const auto asked = std::find(at.begin(), at.end(), one.place);
        if (asked != at.end()) all[static_cast<std::size_t>(asked - at.begin())] = one.next;
      }
      return all;
    }
    // A transaction that moves it is about to end.
    if (!found.error().is(errc::unavailable) || environment_.clock.monotonic_ns() >= deadline_ns)
      return fail(found.error());
    reader_.signal().wait(seen, ms);
  }
}

std::vector<KafkaPlace> KafkaLog::lost_positions(
    GroupId group, const std::vector<KafkaPlace>& at,
    const std::vector<std::optional<Offset>>& found) const {
  return state_.look([&](const State& state) {
    std::vector<KafkaPlace> lost;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const std::string topic = at[i].topic.substr(config_.url().prefix.size());
      if (!found[i] && state.had_position(group.value, topic, at[i].partition))
        lost.push_back(at[i]);
    }
    return lost;
  });
}

Error KafkaLog::lost_error(const std::string& group, const std::vector<KafkaPlace>& lost) const {
  std::map<std::string, std::string> partitions;
  for (const KafkaPlace& place : lost) {
    std::string& list = partitions[place.topic];
    list += (list.empty() ? ":" : ",") + std::to_string(place.partition);
  }
  std::string places;
  std::string arguments;
  for (const auto& [topic, list] : partitions) {
    places += (places.empty() ? "" : ", ") + topic + list;
    arguments += " --topic " + topic + list;
  }
  return {errc::out_of_range,
          "the cluster no longer has the position of group " + group + " that it once kept at " +
              places +
              ": nobody committed it for offsets.retention.minutes, or somebody deleted it or the "
              "topic. It is never reset silently: set it, then start the service again. "
              "kafka-consumer-groups --bootstrap-server " +
              config_.url().bootstrap + " --group " + group + arguments +
              " --reset-offsets --to-offset N --execute, or with --to-earliest instead of "
              "--to-offset N to process everything that is still there once more"};
}

std::optional<std::int64_t> KafkaLog::position_retention_ms() const { return kept_positions_ms; }

Result<std::unique_ptr<Membership>> KafkaLog::join(GroupId group, std::vector<std::string> units) {
  MILLRACE_TRY(check_open());
  MILLRACE_TRY(group_in_kafka(group));
  for (const std::string& unit : units) {
    MILLRACE_TRY(check_name(unit, "a unit"));
  }
  auto membership = std::make_unique<KafkaMembership>(*this, group, std::move(units));
  MILLRACE_TRY(membership->enter());
  return membership;
}

std::vector<GroupInfo> KafkaLog::groups() {
  static_cast<void>(state_.catch_up_to_end());
  const auto heard = state_.last_heard();
  const std::int64_t now_ns = environment_.clock.monotonic_ns();
  std::vector<GroupInfo> groups = state_.look([&](const State& state) {
    std::vector<GroupInfo> infos;
    for (std::size_t i = 0; i < state.groups().size(); ++i) {
      GroupInfo info{GroupId{{static_cast<std::int32_t>(i)}}, state.groups()[i].name, {}, {}, {}};
      for (const auto& [number, subscription] : state.subscriptions()) {
        const auto member = state.members().find(subscription.member);
        if (subscription.group != info.id.value || member == state.members().end()) continue;
        const auto last = heard.find(subscription.member);
        info.members.push_back({member->second.name, member->second.process.pid,
                                last == heard.end() ? 0 : (now_ns - last->second) / 1'000'000});
      }
      for (const auto& [name, unit] : state.groups()[i].units) {
        const auto owner = state.subscriptions().find(unit.owner);
        info.units.push_back({name,
                              owner == state.subscriptions().end()
                                  ? std::string()
                                  : state.members().at(owner->second.member).name,
                              static_cast<std::uint64_t>(unit.epoch)});
      }
      infos.push_back(std::move(info));
    }
    return infos;
  });
  for (GroupInfo& info : groups) {
    const auto positions =
        all_group_positions(reader_.client(), config_.in_kafka(info.name), config_.timeout_ms());
    if (!positions) continue;
    for (const GroupPosition& one : *positions) {
      if (!one.place.topic.starts_with(config_.url().prefix)) continue;
      const auto topic =
          find_topic(std::string_view(one.place.topic).substr(config_.url().prefix.size()));
      if (topic) info.positions.push_back({{topic->id, partition(one.place.partition)}, one.next});
    }
  }
  return groups;
}

}  // namespace millrace::log::kafka
