// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "millrace/log/types.hpp"

namespace millrace::log {

/// The owner of the topics of the library itself, `__millrace.NAME`. Any service may create and
/// write those of kind `commands`.
inline constexpr std::string_view library_service = "__millrace";

/// The owner of a topic in a Kafka cluster that does not belong to this system. Every service may
/// read such a topic. Changes of such a topic are not noticed.
inline constexpr std::string_view foreign_owner = "(not of this system)";

/// True if a service restores its state from the topic: the changelog of a store or of a part, or a
/// manifest. Decided by the kind and the name, not by the settings of the topic.
[[nodiscard]] bool is_state(const TopicSpec& spec);

/// The end of the name of a repartition topic.
inline constexpr std::string_view repartition_suffix = ".repartition";
/// True if the topic is `<owner>.NAME.repartition`, which brings the records of a service to the
/// tasks that have their keys. Decided by the kind and the name, not by the settings of the topic.
[[nodiscard]] bool is_repartition(const TopicSpec& spec);

/// The position of a group that does not read the topic any more. It is after all records that the
/// topic can have, so that no record is kept for this group.
inline constexpr Offset reads_no_more = offset(std::numeric_limits<std::int64_t>::max());

}  // namespace millrace::log
