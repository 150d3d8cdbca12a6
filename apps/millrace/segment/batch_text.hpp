// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/json_writer.hpp"
#include "millrace/log_embedded/batch_walker.hpp"
#include "segment/transactions.hpp"

namespace millrace::cli {

/// The largest batch that is read, and the largest body that is decompressed.
inline constexpr std::size_t plain_batch_bytes_max = 128U << 20U;
/// No batch with more records is opened: each takes about 90 bytes of memory.
inline constexpr std::int32_t opened_records_max = 1 << 20;

[[nodiscard]] inline bool has_bit(const log::RecordBatchHeader& header, unsigned bit) {
  return (static_cast<unsigned>(header.attributes) & bit) != 0;
}

/// A batch of a segment, as it is shown.
struct ShownBatch {
  log::WalkedBatch walked;
  BatchProducer producer;
  /// `committed`, `aborted`, `open` or `unknown`; empty when the batch is in no transaction, or is
  /// a marker.
  std::string_view transaction;
  [[nodiscard]] bool is_control() const;
  [[nodiscard]] bool is_aborted() const { return transaction == "aborted"; }
};
[[nodiscard]] ShownBatch shown_batch(const log::WalkedBatch& batch,
                                     const SegmentTransactions& transactions);

/// `none`, `gzip`, ..., `codec 5`.
[[nodiscard]] std::string codec_text(const log::RecordBatchHeader& header);
/// `batch 0-2 at byte 0: 3 records, ...`
[[nodiscard]] std::string batch_line(const ShownBatch& batch);
/// Headings and cells of a table of batches.
[[nodiscard]] const std::vector<std::string>& batch_headings();
[[nodiscard]] std::vector<std::string> batch_cells(const ShownBatch& batch);
void write_batch(JsonWriter& out, const ShownBatch& batch);
/// `abort`, `commit`, ..., `control record 9`.
[[nodiscard]] std::string control_text(std::int16_t type);

}  // namespace millrace::cli
