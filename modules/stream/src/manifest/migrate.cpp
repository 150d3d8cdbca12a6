// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/migrate.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "manifest/change_at_rest.hpp"
#include "manifest/claimed_parts.hpp"
#include "manifest/continue_topology.hpp"
#include "manifest/difference.hpp"
#include "manifest/migration.hpp"
#include "manifest/part_links.hpp"
#include "manifest/part_positions.hpp"
#include "millrace/log/errors.hpp"
#include "names.hpp"
#include "runtime/task_state.hpp"

namespace millrace::stream {

namespace {

using Part = Manifest::Part;
using log::TopicPartition;
using runtime::TaskState;

constexpr std::size_t states_fetch_bytes = 256U << 10U;
constexpr std::string_view state_key = "task";

TopicPartition topic_partition(const log::Topic& topic, std::int32_t index) {
  return {topic.id, log::partition(index)};
}

// The state that a task wrote last; no value: it wrote none.
Result<std::optional<TaskState>> last_state(log::Log& log, TopicPartition partition,
                                            ClaimedParts& claimed) {
  MILLRACE_ASSIGN(log::Offset next, log.start_offset(partition));
  MILLRACE_ASSIGN(const log::Offset end, log.end_offset(partition));
  std::optional<TaskState> last;
  log::FetchBuffer buffer;
  while (next < end) {
    MILLRACE_TRY(claimed.keep());
    MILLRACE_TRY(log.fetch(partition, next, states_fetch_bytes, buffer));
    // Offsets need not be dense: nothing more below the end is the end.
    if (buffer.records.empty()) break;
    for (const log::RecordView& record : buffer.records) {
      if (!record.value) continue;
      MILLRACE_ASSIGN(last, runtime::decode_task_state(*record.value));
    }
    next = buffer.next;
  }
  return last;
}

// The group has not read all of the first partitions of a topic.
Result<bool> has_unread(log::Log& log, const std::string& group_name, const log::Topic& topic,
                        std::int32_t partitions) {
  MILLRACE_ASSIGN(const log::GroupId group, log.group(group_name));
  for (std::int32_t i = 0; i < partitions; ++i) {
    const TopicPartition partition = topic_partition(topic, i);
    MILLRACE_ASSIGN(const auto position, log.position(group, partition));
    MILLRACE_ASSIGN(const log::Offset start, log.start_offset(partition));
    MILLRACE_ASSIGN(const log::Offset end, log.end_offset(partition));
    if (position.value_or(start) < end) return true;
  }
  return false;
}

/// One new part takes over from others: adds to a transaction what moves beside the manifest.
class TakeOver {
 public:
  TakeOver(log::Log& log, const std::string& service, const Manifest& before,
           const Migration::Part& moved, const Manifest& after)
      : log_(log),
        service_(service),
        before_(before),
        moved_(moved),
        after_(after),
        part_(after.parts[moved.index]) {}

  // How many tasks it has, or a difference: inputs and changelogs have as many partitions.
  Status count(Differences& differences) {
    // Those of before come first: the tasks have their number.
    for (const auto& [topic, from] : moved_.inputs)
      MILLRACE_TRY(count(topic, topic, differences));
    for (const std::string& topic : part_.sources) {
      if (!is_moved(topic)) MILLRACE_TRY(count(topic, topic, differences));
    }
    if (tasks_ > 0 && part_.partitions > 0 && tasks_ != part_.partitions)
      differences.add("partitions of part " + part_.name, std::to_string(tasks_),
                      std::to_string(part_.partitions), first_store(part_));
    for (const Manifest::Store& store : part_.stores) {
      if (store.kind != "table" && !store.removed)
        MILLRACE_TRY(count(store.changelog, store.name, differences));
    }
    return {};
  }

  // A letter that is sent back names its part, and no new part has that name.
  Status check_letters(Differences& differences) {
    const std::string name = service_ + ".retry";
    const Result<log::Topic> topic = log_.find_topic(name);
    if (!topic && topic.error().is(log::errc::unknown_topic)) return {};
    if (!topic) return fail(topic.error());
    // Parts with more tasks do not read it.
    if (topic->spec.partitions < tasks_) return {};
    for (const std::size_t from : moved_.from) {
      const std::string& part = before_.parts[from].name;
      MILLRACE_ASSIGN(const bool unread, has_unread(log_, service_ + "/" + part, *topic, tasks_));
      if (!unread) continue;
      differences.add("topic " + name, "dead letters that part " + part + " has not read",
                      "part " + part_.name, first_store(part_),
                      "Run the build before until it is at rest, then stop it.");
    }
    return {};
  }

  // The positions and states are final: nobody else has a task of the parts that write them.
  Status add(log::Transaction& transaction, ClaimedParts& claimed) {
    MILLRACE_ASSIGN(const log::GroupId group, log_.group(service_ + "/" + part_.name));
    for (const auto& [topic, from] : moved_.inputs)
      MILLRACE_TRY(add_positions(group, topic, {from}, transaction));
    MILLRACE_TRY(add_positions(group, service_ + ".retry", moved_.from, transaction));
    return add_states(transaction, claimed);
  }

