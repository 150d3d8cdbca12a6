// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace {

/// CRC-32C (Castagnoli), in hardware where the processor has it. `seed` is the result of an earlier
/// call to continue.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

/// Kafka's murmur2 with seed 0x9747b28c (clients Utils.java); the default partitioner's hash.
[[nodiscard]] std::int32_t murmur2(std::string_view bytes);

/// Kafka's partition of a key: `(murmur2(key) & 0x7fffffff) % partitions`; partitions > 0.
[[nodiscard]] std::int32_t partition_of(std::string_view key, std::int32_t partitions);

/// XXH64 of the bytes.
[[nodiscard]] std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace millrace
