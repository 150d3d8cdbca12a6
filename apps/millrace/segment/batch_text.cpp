// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "segment/batch_text.hpp"

#include <array>
#include <utility>

#include "millrace/base/endian.hpp"
#include "millrace/base/time_text.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace layout = log::batch_layout;

bool ShownBatch::is_control() const { return has_bit(walked.header, layout::control_bit); }

ShownBatch shown_batch(const log::WalkedBatch& batch, const SegmentTransactions& transactions) {
  ShownBatch shown{batch, producer_of(batch.bytes), {}};
  if (has_bit(batch.header, layout::transactional_bit) && !shown.is_control()) {
    constexpr std::array<std::string_view, 4> names{"committed", "aborted", "open", "unknown"};
    const auto outcome = transactions.of(shown.producer.id, batch.header.base_offset);
    shown.transaction = names[static_cast<std::size_t>(outcome)];
  }
  return shown;
}

std::string codec_text(const log::RecordBatchHeader& header) {
  constexpr std::array<const char*, 5> names{"none", "gzip", "snappy", "lz4", "zstd"};
  const unsigned codec = static_cast<unsigned>(header.attributes) & layout::codec_bits;
  return codec < names.size() ? names[codec] : "codec " + std::to_string(codec);
}

std::string batch_line(const ShownBatch& batch) {
  const log::RecordBatchHeader& header = batch.walked.header;
  std::string line = batch.is_control() ? "control batch " : "batch ";
  line += std::to_string(header.base_offset.value) + "-" +
          std::to_string(batch.walked.last_offset().value) + " at byte " +
          std::to_string(batch.walked.position) + ": " +
          counted(static_cast<std::size_t>(header.count), "record") + ", " +
          counted(header.bytes, "byte") + ", " + format_time(header.base_timestamp_ms) + " to " +
          format_time(header.max_timestamp_ms) + ", codec " + codec_text(header);
  if (batch.producer.id >= 0) {
    line += ", producer " + std::to_string(batch.producer.id) + " epoch " +
            std::to_string(batch.producer.epoch) + " sequence " +
            std::to_string(batch.producer.sequence);
  }
  if (!batch.transaction.empty()) line.append(", transaction ").append(batch.transaction);
  return line + (batch.walked.checksum_holds ? ", checksum ok" : ", CHECKSUM WRONG");
}

const std::vector<std::string>& batch_headings() {
  static const std::vector<std::string> headings{"OFFSET",   "LAST",     "POSITION", "BYTES",
                                                 "RECORDS",  "MAX TIME", "CODEC",    "PRODUCER",
                                                 "SEQUENCE", "KIND",     "CHECKSUM"};
  return headings;
}

std::vector<std::string> batch_cells(const ShownBatch& batch) {
  const log::RecordBatchHeader& header = batch.walked.header;
  const bool known = batch.producer.id >= 0;
  std::string kind = "-";
  if (!batch.transaction.empty()) kind = batch.transaction;
  if (batch.is_control()) kind = "control";
  return {
      std::to_string(header.base_offset.value),
      std::to_string(batch.walked.last_offset().value),
      std::to_string(batch.walked.position),
      std::to_string(header.bytes),
      std::to_string(header.count),
      format_time(header.max_timestamp_ms),
      codec_text(header),
      known ? std::to_string(batch.producer.id) + ":" + std::to_string(batch.producer.epoch) : "-",
      known ? std::to_string(batch.producer.sequence) : "-",
      std::move(kind),
      batch.walked.checksum_holds ? "ok" : "WRONG"};
}

void write_batch(JsonWriter& out, const ShownBatch& batch) {
  const log::RecordBatchHeader& header = batch.walked.header;
  out.begin_object()
      .field("kind", "batch")
      .field("base_offset", header.base_offset.value)
      .field("last_offset", batch.walked.last_offset().value)
      .field("count", header.count)
      .field("position", batch.walked.position)
      .field("bytes", header.bytes)
      .field("base_time", format_time(header.base_timestamp_ms))
      .field("max_time", format_time(header.max_timestamp_ms))
      .field("codec", codec_text(header))
      .field("transactional", has_bit(header, layout::transactional_bit))
      .field("control", batch.is_control())
      .field("leader_epoch",
             load_big<std::int32_t>(batch.walked.bytes.data() + layout::leader_epoch))
      .field("producer_id", batch.producer.id)
      .field("producer_epoch", batch.producer.epoch)
      .field("base_sequence", batch.producer.sequence);
  if (!batch.transaction.empty()) out.field("transaction", batch.transaction);
  out.field("checksum_ok", batch.walked.checksum_holds).end_object();
}

std::string control_text(std::int16_t type) {
  constexpr std::array<const char*, 7> names{"abort",           "commit",          "leader-change",
                                             "snapshot-header", "snapshot-footer", "kraft-version",
                                             "kraft-voters"};
  return type >= 0 && static_cast<std::size_t>(type) < names.size()
             ? names[static_cast<std::size_t>(type)]
             : "control record " + std::to_string(type);
}

}  // namespace millrace::cli
