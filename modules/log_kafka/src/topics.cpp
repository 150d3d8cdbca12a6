// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topics.hpp"

#include <algorithm>

#include "admin.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "units.hpp"
#include "wire/alter_configs.hpp"

namespace millrace::log::kafka {
namespace {

// Until a broker is asked again that has not heard of a change.
constexpr std::int64_t settings_retry_ns = 20 * ms;

}  // namespace

std::optional<Topic> Topics::known(std::string_view name) const {
  return state_.look([&](const State& state) -> std::optional<Topic> {
    TopicId id;
    const TopicSpec* const found = state.topic(name, id);
    if (found == nullptr) return std::nullopt;
    return Topic{id, *found};
  });
}

Result<Topic> Topics::create(const TopicSpec& spec, const TopicSettings& settings) {
  MILLRACE_TRY(check_topic_spec(spec));
  std::optional<Topic> existing = known(spec.name);
  if (!existing || existing->spec != spec) {
    // Another handle may have made it, or added partitions to it, a moment ago.
    MILLRACE_TRY(state_.catch_up_to_end());
    existing = known(spec.name);
  }
  MILLRACE_TRY(
      check_create_topic(spec, settings, existing ? &existing->spec : nullptr, options_.service));
  if (existing) existing = current(*existing);
  // In Kafka first: who finds it in the state can use it.
  if (!existing || !is_verified(existing->id))
    MILLRACE_TRY(make_in_kafka(spec, settings, existing.has_value()));
  if (!existing) {
    MILLRACE_TRY(state_.append({TopicMade{spec, settings.compacts}}));
    existing = known(spec.name);
    if (!existing)
      return fail(errc::unavailable, "topic '" + spec.name +
                                         "' was created, and deleted at once by another handle: "
                                         "try again");
    // Somebody may have been faster.
    MILLRACE_TRY(check_create_topic(spec, settings, &existing->spec, options_.service));
  }
  MILLRACE_ASSIGN(const Topic topic, bind(*existing));
  const MutexLock lock(verified_mutex_);
  verified_.insert(topic.id.value);
  return topic;
}

bool Topics::is_verified(TopicId topic) {
  const MutexLock lock(verified_mutex_);
  return verified_.contains(topic.value);
}

Status Topics::make_in_kafka(const TopicSpec& spec, const TopicSettings& settings, bool is_known) {
  const std::string name = config_.in_kafka(spec.name);
  if (name.size() > max_name_bytes)
    return fail(errc::invalid_argument, "topic '" + name +
                                            "': with the prefix of the URL the name has " +
                                            std::to_string(name.size()) + " bytes, Kafka takes " +
                                            std::to_string(max_name_bytes));
  MILLRACE_ASSIGN(std::optional<std::int32_t> partitions,
                  find_partitions(reader_.client(), name, config_.timeout_ms()));
  if (!partitions) {
    const TopicSettings wanted = out_of_reach(spec, settings_of_new_topic(spec, settings));
    MILLRACE_ASSIGN(const bool made, kafka::create_topic(reader_.client(), name, spec.partitions,
                                                         config_of_new_topic(wanted, options_),
                                                         config_.timeout_ms()));
    // A topic of before may have had the name, and a broker may not know that it is gone.
    if (made) ids_.await_agreement(name);
    if (!made) {
      MILLRACE_ASSIGN(partitions, find_partitions(reader_.client(), name, config_.timeout_ms()));
    }
  }
  if (partitions) MILLRACE_TRY(verify(spec, *partitions, is_known));
  return {};
}

Result<std::optional<std::int64_t>> Topics::tombstone_retention_ms(TopicId topic) {
  MILLRACE_ASSIGN(const KafkaPartition at, partition_in_kafka({topic, partition(0)}));
  MILLRACE_ASSIGN(const auto settings, settings_in_kafka(at.topic));
  const auto policy = settings.find("cleanup.policy");
  const bool compacts =
      policy == settings.end() || policy->second.find("compact") != std::string::npos;
  return compacts ? number_in(settings, "delete.retention.ms") : std::nullopt;
}

// Of a topic that was named a moment ago. One broker may hear of it later than another.
Result<ClusterConfig> Topics::settings_in_kafka(const std::string& name) {
  const std::int64_t until_ns = deadline_ns();
  for (;;) {
    auto settings = topic_config(reader_.client(), name, config_.timeout_ms());
    const bool unheard_of = !settings && settings.error().is(errc::unknown_topic);
    if (!unheard_of || config_.clock().monotonic_ns() >= until_ns) return settings;
    reader_.signal().wait(reader_.signal().count(), settings_retry_ns);
  }
}

// A topic that was there before must be able to do what ours do. One that is in the state may have
// more partitions in the cluster, when some are being added, or a handle died while it did that:
// nobody uses them before they are in the state.
Status Topics::verify(const TopicSpec& spec, std::int32_t partitions, bool is_known) {
  const std::string name = config_.in_kafka(spec.name);
  const bool may_have_more = is_known && spec.kind != TopicKind::private_topic;
  if (may_have_more && partitions < spec.partitions) {
    MILLRACE_ASSIGN(partitions, await_partitions(name, spec.partitions, deadline_ns()));
  }
  if (may_have_more ? partitions < spec.partitions : partitions != spec.partitions)
    return fail(errc::topic_mismatch,
                "topic " + name + " of the cluster has " + std::to_string(partitions) +
                    " partitions, asked for were " + std::to_string(spec.partitions) +
                    ": keys would move; use another name, or declare as many");
  MILLRACE_ASSIGN(const ClusterConfig config, settings_in_kafka(name));
  return check_config(spec, name, config);
}

Result<TopicSettings> Topics::settings(TopicId topic) {
  MILLRACE_ASSIGN(const KafkaPartition at, partition_in_kafka({topic, partition(0)}));
  MILLRACE_ASSIGN(const ClusterConfig config, settings_in_kafka(at.topic));
  return settings_of(config);
}

Result<TopicSettings> Topics::alter(TopicId topic, std::span<const SettingChange> changes) {
  MILLRACE_ASSIGN(const KafkaPartition at, partition_in_kafka({topic, partition(0)}));
  MILLRACE_ASSIGN(const TopicSpec spec, spec_of({topic, partition(0)}));
  if (in_state(topic).value >= first_foreign)
    return fail(errc::not_owner, "topic " + at.topic +
                                     " of the cluster is not one of this system: use kafka-configs "
                                     "to change its settings");
  MILLRACE_ASSIGN(const ClusterConfig config, settings_in_kafka(at.topic));
  MILLRACE_ASSIGN(const TopicSettings after,
                  check_alter_topic(spec, settings_of(config), changes, options_.service));
  const Settings wanted = config_of_changes(out_of_reach(spec, after), changes);
  if (wanted.empty()) return after;
  const std::int64_t until_ns = deadline_ns();
  MILLRACE_TRY(
      wire::alter_topic(*config_.cluster(), config_.client_id(), at.topic, wanted, until_ns));
  // The broker that is asked next may hear of it later.
  for (;;) {
    MILLRACE_ASSIGN(const ClusterConfig now, settings_in_kafka(at.topic));
    const bool shown = std::all_of(wanted.begin(), wanted.end(), [&](const auto& setting) {
      const auto found = now.find(setting.first);
      return found != now.end() && found->second == setting.second;
    });
    if (shown || config_.clock().monotonic_ns() >= until_ns) return after;
    reader_.signal().wait(reader_.signal().count(), settings_retry_ns);
  }
}

Result<Topic> Topics::add_partitions(TopicId topic, std::int32_t total) {
  MILLRACE_TRY(state_.catch_up_to_end());
  MILLRACE_ASSIGN(const TopicSpec spec, spec_of({topic, partition(0)}));
  if (in_state(topic).value >= first_foreign)
    return fail(errc::not_owner, "topic " + config_.in_kafka(spec.name) +
                                     " of the cluster is not one of this system: use kafka-topics "
                                     "to add partitions to it");
  MILLRACE_TRY(check_add_partitions(spec, total, options_.service));
  if (total == spec.partitions) return Topic{topic, spec};
  const PartitionsAdded added{spec.name, total};
  MILLRACE_TRY(state_.check_understood({added}));
  // In Kafka first: a member that finds them in the state can use them.
  MILLRACE_TRY(add_in_kafka(config_.in_kafka(spec.name), total));
  MILLRACE_TRY(state_.append({added}));
  MILLRACE_ASSIGN(TopicSpec now, spec_of({topic, partition(0)}));
  return Topic{topic, std::move(now)};
}

Status Topics::remove(TopicId topic) {
  MILLRACE_TRY(state_.catch_up_to_end());
  const auto spec = spec_of({topic, partition(0)});
  if (!spec && spec.error().is(errc::topic_replaced)) return {};
  if (!spec) return fail(spec.error());
  const std::string name = config_.in_kafka(spec->name);
  const std::int32_t number = in_state(topic).value;
  if (number >= first_foreign)
    return fail(errc::not_owner, "topic " + name +
                                     " of the cluster is not one of this system: delete it with "
                                     "kafka-topics --delete");
  MILLRACE_TRY(check_delete_topic(*spec, options_.service));
  MILLRACE_TRY(state_.check_understood({TopicDeleted{number}}));
  const auto id = ids_.bind(number_of(topic, *spec));
  if (!id && !id.error().is(errc::unknown_topic)) return fail(id.error());
  if (id) {
    // Tools of the cluster may have deleted it, and another one may have its name.
    if (ids_.is_deleted(topic.value)) return {};
    MILLRACE_TRY(kafka::delete_topic(reader_.client(), name, config_.timeout_ms()));
    MILLRACE_TRY(ids_.await_absence(name, *id));
  }
  MILLRACE_TRY(state_.append({TopicDeleted{number}}));
  return {};
}

// Another handle may have died after it added them, or may do the same just now.
Status Topics::add_in_kafka(const std::string& name, std::int32_t total) {
  const std::int64_t until_ns = deadline_ns();
  MILLRACE_ASSIGN(const auto partitions,
                  find_partitions(reader_.client(), name, config_.timeout_ms()));
  std::int32_t there = partitions.value_or(0);
  if (there < total) {
    MILLRACE_TRY(create_partitions(reader_.client(), name, total, config_.timeout_ms()));
    MILLRACE_ASSIGN(there, await_partitions(name, total, until_ns));
  }
  if (there > total)
    return fail(errc::invalid_argument,
                "topic " + name + " of the cluster has " + std::to_string(there) +
                    " partitions already: add as many here, so that all members know them");
  if (there < total)
    return fail(errc::unavailable,
                "the partitions were added to topic " + name +
                    ", but the brokers do not show them yet: add them again in a while");
  return {};
}

// One broker may hear later than another of partitions that the cluster has. How many are shown:
// fewer than that when the deadline passes.
Result<std::int32_t> Topics::await_partitions(const std::string& name, std::int32_t least,
                                              std::int64_t until_ns) {
  for (;;) {
    MILLRACE_ASSIGN(const auto partitions,
                    find_partitions(reader_.client(), name, config_.timeout_ms()));
    const std::int32_t there = partitions.value_or(0);
    if (there >= least || config_.clock().monotonic_ns() >= until_ns) return there;
    reader_.signal().wait(reader_.signal().count(), settings_retry_ns);
  }
}

std::int64_t Topics::deadline_ns() const {
  return config_.clock().monotonic_ns() + config_.timeout_ms() * ms;
}

Result<std::optional<Topic>> Topics::find_foreign(std::string_view name) {
  {
    const MutexLock lock(mutex_);
    if (auto found = known_foreign(name)) return found;
  }
  MILLRACE_ASSIGN(const std::optional<std::int32_t> partitions,
                  find_partitions(reader_.client(), config_.in_kafka(name), config_.timeout_ms()));
  if (!partitions) return std::nullopt;
  const MutexLock lock(mutex_);
  // Another thread may have been faster: a topic has one number.
  if (auto found = known_foreign(name)) return found;
  // No service of the system owns it: all may read it.
  foreign_.push_back(
      {std::string(name), *partitions, TopicKind::events, std::string(foreign_owner)});
  return known_foreign(name);
}

Result<Topic> Topics::find(std::string_view name) {
  if (const auto found = known(name)) return bind(*found);
  MILLRACE_TRY(state_.catch_up_to_end());
  if (const auto found = known(name)) return bind(*found);
  if (name.empty() || is_internal(name)) return fail(unknown_topic_error(name));
  MILLRACE_ASSIGN(const std::optional<Topic> foreign, find_foreign(name));
  // It may have become ours between the two looks.
  MILLRACE_TRY(state_.catch_up_to_end());
  if (const auto found = known(name)) return bind(*found);
  if (foreign) return bind(*foreign);
  return fail(unknown_topic_error(name));
}

Result<std::vector<Topic>> Topics::all() {
  MILLRACE_TRY(state_.catch_up_to_end());
  std::vector<Topic> topics = state_.look([](const State& state) {
    std::vector<Topic> found;
    for (std::size_t i = 0; i < state.topics().size(); ++i) {
      const TopicSpec& spec = state.topics()[i].spec;
      const auto number = static_cast<std::int32_t>(i);
      if (!is_internal(spec.name) && !state.is_deleted(number))
        found.push_back({TopicId{{number}}, spec});
    }
    return found;
  });
  std::vector<TopicIds::Number> numbers;
  for (Topic& topic : topics) {
    topic = current(std::move(topic));
    numbers.push_back(number_of(topic.id, topic.spec));
  }
  ids_.bind_all(numbers);
  return topics;
}

}  // namespace millrace::log::kafka
