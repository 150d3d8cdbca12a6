// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "millrace/base/random.hpp"
#include "millrace/log/types.hpp"

namespace millrace::log {

/// Chooses the partition of a record; `partitions` is above 0. With a key it uses Kafka's murmur2
/// partitioner (Utils.java, BuiltInPartitioner.java), so the result is the same on every backend
/// and for Kafka's own clients. Without a key the partition is random. Thread-safe if `random` is.
[[nodiscard]] PartitionId choose_partition(std::optional<std::string_view> key,
                                           std::int32_t partitions, Random& random);

}  // namespace millrace::log
