// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/log/record_batch.hpp"

namespace millrace::log::embedded {

/// When the tombstones of a batch may go, by its attributes and base timestamp (KIP-534); nullopt
/// before a compaction has set it.
[[nodiscard]] std::optional<std::int64_t> delete_horizon_ms(const RecordBatchHeader& header);

/// Whether the records of a batch can be neither looked at nor taken out of it here: it is
/// compressed, or a control batch.
[[nodiscard]] bool is_opaque(const RecordBatchHeader& header);

/// Sets `out` to the records of a batch, none when it is opaque. errc::corrupt names `where`.
[[nodiscard]] Status decode_if_plain(std::string_view batch, const RecordBatchHeader& header,
                                     const std::string& where, std::vector<RecordView>& out);

/// Sets `out` to the batch with some of its records left: the same offsets, times and last offset.
/// Without records it is an empty batch without times. `horizon_ms` replaces what
/// delete_horizon_ms() gives.
void rewrite_batch(std::string_view batch, const RecordBatchHeader& header,
                   std::span<const RecordView> records, std::optional<std::int64_t> horizon_ms,
                   std::string& out);

}  // namespace millrace::log::embedded