 private:
  [[nodiscard]] bool is_moved(const std::string& topic) const {
    return std::any_of(moved_.inputs.begin(), moved_.inputs.end(),
                       [&](const auto& input) { return input.first == topic; });
  }

  Status count(const std::string& name, const std::string& of, Differences& differences) {
    const Result<log::Topic> topic = log_.find_topic(name);
    if (!topic && topic.error().is(log::errc::unknown_topic)) return {};
    if (!topic) return fail(topic.error());
    const std::int32_t partitions = topic->spec.partitions;
    if (tasks_ == 0) tasks_ = partitions;
    if (tasks_ != partitions) {
      differences.add("partitions of " + of, std::to_string(partitions), std::to_string(tasks_),
                      first_store(part_));
    }
    return {};
  }

  // Where several read the topic, the first that one of them has not read.
  Status add_positions(log::GroupId group, const std::string& name,
                       const std::vector<std::size_t>& from, log::Transaction& transaction) {
    const Result<log::Topic> topic = log_.find_topic(name);
    if (!topic && topic.error().is(log::errc::unknown_topic)) return {};
    if (!topic) return fail(topic.error());
    std::vector<TopicPartition> partitions;
    for (std::int32_t i = 0; i < topic->spec.partitions; ++i)
      partitions.push_back(topic_partition(*topic, i));
    std::vector<std::optional<log::Offset>> first(partitions.size());
    for (const std::size_t part : from) {
      MILLRACE_ASSIGN(const log::GroupId old,
                      log_.group(service_ + "/" + before_.parts[part].name));
      MILLRACE_ASSIGN(const auto positions, log_.positions(old, partitions));
      for (std::size_t i = 0; i < partitions.size(); ++i) {
        if (positions[i] && (!first[i] || *positions[i] < *first[i])) first[i] = positions[i];
      }
    }
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      if (first[i]) transaction.set_position(group, partitions[i], *first[i]);
    }
    return {};
  }

  // The timer of a processor goes to the part that has the processor.
  [[nodiscard]] bool is_of_another(const std::string& timer) const {
    const auto has_timer = [&](const Part& part) {
      return part.state == "live" && part.processors &&
             std::any_of(
                 part.processors->begin(), part.processors->end(),
                 [&](const Manifest::Processor& processor) {
                   return timer.starts_with(processor.timers.value_or(processor.name) + ".");
                 });
    };
    return !has_timer(part_) && std::any_of(after_.parts.begin(), after_.parts.end(), has_timer);
  }

  // Each task remembers what those of its number did: the timers, and the earliest stream time, so
  // that no timer is due before its part has come so far.
  Status add_states(log::Transaction& transaction, ClaimedParts& claimed) {
    std::map<std::int32_t, TaskState> states;
    for (const std::size_t from : moved_.from) {
      const Result<log::Topic> topic =
          log_.find_topic(system_changelog(service_, before_.parts[from].name));
      if (!topic && topic.error().is(log::errc::unknown_topic)) continue;
      if (!topic) return fail(topic.error());
      for (std::int32_t i = 0; i < topic->spec.partitions; ++i) {
        MILLRACE_ASSIGN(const auto state, last_state(log_, topic_partition(*topic, i), claimed));
        if (!state) continue;
        const auto [found, is_first] = states.try_emplace(i);
        TaskState& merged = found->second;
        merged.stream_time_ms = is_first ? state->stream_time_ms
                                         : std::min(merged.stream_time_ms, state->stream_time_ms);
        for (const auto& [name, timer] : state->timers) {
          if (is_of_another(name)) continue;
          const auto [other, is_new] = merged.timers.emplace(name, timer);
          if (!is_new && other->second.firing < timer.firing) other->second = timer;
        }
        for (const auto& [store, time_ms] : state->operator_times) {
          const auto time = merged.operator_times.emplace(store, time_ms).first;
          time->second = std::max(time->second, time_ms);
        }
      }
    }
    if (states.empty()) return {};
    MILLRACE_ASSIGN(const log::Topic topic,
                    log_.create_topic({system_changelog(service_, part_.name), tasks_,
                                       log::TopicKind::private_topic, service_},
                                      log::compacted()));
    for (const auto& [task, state] : states) {
      if (task >= topic.spec.partitions) continue;
      std::string bytes;
      runtime::encode_task_state(state, bytes);
      transaction.append(topic_partition(topic, task), log::Record{0, state_key, bytes, {}});
    }
    return {};
  }

