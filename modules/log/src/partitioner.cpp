// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/partitioner.hpp"

#include "millrace/base/assert.hpp"
#include "millrace/base/hash.hpp"

namespace millrace::log {

PartitionId choose_partition(std::optional<std::string_view> key, std::int32_t partitions,
                             Random& random) {
  MILLRACE_ASSERT(partitions > 0, "a topic has at least one partition");
  return partition(
      key ? partition_of(*key, partitions)
          : static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(partitions))));
}

}  // namespace millrace::log
