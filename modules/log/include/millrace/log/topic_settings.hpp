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

/// How the records of a topic are kept: Kafka's settings of a topic, by their names. They are set
/// when the topic is created and changed by Log::alter_topic(); they do not identify a topic, and
/// Log::create_topic() does not compare them. The defaults keep every record for ever.
struct TopicSettings {
  static constexpr std::int64_t default_delete_retention_ms = 604'800'000;
  static constexpr std::uint64_t default_segment_bytes = 1ULL << 30U;

  /// `cleanup.policy` is a list: `keep` when neither is set, `compact`, `delete`, or both.
  bool compacts = false;  ///< of the records of a key the last one stays
  bool deletes = false;   ///< old records are deleted, by the two limits that follow
  /// `retention.ms`: older records are deleted; no value: none for their age. On the embedded log
  /// the age counts from the time of the append, on Kafka from the time of the record.
  std::optional<std::int64_t> retention_ms;
  /// `retention.bytes`: the oldest records are deleted when a partition is larger; no value: none
  /// for their size.
  std::optional<std::uint64_t> retention_bytes;
  /// `min.compaction.lag.ms`: younger records are not compacted.
  std::int64_t min_compaction_lag_ms = 0;
  /// `delete.retention.ms`: how long a tombstone stays for readers that have not read it.
  std::int64_t delete_retention_ms = default_delete_retention_ms;
  /// `segment.bytes`: the size of a segment. The last segment, which is written, is neither deleted
  /// nor compacted.
  std::uint64_t segment_bytes = default_segment_bytes;

  friend bool operator==(const TopicSettings&, const TopicSettings&) = default;
};

/// The settings of a topic of which the last record of each key stays.
[[nodiscard]] constexpr TopicSettings compacted() {
  TopicSettings settings;
  settings.compacts = true;
  return settings;
}

/// A setting by its name, and its value as text, as it is written and read by people.
struct NamedSetting {
  std::string_view name;  ///< a literal
  std::string value;
  bool is_default = true;
};
/// All settings, always in the same order.
[[nodiscard]] std::vector<NamedSetting> named_settings(const TopicSettings& settings);
/// The same as one text, `cleanup.policy=compact, segment.bytes=1048576`, without those that have
/// their default; empty when all have it.
[[nodiscard]] std::string describe_changed(const TopicSettings& settings);

/// What is to become of one setting.
struct SettingChange {
  std::string name;
  std::optional<std::string> value;  ///< no value: its default
};
/// Reads `NAME=VALUE`; the value `default` stands for the default. errc::invalid_argument when the
/// text has no `=`, no setting has the name, or the value is not allowed for it.
[[nodiscard]] Result<SettingChange> parse_setting_change(std::string_view text);
/// The change that gives a setting its default. errc::invalid_argument when no setting has the
/// name.
[[nodiscard]] Result<SettingChange> default_setting(std::string_view name);

/// The settings after the changes, made one after the other. errc::invalid_argument names the
/// setting, the value and what is allowed.
[[nodiscard]] Result<TopicSettings> with_changes(TopicSettings settings,
                                                 std::span<const SettingChange> changes);
/// The values are allowed, and go together: a limit of retention needs a policy that deletes.
/// errc::invalid_argument.
[[nodiscard]] Status check_settings(const TopicSettings& settings);

}  // namespace millrace::log
