// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "positions.hpp"

#include <algorithm>
#include <map>

#include "millrace/log/errors.hpp"
#include "units.hpp"

namespace millrace::log::kafka {

Result<std::vector<std::optional<Offset>>> Positions::find(
    GroupId group, std::span<const TopicPartition> partitions) {
  MILLRACE_ASSIGN(const std::vector<KafkaPartition> at, topics_.partitions_in_kafka(partitions));
  MILLRACE_ASSIGN(const std::string name, groups_.name_in_kafka(group));
  MILLRACE_ASSIGN(Found found, ask(name, at));
  if (std::ranges::all_of(found.next, [](const auto& one) { return one.has_value(); }))
    return std::move(found.next);
  MILLRACE_TRY(state_.catch_up_to_end());
  if (lost(group, at, found).empty()) return std::move(found.next);
  // The first one may have been committed between the two responses. What is noted was committed
  // before, so a second response shows it.
  MILLRACE_ASSIGN(found, ask(name, at));
  if (const auto gone = lost(group, at, found); !gone.empty()) return fail(lost_error(name, gone));
  return std::move(found.next);
}

Result<Positions::Found> Positions::ask(const std::string& group,
                                        const std::vector<KafkaPartition>& at) {
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + config_.timeout_ms() * ms;
  for (;;) {
    const std::uint64_t seen = reader_.signal().count();
    const auto found = cluster_.find(group, at, deadline_ns);
    if (found) {
      std::map<KafkaPartition, Offset> next;
      for (const GroupPosition& one : *found)
        next.emplace(one.partition, one.next);
      Found all{std::vector<std::optional<Offset>>(at.size()), std::vector<bool>(at.size())};
      for (std::size_t i = 0; i < at.size(); ++i) {
        const auto one = next.find(at[i]);
        if (one == next.end()) continue;
        all.is_of_another[i] = is_of_another(one->first.id, at[i].id);
        if (!all.is_of_another[i]) all.next[i] = one->second;
      }
      return all;
    }
    // A transaction that moves it is about to end.
    if (!found.error().is(errc::unavailable) || config_.clock().monotonic_ns() >= deadline_ns)
      return fail(found.error());
    reader_.signal().wait(seen, ms);
  }
}

std::vector<KafkaPartition> Positions::lost(GroupId group, const std::vector<KafkaPartition>& at,
                                            const Found& found) const {
  return state_.look([&](const State& state) {
    std::vector<KafkaPartition> gone;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const std::string topic = at[i].topic.substr(config_.url().prefix.size());
      if (!found.next[i] && !found.is_of_another[i] &&
          state.had_position(group.value, topic, at[i].partition))
        gone.push_back(at[i]);
    }
    return gone;
  });
}

Error Positions::lost_error(const std::string& group,
                            const std::vector<KafkaPartition>& lost) const {
  std::map<std::string, std::string> partitions;
  for (const KafkaPartition& partition : lost) {
    std::string& list = partitions[partition.topic];
    list += (list.empty() ? ":" : ",") + std::to_string(partition.partition);
  }
  std::string where;
  std::string arguments;
  for (const auto& [topic, list] : partitions) {
    where += (where.empty() ? "" : ", ") + topic + list;
    arguments += " --topic " + topic + list;
  }
  return {errc::out_of_range,
          "the cluster no longer has the position of group " + group + " that it once kept at " +
              where +
              ": nobody committed it for offsets.retention.minutes, or somebody deleted it or the "
              "topic. It is never reset silently: set it, then start the service again. "
              "kafka-consumer-groups --bootstrap-server " +
              config_.url().bootstrap + " --group " + group + arguments +
              " --reset-offsets --to-offset N --execute, or with --to-earliest instead of "
              "--to-offset N to process everything that is still there once more"};
}

void Positions::note(const Transaction& transaction) {
  decltype(noted_) fresh;
  {
    const MutexLock lock(mutex_);
    for (const Transaction::Position& position : transaction.positions()) {
      const std::tuple noted(position.group.value, position.partition.topic.value,
                             position.partition.partition.value);
      if (!noted_.contains(noted)) fresh.insert(noted);
    }
  }
  if (fresh.empty()) return;
  std::vector<StateRecord> records;
  for (const auto& [group, topic, number] : fresh) {
    auto spec = topics_.spec_of({TopicId{{topic}}, partition(number)});
    if (!spec) return;
    const bool known = state_.look(
        [&](const State& state) { return state.had_position(group, spec->name, number); });
    if (!known) records.emplace_back(Positioned{group, std::move(spec->name), number});
  }
  if (!records.empty() && !state_.append(std::move(records))) return;
  const MutexLock lock(mutex_);
  noted_.merge(fresh);
}

}  // namespace millrace::log::kafka
