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

// Topics of the cluster that are not ours are numbered from here on, in each handle by itself.
constexpr std::int32_t first_foreign = 1 << 24;
// And from here on those that have the name of a topic that was deleted while the handle used it.
constexpr std::int32_t first_again = 1 << 25;

// Of 53 bits, as the manifest has it in JSON. All are random in the ids that clusters give, but for
// a few in each half, which differ.
std::uint64_t stored(const TopicUuid& id) {
  if (id.is_none()) return 0;
  return std::max<std::uint64_t>((id.high ^ id.low) >> 11U, 1);
}

// Until a broker is asked again that has not heard of a change.
constexpr std::int64_t settings_retry_ns = 20 * ms;

}  // namespace

Result<TopicSpec> Topics::spec_of(TopicPartition partition) const {
  std::int32_t number = partition.topic.value;
  if (number >= first_again) {
    const MutexLock lock(mutex_);
    const auto index = static_cast<std::size_t>(number - first_again);
    if (index >= again_.size()) return fail(unknown_topic_error(partition.topic));
    number = again_[index].value;
  }
  std::optional<TopicSpec> spec = state_.look([&](const State& state) -> std::optional<TopicSpec> {
    if (number < 0 || static_cast<std::size_t>(number) >= state.topics().size())
      return std::nullopt;
    return state.topics()[static_cast<std::size_t>(number)].spec;
  });
  if (!spec && number >= first_foreign) {
    const MutexLock lock(mutex_);
    const auto index = static_cast<std::size_t>(number - first_foreign);
    if (index < foreign_.size()) spec = foreign_[index];
  }
  if (!spec) return fail(unknown_topic_error(partition.topic));
  MILLRACE_TRY(check_partition(*spec, partition.partition));
  return *std::move(spec);
}

Result<KafkaPartition> Topics::partition_in_kafka(TopicPartition partition) {
  auto spec = spec_of(partition);
  if (!spec && (spec.error().is(errc::unknown_topic) || spec.error().is(errc::unknown_partition))) {
    // Another handle may have made it, or added it, a moment ago.
    MILLRACE_TRY(state_.catch_up_to_end());
    spec = spec_of(partition);
  }
  if (!spec) return fail(spec.error());
  const TopicIds::Number number = number_of(partition.topic, *spec);
  MILLRACE_ASSIGN(const TopicUuid id, ids_.bind(number));
  if (!id.is_none()) {
    MILLRACE_ASSIGN(const bool deleted, ids_.look(number));
    if (deleted) return fail(topic_replaced_error({partition.topic, *spec}));
  }
  return KafkaPartition{number.name, partition.partition.value, id};
}

Error Topics::explain(TopicPartition partition, Error error) {
  const bool is_unknown = error.is(errc::unknown_topic);
  if (!is_unknown && !error.is(errc::out_of_range)) return error;
  const auto spec = spec_of(partition);
  if (!spec) return spec.error();
  const TopicIds::Number number = number_of(partition.topic, *spec);
  const auto id = ids_.bind(number);
  if (!id) return id.error();
  if (id->is_none()) return error;
  const auto deleted = ids_.look(number, true);
  if (!deleted) return deleted.error();
  if (*deleted) return topic_replaced_error({partition.topic, *spec});
  return is_unknown ? Error(errc::unavailable, error.message()) : error;
}

// Numbers of topics that were deleted keep what they meant.
Topic Topics::current(Topic topic) {
  const TopicId first = topic.id;
  if (!ids_.is_deleted(first.value)) return topic;
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i <= again_.size(); ++i) {
    topic.id = TopicId{{first_again + static_cast<std::int32_t>(i)}};
    if (i == again_.size()) {
      again_.push_back(first);
      verified_.erase(topic.spec.name);
      break;
    }
    if (again_[i] == first && !ids_.is_deleted(topic.id.value)) break;
  }
  return topic;
}

