// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "topic_config.hpp"

#include <algorithm>
#include <charconv>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::log::kafka {
namespace {

constexpr const char* most = "9223372036854775807";
constexpr std::string_view policy_name = "cleanup.policy";
constexpr std::string_view cleanup_names[] = {policy_name, "retention.ms", "retention.bytes"};

/// As the cluster writes it: it knows no policy that keeps all, but limits that are never reached.
std::string in_cluster(const NamedSetting& setting) {
  return setting.name == policy_name && setting.value == "keep" ? "delete" : setting.value;
}

// From here on a limit of commands stands in `retention.ms`: no broker reaches it.
constexpr std::int64_t beyond_brokers_ms = std::int64_t{1} << 62;
constexpr std::int64_t commands_retention_ms = std::int64_t{7} * 24 * 3'600 * 1'000;

std::string text_in(const ClusterConfig& config, const std::string& name) {
  const auto found = config.find(name);
  return found == config.end() ? "" : found->second;
}

}  // namespace

std::optional<std::int64_t> number_in(const ClusterConfig& config, const std::string& name) {
  const std::string text = text_in(config, name);
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return value;
}

TopicSettings settings_of_new_topic(const TopicSpec& spec, TopicSettings settings) {
  // As in a directory: the defaults leave it to the log.
  if (spec.kind != TopicKind::commands || spec.owner == library_service ||
      settings != TopicSettings{})
    return settings;
  settings.deletes = true;
  settings.retention_ms = commands_retention_ms;
  return settings;
}

TopicSettings out_of_reach(const TopicSpec& spec, TopicSettings settings) {
  if (spec.kind == TopicKind::commands && settings.retention_ms)
    settings.retention_ms =
        beyond_brokers_ms + std::min(*settings.retention_ms, beyond_brokers_ms - 1);
  return settings;
}

Settings config_of_new_topic(const TopicSettings& settings, const LogOptions& options) {
  Settings config{{"segment.ms", most},
                  {"message.timestamp.type", "CreateTime"},
                  {"message.timestamp.after.max.ms", most},
                  {"max.message.bytes", std::to_string(options.max_record_bytes + 1'024)}};
  for (const NamedSetting& setting : named_settings(settings)) {
    // Of the others the cluster has defaults that suit it, and that lose nothing.
    const bool loses_by_default =
        setting.name != "segment.bytes" && setting.name != "min.compaction.lag.ms";
    if (loses_by_default || !setting.is_default)
      config.emplace_back(setting.name, in_cluster(setting));
  }
  return config;
}

Settings config_of_changes(const TopicSettings& settings, std::span<const SettingChange> changes) {
  const auto is_named = [&](std::string_view name) {
    return std::any_of(changes.begin(), changes.end(),
                       [&](const SettingChange& change) { return change.name == name; });
  };
  // The three go out together: a limit that means nothing under the policy of before, such as the
  // cluster's own under compact, would begin to delete.
  const bool cleanup = std::any_of(std::begin(cleanup_names), std::end(cleanup_names), is_named);
  Settings config;
  for (const NamedSetting& setting : named_settings(settings)) {
    const bool is_cleanup = std::find(std::begin(cleanup_names), std::end(cleanup_names),
                                      setting.name) != std::end(cleanup_names);
    if (is_cleanup ? cleanup : is_named(setting.name))
      config.emplace_back(setting.name, in_cluster(setting));
  }
  return config;
}

TopicSettings settings_of(const ClusterConfig& config) {
  TopicSettings settings;
  const auto limit = [&](const std::string& name) -> std::optional<std::int64_t> {
    const auto value = number_in(config, name);
    return value && *value >= 0 ? value : std::nullopt;
  };
  const std::string policy = text_in(config, std::string(policy_name));
  settings.compacts = policy.contains("compact");
  settings.deletes = policy.contains("delete");
  settings.retention_ms = limit("retention.ms");
  if (settings.retention_ms >= beyond_brokers_ms) *settings.retention_ms -= beyond_brokers_ms;
  if (const auto bytes = limit("retention.bytes"))
    settings.retention_bytes = static_cast<std::uint64_t>(*bytes);
  if (!settings.deletes) {
    // They delete nothing there.
    settings.retention_ms.reset();
    settings.retention_bytes.reset();
  }
  settings.deletes = settings.retention_ms || settings.retention_bytes;
  settings.min_compaction_lag_ms = limit("min.compaction.lag.ms").value_or(0);
  settings.delete_retention_ms =
      limit("delete.retention.ms").value_or(TopicSettings::default_delete_retention_ms);
  settings.segment_bytes = static_cast<std::uint64_t>(
      limit("segment.bytes")
          .value_or(static_cast<std::int64_t>(TopicSettings::default_segment_bytes)));
  return settings;
}

Status check_config(const TopicSpec& spec, const std::string& name, const ClusterConfig& config) {
  const auto refuse = [&](const std::string& what, const std::string& setting) {
    return fail(errc::topic_mismatch,
                "topic " + name + " of the cluster " + what +
                    ": kafka-configs --alter --entity-type topics --entity-name " + name +
                    " --add-config " + setting);
  };
  const std::string type = text_in(config, "message.timestamp.type");
  if (!type.empty() && type != "CreateTime")
    return refuse("has message.timestamp.type=" + type + ", which loses event times",
                  "message.timestamp.type=CreateTime");
  const std::string policy = text_in(config, std::string(policy_name));
  if (policy.empty()) return {};
  const std::string needed(needed_policy(spec, settings_of(config)));
  if (needed == "compact")
    return refuse("has cleanup.policy=" + policy + " and is a service's state, which needs compact",
                  "cleanup.policy=compact");
  if (!needed.empty())
    return refuse("has cleanup.policy=" + policy +
                      ", retention.ms=" + text_in(config, "retention.ms") + ", retention.bytes=" +
                      text_in(config, "retention.bytes") + " and would lose what is still needed",
                  "cleanup.policy=delete,retention.ms=-1,retention.bytes=-1");
  return {};
}

}  // namespace millrace::log::kafka
