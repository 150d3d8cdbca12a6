// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/topic_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {
namespace {

constexpr std::int64_t longest_ms = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t smallest_segment = 4096;
constexpr std::uint64_t largest_segment = (1ULL << 31U) - 1;
constexpr std::string_view no_limit = "-1";

std::string quoted_setting(std::string_view name, std::string_view value) {
  return "the setting " + std::string(name) + " cannot be '" + std::string(value) + "'";
}

/// A number from `least` to `most`; false for any other text.
template <class T>
bool read_number(std::string_view text, T least, T most, T& out) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || value < least || value > most) {
    return false;
  }
  out = value;
  return true;
}

/// The same, or `-1` for no value.
template <class T>
bool read_limit(std::string_view text, std::optional<T>& out) {
  if (text == no_limit) {
    out.reset();
    return true;
  }
  T value{};
  if (!read_number<T>(text, 0, static_cast<T>(longest_ms), value)) {
    return false;
  }
  out = value;
  return true;
}

template <class T>
std::string limit_text(const std::optional<T>& limit) {
  return limit ? std::to_string(*limit) : std::string(no_limit);
}

std::string policy_text(const TopicSettings& settings) {
  if (settings.compacts) {
    return settings.deletes ? "compact,delete" : "compact";
  }
  return settings.deletes ? "delete" : "keep";
}

bool read_policy(std::string_view text, TopicSettings& settings) {
  const bool both = text == "compact,delete" || text == "delete,compact";
  if (!both && text != "keep" && text != "compact" && text != "delete") {
    return false;
  }
  settings.compacts = both || text == "compact";
  settings.deletes = both || text == "delete";
  return true;
}

/// How one setting is read and written.
struct SettingRule {
  std::string_view name;
  std::string_view allowed;
  bool (*read)(std::string_view text, TopicSettings& settings);
  std::string (*write)(const TopicSettings& settings);
};

constexpr std::string_view a_limit = "-1 for no limit, or a number from 0 on";
constexpr std::string_view a_time = "a number of milliseconds from 0 on";

constexpr std::array<SettingRule, 6> rules{{
    {"cleanup.policy", "keep, delete, compact, or compact,delete", read_policy, policy_text},
    {"retention.ms", a_limit,
     [](std::string_view text, TopicSettings& s) { return read_limit(text, s.retention_ms); },
     [](const TopicSettings& s) { return limit_text(s.retention_ms); }},
    {"retention.bytes", a_limit,
     [](std::string_view text, TopicSettings& s) { return read_limit(text, s.retention_bytes); },
     [](const TopicSettings& s) { return limit_text(s.retention_bytes); }},
    {"min.compaction.lag.ms", a_time,
     [](std::string_view text, TopicSettings& s) {
       return read_number<std::int64_t>(text, 0, longest_ms, s.min_compaction_lag_ms);
     },
     [](const TopicSettings& s) { return std::to_string(s.min_compaction_lag_ms); }},
    {"delete.retention.ms", a_time,
     [](std::string_view text, TopicSettings& s) {
       return read_number<std::int64_t>(text, 0, longest_ms, s.delete_retention_ms);
     },
     [](const TopicSettings& s) { return std::to_string(s.delete_retention_ms); }},
    {"segment.bytes", "a number from 4096 to 2147483647",
     [](std::string_view text, TopicSettings& s) {
       return read_number<std::uint64_t>(text, 0, longest_ms, s.segment_bytes);
     },
     [](const TopicSettings& s) { return std::to_string(s.segment_bytes); }},
}};

Result<const SettingRule*> find_rule(std::string_view name) {
  const auto* const found = std::find_if(
      rules.begin(), rules.end(), [&](const SettingRule& rule) { return rule.name == name; });
  if (found != rules.end()) {
    return found;
  }
  std::string names;
  for (const SettingRule& rule : rules) {
    names.append(names.empty() ? "" : ", ").append(rule.name);
  }
  return fail(errc::invalid_argument, "there is no setting '{}' of topics; there are {}", name,
              names);
}

// Apart from reading: what an earlier build stored is read although less is allowed now.
bool fits(const SettingRule& rule, const TopicSettings& settings) {
  return rule.name != "segment.bytes" ||
         (settings.segment_bytes >= smallest_segment && settings.segment_bytes <= largest_segment);
}

