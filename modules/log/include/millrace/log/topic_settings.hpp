// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace::log {

/// The settings of a topic, which decide how long its records are kept. They have the names of
/// Kafka's settings. They are set when the topic is created, and Log::alter_topic() changes them.
/// They are not part of the specification of a topic, so Log::create_topic() does not compare them.
/// The defaults keep every record for ever.
struct TopicSettings {
  static constexpr std::int64_t default_delete_retention_ms = 604'800'000;
  static constexpr std::uint64_t default_segment_bytes = 1ULL << 30U;

  /// `cleanup.policy` is a list: `keep` when neither is set, `compact`, `delete`, or both.
  bool compacts = false;  ///< only the last record of each key stays
  bool deletes = false;   ///< old records are deleted, according to the two limits below
  /// `retention.ms`: records that are older are deleted; no value: no limit. On the embedded log
  /// the age counts from the append, on Kafka from the timestamp of the record.
  std::optional<std::int64_t> retention_ms;
  /// `retention.bytes`: when a partition is larger, its oldest records are deleted; no value: no
  /// limit.
  std::optional<std::uint64_t> retention_bytes;
  /// `min.compaction.lag.ms`: records that are younger are not compacted.
  std::int64_t min_compaction_lag_ms = 0;
  /// `delete.retention.ms`: how long a tombstone stays for readers that have not read it.
  std::int64_t delete_retention_ms = default_delete_retention_ms;
  /// `segment.bytes`: the size of a segment. The last segment, which is written, is neither deleted
  /// nor compacted.
  std::uint64_t segment_bytes = default_segment_bytes;

  friend bool operator==(const TopicSettings&, const TopicSettings&) = default;
};

/// The settings of a compacted topic.
[[nodiscard]] constexpr TopicSettings compacted() {
  TopicSettings settings;
  settings.compacts = true;
  return settings;
}

/// A setting with its name, and its value as text for people.
struct NamedSetting {
  std::string_view name;  ///< a literal
  std::string value;
  bool is_default = true;
};
/// All settings, always in the same order.
[[nodiscard]] std::vector<NamedSetting> named_settings(const TopicSettings& settings);
/// The settings that do not have their defaults as one text, such as
/// `cleanup.policy=compact, segment.bytes=1048576`; empty when all have their defaults.
[[nodiscard]] std::string describe_changed(const TopicSettings& settings);

/// A change of one setting.
struct SettingChange {
  std::string name;
  std::optional<std::string> value;  ///< no value: the setting gets its default
};
/// Parses `NAME=VALUE`; the value `default` means the default. errc::invalid_argument when the text
/// has no `=`, no setting has the name, or the value is not allowed for it.
[[nodiscard]] Result<SettingChange> parse_setting_change(std::string_view text);
/// Returns the change that sets a setting to its default. errc::invalid_argument when no setting
/// has the name.
[[nodiscard]] Result<SettingChange> default_setting(std::string_view name);

/// Applies the changes one after the other and returns the new settings. errc::invalid_argument
/// names the setting, the value and the allowed values.
[[nodiscard]] Result<TopicSettings> with_changes(TopicSettings settings,
                                                 std::span<const SettingChange> changes);
/// Checks that the values are allowed and fit together: for example, a retention limit needs the
/// policy `delete`. errc::invalid_argument.
[[nodiscard]] Status check_settings(const TopicSettings& settings);

}  // namespace millrace::log
