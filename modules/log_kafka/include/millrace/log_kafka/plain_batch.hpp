// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

// Batches as brokers keep them, made readable for log::decode_batch().
namespace millrace::log::kafka {

/// Kinds of records in control batches (Kafka's ControlRecordType.java).
inline constexpr std::int16_t abort_mark = 0;
inline constexpr std::int16_t commit_mark = 1;

/// Appends a whole batch with a good header in the form that decode_batch() reads: decompressed,
/// and without the bit of a control batch. Its checksum does not hold then. errc::corrupt for bytes
/// that are not of the codec or an unknown one, errc::too_large for more than `max_bytes` of
/// records; both name the batch, and `out` stays as it was. Thread-safe.
[[nodiscard]] Status append_plain_batch(std::string_view batch, std::size_t max_bytes,
                                        std::string& out);

/// What a control batch, in the form that append_plain_batch() makes, says: an abort_mark or
/// commit_mark, or another kind; nullopt when compaction emptied it. errc::corrupt.
[[nodiscard]] Result<std::optional<std::int16_t>> control_type(std::string_view plain_batch);

}  // namespace millrace::log::kafka
