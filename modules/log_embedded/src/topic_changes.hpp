// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <span>

#include "member.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log::embedded {

/// Log::create_topic.
[[nodiscard]] Result<Topic> create_topic(Member& log, const TopicSpec& spec,
                                         const TopicSettings& settings);
/// Log::alter_topic.
[[nodiscard]] Result<TopicSettings> alter_topic(Member& log, TopicId topic,
                                                std::span<const SettingChange> changes);
/// Log::add_partitions.
[[nodiscard]] Result<Topic> add_partitions(Member& log, TopicId topic, std::int32_t total);
/// Log::delete_topic.
[[nodiscard]] Status delete_topic(Member& log, TopicId topic);

}  // namespace millrace::log::embedded