  log::Log& log_;
  const std::string& service_;
  const Manifest& before_;
  const Migration::Part& moved_;
  const Manifest& after_;
  const Part& part_;
  std::int32_t tasks_ = 0;
};

// What an input that nobody reads any more holds would be lost.
Status check_left(log::Log& log, const std::string& service, const Manifest& before,
                  const Migration& migration, Differences& differences) {
  for (const auto& [name, from] : migration.left) {
    const bool is_channel =
        std::any_of(before.channels.begin(), before.channels.end(),
                    [&](const Manifest::Channel& channel) { return channel.topic == name; });
    const Result<log::Topic> topic = log.find_topic(name);
    if (!is_channel || (!topic && topic.error().is(log::errc::unknown_topic))) continue;
    if (!topic) return fail(topic.error());
    MILLRACE_ASSIGN(const bool unread, has_unread(log, service + "/" + before.parts[from].name,
                                                  *topic, topic->spec.partitions));
    if (!unread) continue;
    differences.add("topic " + name, "records that were not read", "not read any more", "",
                    "Run the build before until it is at rest, then stop it.");
  }
  return {};
}

TopologyMigration described(const std::string& service, const Manifest& before,
                            const Migration& migration) {
  TopologyMigration out{service, {}, migration.evolution.notes};
  for (const Migration::Part& moved : migration.parts) {
    TopologyMigration::Part part{
        migration.evolution.manifest.parts[moved.index].name, {}, {}, moved.stores};
    for (const std::size_t from : moved.from)
      part.from.push_back(before.parts[from].name);
    for (const auto& [topic, from] : moved.inputs)
      part.reads.push_back(topic);
    out.parts.push_back(std::move(part));
  }
  for (const auto& [topic, from] : migration.left)
    out.accepted.push_back("part " + before.parts[from].name + " read " + topic +
                           ", which nothing reads any more");
  return out;
}

// An instance that comes while the claims are held gets no task before it reads the new manifest.
Status write_claimed(log::Log& log, const std::string& service, const Manifest& manifest,
                     log::Transaction transaction, const ClaimedParts& claimed) {
  claimed.require(transaction);
  const Error busy{millrace::errc::busy,
                   "the topology of service " + service +
                       " was changed meanwhile, or an instance got a task of it: nothing was "
                       "moved; stop all instances of the service, then try again"};
  const Result<bool> written = write_manifest(log, service, manifest, std::move(transaction));
  if (!written && written.error().is(log::errc::fenced)) return fail(busy);
  if (!written) return fail(written.error());
  if (!*written) return fail(busy);
  // On Kafka the sequence of the manifest does not order this commit, which is one of claims, and
  // that of a start: of both the later one counts.
  MILLRACE_ASSIGN(const auto now, read_manifest(log, service));
  if (!now || to_json(*now) != to_json(manifest)) return fail(busy);
  return {};
}

}  // namespace

Result<TopologyMigration> migrate_topology(log::Log& log, std::string_view description,
                                           bool dry_run) {
  MILLRACE_ASSIGN(const DescribedTopology build, read_description(description));
  const std::string& service = build.service;
  // Before positions are read: an instance that lives may still commit.
  MILLRACE_TRY(check_nobody_lives(log, service));
  MILLRACE_ASSIGN(const auto before, read_manifest(log, service));
  if (!before)
    return fail(
        millrace::errc::not_found,
        "the log has no topology of a service {}: check the name, or start the service once",
        service);
  Status looked;
  const Result<Migration> migration = plan_migration(
      service, build.manifest, *before, names_in(log, service, build.manifest, looked));
  MILLRACE_TRY(looked);
  if (!migration) return fail(migration.error());
  if (migration->parts.empty()) return TopologyMigration{service, {}, {}};
  const Evolution& evolution = migration->evolution;
  std::vector<TakeOver> steps;
  Differences differences;
  for (const Migration::Part& moved : migration->parts) {
    steps.emplace_back(log, service, *before, moved, evolution.manifest);
    MILLRACE_TRY(steps.back().count(differences));
    MILLRACE_TRY(steps.back().check_letters(differences));
  }
  MILLRACE_TRY(check_left(log, service, *before, *migration, differences));
  if (!differences.empty()) return fail(differences.refusal(service));
  MILLRACE_TRY(check_beginnings(log, service, evolution));
  const TopologyMigration out = described(service, *before, *migration);
  if (dry_run) return out;
  std::set<std::size_t> from;
  for (const Migration::Part& moved : migration->parts)
    from.insert(moved.from.begin(), moved.from.end());
  MILLRACE_ASSIGN(ClaimedParts claimed, ClaimedParts::claim(log, service, *before, from));
  // Once more: an instance may have come and gone since.
  for (TakeOver& step : steps)
    MILLRACE_TRY(step.check_letters(differences));
  MILLRACE_TRY(check_left(log, service, *before, *migration, differences));
  if (!differences.empty()) return fail(differences.refusal(service));
  log::Transaction transaction;
  for (TakeOver& step : steps) {
    MILLRACE_TRY(claimed.keep());
    MILLRACE_TRY(step.add(transaction, claimed));
  }
  MILLRACE_TRY(add_beginnings(log, service, evolution, transaction));
  MILLRACE_TRY(add_ends(log, service, evolution.manifest.parts, transaction));
  MILLRACE_TRY(write_claimed(log, service, evolution.manifest, std::move(transaction), claimed));
  MILLRACE_ASSIGN(const auto missing, raise_beginnings(log, service, evolution));
  if (missing.empty()) return out;
  return fail(errc::topology_changed, "the parts are migrated, but {}", missing.front());
}

}  // namespace millrace::stream
