// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "millrace/base/random.hpp"
#include "millrace/log/types.hpp"

namespace millrace::log {

/// The partition of a record among `partitions` > 0: of a key by Kafka's murmur2 partitioner
/// (Utils.java, BuiltInPartitioner.java), the same on every backend and for Kafka's own clients;
/// without a key any one, drawn from `random`. Thread-safe as far as `random` is.
[[nodiscard]] PartitionId choose_partition(std::optional<std::string_view> key,
                                           std::int32_t partitions, Random& random);

}  // namespace millrace::log