Status read_value(const SettingRule& rule, std::string_view value, TopicSettings& settings) {
  if (rule.read(value, settings) && fits(rule, settings)) {
    return {};
  }
  return fail(errc::invalid_argument, "{}: use {}", quoted_setting(rule.name, value), rule.allowed);
}

Status check_limit(std::string_view name, const std::string& value, const TopicSettings& settings) {
  if (settings.deletes || value == no_limit) {
    return {};
  }
  return fail(errc::invalid_argument,
              "{}={} deletes nothing under cleanup.policy={}: set cleanup.policy to delete or "
              "compact,delete, or {} to -1",
              name, value, policy_text(settings), name);
}

Status check_together(const TopicSettings& settings) {
  MILLRACE_TRY(check_limit("retention.ms", limit_text(settings.retention_ms), settings));
  MILLRACE_TRY(check_limit("retention.bytes", limit_text(settings.retention_bytes), settings));
  if (settings.deletes && !settings.retention_ms && !settings.retention_bytes) {
    return fail(errc::invalid_argument,
                "cleanup.policy={} deletes nothing without a limit: set retention.ms or "
                "retention.bytes, or cleanup.policy to {}",
                policy_text(settings), settings.compacts ? "compact" : "keep");
  }
  return {};
}

}  // namespace

std::vector<NamedSetting> named_settings(const TopicSettings& settings) {
  std::vector<NamedSetting> named;
  for (const SettingRule& rule : rules) {
    std::string value = rule.write(settings);
    const bool is_default = value == rule.write(TopicSettings{});
    named.push_back({rule.name, std::move(value), is_default});
  }
  return named;
}

std::string describe_changed(const TopicSettings& settings) {
  std::string text;
  for (const NamedSetting& setting : named_settings(settings)) {
    if (!setting.is_default) {
      text.append(text.empty() ? "" : ", ").append(setting.name).append("=").append(setting.value);
    }
  }
  return text;
}

Result<SettingChange> parse_setting_change(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return fail(errc::invalid_argument, "'{}' is no setting: write NAME=VALUE", text);
  }
  const std::string_view name = text.substr(0, equals);
  const std::string_view value = text.substr(equals + 1);
  if (value == "default") {
    return default_setting(name);
  }
  MILLRACE_ASSIGN(const SettingRule* rule, find_rule(name));
  TopicSettings ignored;
  MILLRACE_TRY(read_value(*rule, value, ignored));
  return SettingChange{std::string(name), std::string(value)};
}

Result<SettingChange> default_setting(std::string_view name) {
  MILLRACE_TRY(find_rule(name));
  return SettingChange{std::string(name), std::nullopt};
}

Result<TopicSettings> with_changes(TopicSettings settings, std::span<const SettingChange> changes) {
  for (auto change = changes.begin(); change != changes.end(); ++change) {
    MILLRACE_ASSIGN(const SettingRule* rule, find_rule(change->name));
    const bool twice = std::any_of(changes.begin(), change, [&](const SettingChange& earlier) {
      return earlier.name == change->name;
    });
    if (twice) {
      return fail(errc::invalid_argument, "the setting {} is named twice", change->name);
    }
    MILLRACE_TRY(
        read_value(*rule, change->value ? *change->value : rule->write(TopicSettings{}), settings));
  }
  MILLRACE_TRY(check_together(settings));
  return settings;
}

Status check_settings(const TopicSettings& settings) {
  // What the texts allow is what the fields may hold.
  for (const SettingRule& rule : rules) {
    TopicSettings ignored;
    MILLRACE_TRY(read_value(rule, rule.write(settings), ignored));
  }
  return check_together(settings);
}

Result<TopicSettings> stored_settings(std::span<const SettingChange> values) {
  TopicSettings settings;
  for (const SettingChange& value : values) {
    MILLRACE_ASSIGN(const SettingRule* rule, find_rule(value.name));
    if (!value.value || !rule->read(*value.value, settings)) {
      return fail(errc::invalid_argument, quoted_setting(rule->name, value.value.value_or("")));
    }
  }
  return settings;
}

}  // namespace millrace::log
