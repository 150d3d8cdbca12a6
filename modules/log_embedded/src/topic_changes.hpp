// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

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
/// Log::delete_topic.
[[nodiscard]] Status delete_topic(Member& log, TopicId topic);

}  // namespace millrace::log::embedded
