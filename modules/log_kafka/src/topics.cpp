// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topics.hpp"

#include <charconv>

#include "admin.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "units.hpp"

namespace millrace::log::kafka {
namespace {

// Topics of the cluster that are not ours are numbered from here on, in each handle by itself.
constexpr std::int32_t first_foreign = 1 << 24;
constexpr const char* for_ever = "-1";
// Who goes on from an older snapshot than that would miss deletions: a week.
constexpr const char* kept_tombstones_ms = "604800000";
constexpr const char* most = "9223372036854775807";
constexpr std::int64_t retry_ns = 20 * ms;

Settings settings_of(const TopicSpec& spec, const LogOptions& options) {
  // Event times may be years in the past or in the future: nothing may be deleted, refused or
  // rolled by them.
  return {{"cleanup.policy", spec.cleanup == CleanupPolicy::compact ? "compact" : "delete"},
          {"retention.ms", for_ever},
          {"retention.bytes", for_ever},
          {"segment.ms", most},
          {"delete.retention.ms", kept_tombstones_ms},
          {"message.timestamp.type", "CreateTime"},
          {"message.timestamp.after.max.ms", most},
          {"max.message.bytes", std::to_string(options.max_record_bytes + 1'024)}};
}

std::optional<std::int64_t> number_in(const std::map<std::string, std::string>& settings,
                                      const std::string& name) {
  const auto found = settings.find(name);
  if (found == settings.end()) return std::nullopt;
  std::int64_t value = 0;
  const std::string& text = found->second;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{})
    return std::nullopt;
  return value;
}

}  // namespace

Result<TopicSpec> Topics::spec_of(TopicPartition place) const {
  const std::int32_t number = place.topic.value;
  std::optional<TopicSpec> spec = state_.look([&](const State& state) -> std::optional<TopicSpec> {
    if (number < 0 || static_cast<std::size_t>(number) >= state.topics().size())
      return std::nullopt;
    return state.topics()[static_cast<std::size_t>(number)];
  });
  if (!spec && number >= first_foreign) {
    const MutexLock lock(mutex_);
    const auto index = static_cast<std::size_t>(number - first_foreign);
    if (index < foreign_.size()) spec = foreign_[index];
  }
  if (!spec) return fail(unknown_topic_error(place.topic));
  MILLRACE_TRY(check_partition(*spec, place.partition));
  return *std::move(spec);
}

Result<KafkaPlace> Topics::place_in_kafka(TopicPartition place) {
  auto spec = spec_of(place);
  if (!spec && spec.error().is(errc::unknown_topic)) {
    // Another handle may have made it a moment ago.
    MILLRACE_TRY(state_.catch_up_to_end());
    spec = spec_of(place);
  }
  if (!spec) return fail(spec.error());
  return KafkaPlace{config_.in_kafka(spec->name), place.partition.value};
}

Result<std::vector<KafkaPlace>> Topics::places_in_kafka(std::span<const TopicPartition> places) {
  std::vector<KafkaPlace> all;
  all.reserve(places.size());
  for (const TopicPartition place : places) {
    MILLRACE_ASSIGN(all.emplace_back(), place_in_kafka(place));
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

Result<Topic> Topics::create(const TopicSpec& spec) {
  MILLRACE_TRY(check_topic_spec(spec));
  std::optional<Topic> existing = known(spec.name);
  if (!existing) {
    MILLRACE_TRY(state_.catch_up_to_end());
    existing = known(spec.name);
  }
  MILLRACE_TRY(check_create_topic(spec, existing ? &existing->spec : nullptr, options_.service));
  // In Kafka first: who finds it in the state can use it.
  MILLRACE_TRY(make_in_kafka(spec));
  if (!existing) {
    MILLRACE_TRY(state_.append({TopicMade{spec}}));
    existing = known(spec.name);
    // Somebody may have been faster.
    MILLRACE_TRY(check_create_topic(spec, &existing->spec, options_.service));
  }
  return *existing;
}

Status Topics::make_in_kafka(const TopicSpec& spec) {
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
    MILLRACE_ASSIGN(const bool made,
                    kafka::create_topic(reader_.client(), name, spec.partitions,
                                        settings_of(spec, options_), config_.timeout_ms()));
    if (!made) {
      MILLRACE_ASSIGN(partitions, find_partitions(reader_.client(), name, config_.timeout_ms()));
    }
  }
  if (partitions) MILLRACE_TRY(verify(spec, *partitions));
  const MutexLock lock(mutex_);
  verified_.insert(spec.name);
  return {};
}

Result<std::optional<std::int64_t>> Topics::tombstone_retention_ms(TopicId topic) {
  MILLRACE_ASSIGN(const KafkaPlace place, place_in_kafka({topic, partition(0)}));
  MILLRACE_ASSIGN(const auto settings, settings_in_kafka(place.topic));
  const auto policy = settings.find("cleanup.policy");
  const bool compacts =
      policy == settings.end() || policy->second.find("compact") != std::string::npos;
  return compacts ? number_in(settings, "delete.retention.ms") : std::nullopt;
}

// Of a topic that was named a moment ago. One broker may hear of it later than another.
Result<std::map<std::string, std::string>> Topics::settings_in_kafka(const std::string& name) {
  const std::int64_t deadline_ns = config_.clock().monotonic_ns() + config_.timeout_ms() * ms;
  for (;;) {
    auto settings = topic_config(reader_.client(), name, config_.timeout_ms());
    const bool unheard_of = !settings && settings.error().is(errc::unknown_topic);
    if (!unheard_of || config_.clock().monotonic_ns() >= deadline_ns) return settings;
    reader_.signal().wait(reader_.signal().count(), retry_ns);
  }
}

// A topic that was there before must be able to do what ours do.
Status Topics::verify(const TopicSpec& spec, std::int32_t partitions) {
  const std::string name = config_.in_kafka(spec.name);
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    return fail(errc::topic_mismatch, "topic " + name + " of the cluster " + what + ": " + remedy);
  };
  if (partitions != spec.partitions)
    return refuse("has " + std::to_string(partitions) + " partitions, asked for were " +
                      std::to_string(spec.partitions),
                  "keys would move; use another name, or declare as many");
  MILLRACE_ASSIGN(const auto settings, settings_in_kafka(name));
  const auto alter = [&](const std::string& setting) {
    return "kafka-configs --alter --entity-type topics --entity-name " + name + " --add-config " +
           setting;
  };
  const auto policy = settings.find("cleanup.policy");
  const std::string wanted = spec.cleanup == CleanupPolicy::compact ? "compact" : "delete";
  if (policy != settings.end() && policy->second != wanted)
    return refuse("has cleanup.policy=" + policy->second + " and needs " + wanted,
                  alter("cleanup.policy=" + wanted));
  const auto type = settings.find("message.timestamp.type");
  if (type != settings.end() && type->second != "CreateTime")
    return refuse("has message.timestamp.type=" + type->second + ", which loses event times",
                  alter("message.timestamp.type=CreateTime"));
  // Others may choose how long to keep facts; what a service restores itself from must stay.
  if (spec.kind == TopicKind::private_topic && spec.cleanup == CleanupPolicy::keep &&
      number_in(settings, "retention.ms").value_or(-1) >= 0)
    return refuse("has retention.ms=" + settings.at("retention.ms") + " and is a service's state",
                  alter("retention.ms=-1"));
  return {};
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
  // Nobody of the estate owns it: all may read it.
  foreign_.push_back({std::string(name), *partitions, TopicKind::events, "(not of this estate)",
                      CleanupPolicy::keep});
  return known_foreign(name);
}

Result<Topic> Topics::find(std::string_view name) {
  if (const auto found = known(name)) return *found;
  MILLRACE_TRY(state_.catch_up_to_end());
  if (const auto found = known(name)) return *found;
  if (name.empty() || is_internal(name)) return fail(unknown_topic_error(name));
  MILLRACE_ASSIGN(const std::optional<Topic> foreign, find_foreign(name));
  // It may have become ours between the two looks.
  MILLRACE_TRY(state_.catch_up_to_end());
  if (const auto found = known(name)) return *found;
  if (foreign) return *foreign;
  return fail(unknown_topic_error(name));
}

Result<std::vector<Topic>> Topics::all() {
  MILLRACE_TRY(state_.catch_up_to_end());
  return state_.look([](const State& state) {
    std::vector<Topic> topics;
    for (std::size_t i = 0; i < state.topics().size(); ++i) {
      const TopicSpec& spec = state.topics()[i];
      if (!is_internal(spec.name))
        topics.push_back({TopicId{{static_cast<std::int32_t>(i)}}, spec});
    }
    return topics;
  });
}

}  // namespace millrace::log::kafka
