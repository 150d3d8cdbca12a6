// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "millrace/log/types.hpp"

namespace millrace::log {

/// Owns the topics of the library itself, `__millrace.NAME`. Those of kind `commands` any service
/// creates and writes.
inline constexpr std::string_view library_service = "__millrace";

/// Is given as the owner of a topic of a Kafka cluster that is not one of this system: all may read
/// it, and changes of it are not followed.
inline constexpr std::string_view foreign_owner = "(not of this system)";

/// Whether a service restores itself from the topic: the changelog of a store or of a part, or its
/// manifest. By kind and name, whatever the settings of the topic are.
[[nodiscard]] bool is_state(const TopicSpec& spec);

/// Behind the name of a repartition in that of its topic.
inline constexpr std::string_view repartition_suffix = ".repartition";
/// Whether the topic is `<owner>.NAME.repartition`: it brings the records of a service to the tasks
/// that have their keys. By kind and name, whatever the settings of the topic are.
[[nodiscard]] bool is_repartition(const TopicSpec& spec);

/// The position of a group that reads the topic no more: beyond all records that it will ever have,
/// so that none is kept for this group.
inline constexpr Offset reads_no_more = offset(std::numeric_limits<std::int64_t>::max());

}  // namespace millrace::log
