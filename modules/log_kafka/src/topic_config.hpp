// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <span>
#include <string>

#include "client.hpp"
#include "millrace/log/topic_settings.hpp"

namespace millrace::log::kafka {

/// What a topic of the cluster is set to, by name.
using ClusterConfig = std::map<std::string, std::string>;

/// Commands are kept for 7 days unless the settings say otherwise.
[[nodiscard]] TopicSettings settings_of_new_topic(const TopicSpec& spec, TopicSettings settings);
/// The settings as they are written to the cluster. Brokers delete by the times of records, also
/// what nobody has read, and CommandTrimmer removes old commands. So the age of commands is written
/// as one that no broker reaches: 2^62 ms and the age. settings_of() takes that off again.
[[nodiscard]] TopicSettings out_of_reach(const TopicSpec& spec, TopicSettings settings);
/// What a new topic is created with. Times of events may be years in the past or in the future, so
/// nothing is deleted, refused or rolled by them unless the settings ask for it.
[[nodiscard]] Settings config_of_new_topic(const TopicSettings& settings,
                                           const LogOptions& options);
/// What gives the cluster's topic those of these settings that were changed; policy and limits of
/// retention together.
[[nodiscard]] Settings config_of_changes(const TopicSettings& settings,
                                         std::span<const SettingChange> changes);
/// The settings that a topic of the cluster has. A policy that deletes without a limit keeps all.
/// What the cluster does not say has its default.
[[nodiscard]] TopicSettings settings_of(const ClusterConfig& config);
/// No value when it is not there, or no number.
[[nodiscard]] std::optional<std::int64_t> number_in(const ClusterConfig& config,
                                                    const std::string& name);

/// That a topic which was in the cluster before, or was changed there, can do what its kind needs:
/// keep times of events, and what a service restores itself from or alone reads. All else is for
/// people to choose. errc::topic_mismatch says which setting to change, and how.
[[nodiscard]] Status check_config(const TopicSpec& spec, const std::string& name,
                                  const ClusterConfig& config);

}  // namespace millrace::log::kafka