Result<Topic> Topics::bind(Topic topic) {
  topic = current(std::move(topic));
  const auto id = ids_.bind(number_of(topic.id, topic.spec));
  // Who may not see a topic learns it when it is used, as before.
  if (id || id.error().is(errc::not_authorized)) return topic;
  if (!id.error().is(errc::unknown_topic)) return fail(id.error());
  // One that a tool of the cluster deleted before this handle used it stays known, as its owner may
  // need to know that there was one; its uses fail.
  if (topic.id.value < first_foreign) return topic;
  return fail(unknown_topic_error(topic.spec.name));
}

std::uint64_t Topics::stored_id(TopicId topic) {
  const auto spec = spec_of({topic, partition(0)});
  if (!spec) return 0;
  const auto id = ids_.bind(number_of(topic, *spec));
  return id ? stored(*id) : 0;
}

Result<std::vector<KafkaPartition>> Topics::partitions_in_kafka(
    std::span<const TopicPartition> partitions) {
  std::vector<KafkaPartition> all;
  all.reserve(partitions.size());
  for (const TopicPartition partition : partitions) {
    MILLRACE_ASSIGN(all.emplace_back(), partition_in_kafka(partition));
  }
  return all;
}

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
  MILLRACE_TRY(make_in_kafka(spec, settings, existing.has_value()));
  if (!existing) {
    MILLRACE_TRY(state_.append({TopicMade{spec, settings.compacts}}));
    existing = known(spec.name);
    // Somebody may have been faster.
    MILLRACE_TRY(check_create_topic(spec, settings, &existing->spec, options_.service));
  }
  return bind(*existing);
}

Status Topics::make_in_kafka(const TopicSpec& spec, const TopicSettings& settings, bool is_known) {
  {
    const MutexLock lock(mutex_);
    if (verified_.contains(spec.name)) return {};
  }
  const std::string name = config_.in_kafka(spec.name);
  if (name.size() > max_name_bytes)
    return fail(errc::invalid_argument, "topic '" + name +
                                            "': with the prefix of the URL the name has " +
                                            std::to_string(name.size()) + " bytes, Kafka takes " +
                                            std::to_string(max_name_bytes));
  MILLRACE_ASSIGN(std::optional<std::int32_t> partitions,
                  find_partitions(reader_.client(), name, config_.timeout_ms()));
  if (!partitions) {
    MILLRACE_ASSIGN(const bool made, kafka::create_topic(reader_.client(), name, spec.partitions,
                                                         config_of_new_topic(settings, options_),
                                                         config_.timeout_ms()));
    // A topic of before may have had the name, and a broker may not know that it is gone.
    if (made) ids_.await_agreement(name);
    if (!made) {
      MILLRACE_ASSIGN(partitions, find_partitions(reader_.client(), name, config_.timeout_ms()));
    }
  }
  if (partitions) MILLRACE_TRY(verify(spec, *partitions, is_known));
  const MutexLock lock(mutex_);
  verified_.insert(spec.name);
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
  if (topic.value >= first_foreign)
    return fail(errc::not_owner, "topic " + at.topic +
                                     " of the cluster is not one of this system: use kafka-configs "
                                     "to change its settings");
  MILLRACE_ASSIGN(const ClusterConfig config, settings_in_kafka(at.topic));
  MILLRACE_ASSIGN(const TopicSettings after,
                  check_alter_topic(spec, settings_of(config), changes, options_.service));
  const Settings wanted = config_of_changes(after, changes);
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
  if (topic.value >= first_foreign)
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

std::optional<Topic> Topics::known_foreign(std::string_view name) const {
  for (std::size_t i = 0; i < foreign_.size(); ++i) {
    if (foreign_[i].name == name)
      return Topic{TopicId{{first_foreign + static_cast<std::int32_t>(i)}}, foreign_[i]};
  }
  return std::nullopt;
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
      if (!is_internal(spec.name)) found.push_back({TopicId{{static_cast<std::int32_t>(i)}}, spec});
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
