// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/batch_rewriter.hpp"

#include <algorithm>

#include "millrace/base/byte_writer.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/varint.hpp"
#include "millrace/log/backend/batch_layout.hpp"

namespace millrace::log::embedded {
namespace {

constexpr unsigned delete_horizon_bit = 0x40;
// Kafka's RecordBatch.NO_TIMESTAMP.
constexpr std::int64_t no_time_ms = -1;

std::int64_t nullable_bytes(const std::optional<std::string_view>& bytes) {
  return bytes ? static_cast<std::int64_t>(
                     signed_varint_bytes(static_cast<std::int64_t>(bytes->size())) + bytes->size())
               : 1;
}

void write_nullable(ByteWriter& out, const std::optional<std::string_view>& bytes) {
  if (bytes) {
    out.varint_text<std::int32_t>(*bytes);
  } else {
    out.varint(std::int32_t{-1});
  }
}

void append_record(ByteWriter& out, const RecordView& record, const RecordBatchHeader& header,
                   std::int64_t base_time_ms) {
  // Wraps, as where a batch is made.
  const auto time_delta = static_cast<std::int64_t>(
      static_cast<std::uint64_t>(record.timestamp_ms) - static_cast<std::uint64_t>(base_time_ms));
  const std::int64_t offset_delta = record.offset.value - header.base_offset.value;
  const std::size_t fixed =
      1 + signed_varint_bytes(time_delta) + signed_varint_bytes(offset_delta) +
      signed_varint_bytes(record.headers.size()) + record.headers.encoded().size();
  out.varint(static_cast<std::int64_t>(fixed) + nullable_bytes(record.key) +
             nullable_bytes(record.value));
  out.byte(0).varint(time_delta).varint(offset_delta);
  write_nullable(out, record.key);
  write_nullable(out, record.value);
  out.varint(record.headers.size()).bytes(record.headers.encoded());
}

}  // namespace

std::optional<std::int64_t> delete_horizon_ms(const RecordBatchHeader& header) {
  const bool set = (static_cast<unsigned>(header.attributes) & delete_horizon_bit) != 0;
  return set ? std::optional(header.base_timestamp_ms) : std::nullopt;
}

bool is_opaque(const RecordBatchHeader& header) {
  return (static_cast<unsigned>(header.attributes) &
          (batch_layout::codec_bits | batch_layout::control_bit)) != 0;
}

Status decode_if_plain(std::string_view batch, const RecordBatchHeader& header,
                       const std::string& where, std::vector<RecordView>& out) {
  out.clear();
  if (is_opaque(header)) {
    return {};
  }
  if (const Status decoded = decode_batch(batch, out); !decoded) {
    return fail(decoded.error().code(), "{}: {}; restore the segment from a backup", where,
                decoded.error().message());
  }
  return {};
}

void rewrite_batch(std::string_view batch, const RecordBatchHeader& header,
                   std::span<const RecordView> records, std::optional<std::int64_t> horizon_ms,
                   std::string& out) {
  // The old base, where it can stay: so no difference to it needs more bytes than before.
  std::int64_t base_time_ms = header.base_timestamp_ms;
  std::int64_t max_time_ms = header.max_timestamp_ms;
  if (records.empty()) {
    // Kafka keeps the max timestamp, and its tool then says that the time index is wrong.
    base_time_ms = no_time_ms;
    max_time_ms = no_time_ms;
  } else {
    if (horizon_ms || delete_horizon_ms(header)) {
      base_time_ms = horizon_ms.value_or(records.front().timestamp_ms);
    }
    max_time_ms = std::max_element(records.begin(), records.end(),
                                   [](const RecordView& a, const RecordView& b) {
                                     return a.timestamp_ms < b.timestamp_ms;
                                   })
                      ->timestamp_ms;
  }
  out.assign(batch.substr(0, record_batch_header_bytes));
  {
    ByteWriter writer(out, batch.size());
    for (const RecordView& record : records) {
      append_record(writer, record, header, base_time_ms);
    }
  }
  unsigned attributes = static_cast<unsigned>(header.attributes) & ~delete_horizon_bit;
  attributes |= horizon_ms ? delete_horizon_bit : 0U;
  char* const at = out.data();
  store_big(at + batch_layout::batch_length,
            static_cast<std::int32_t>(out.size() - batch_layout::length_starts_at));
  store_big(at + batch_layout::attributes, static_cast<std::int16_t>(attributes));
  store_big(at + batch_layout::base_timestamp, base_time_ms);
  store_big(at + batch_layout::max_timestamp, max_time_ms);
  store_big(at + batch_layout::count, static_cast<std::int32_t>(records.size()));
  store_big(at + batch_layout::crc, crc32c(std::string_view(out).substr(batch_layout::attributes)));
}

}  // namespace millrace::log::embedded
