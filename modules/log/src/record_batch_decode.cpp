// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <limits>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log {

namespace {

constexpr std::string_view codec_names[] = {"none", "gzip",        "snappy",      "lz4",
                                            "zstd", "5 (unknown)", "6 (unknown)", "7 (unknown)"};

// Room that is made before a record was read: the count of a damaged batch may be any.
constexpr std::size_t reserved_records_max = 16U << 10U;

std::unexpected<Error> bad(std::string message) { return fail(errc::corrupt, std::move(message)); }

std::optional<std::string_view> read_nullable(ByteReader& in) {
  constexpr std::int32_t null = -1;
  const auto size = in.varint<std::int32_t>();
  return size == null ? std::nullopt : std::optional<std::string_view>(in.bytes(size));
}

HeadersView read_headers(ByteReader& in) {
  const auto count = in.varint<std::int32_t>();
  const std::string_view encoded = in.rest();
  std::string_view rest = encoded;
  HeaderView header;
  for (std::int32_t i = 0; i < count; ++i) {
    if (!HeadersView::next(rest, header)) {
      in.fail();
      return {};
    }
  }
  if (count < 0) {
    in.fail();
  }
  return {in.bytes(encoded.size() - rest.size()), std::max(count, 0)};
}

// Reads one record; the offset of the one before it is `last_delta`.
bool decode_record(ByteReader& records, const RecordBatchHeader& header, std::int32_t& last_delta,
                   RecordView& out) {
  ByteReader body(records.varint_text<std::int32_t>());
  body.byte();
  const auto timestamp_delta = body.varint<std::int64_t>();
  const auto offset_delta = body.varint<std::int32_t>();
  out.key = read_nullable(body);
  out.value = read_nullable(body);
  out.headers = read_headers(body);
  if (!body.ok() || !body.at_end()) {
    return false;
  }
  if (offset_delta <= last_delta || offset_delta > header.last_offset_delta) {
    return false;
  }
  last_delta = offset_delta;
  out.offset = offset(header.base_offset.value + offset_delta);
  const bool append_time =
      (static_cast<unsigned>(header.attributes) & batch_layout::log_append_time_bit) != 0;
  // Wraps like the encoder.
  out.timestamp_ms =
      append_time ? header.max_timestamp_ms
                  : static_cast<std::int64_t>(static_cast<std::uint64_t>(header.base_timestamp_ms) +
                                              static_cast<std::uint64_t>(timestamp_delta));
  return true;
}

Status check_header(const RecordBatchHeader& header, std::string_view batch) {
  if (header.bytes != batch.size()) {
    return bad("the batch says it has " + std::to_string(header.bytes) + " bytes, there are " +
               std::to_string(batch.size()));
  }
  const auto attributes = static_cast<unsigned>(header.attributes);
  if ((attributes & batch_layout::codec_bits) != 0) {
    return bad("the batch at offset " + std::to_string(header.base_offset.value) +
               " is compressed with " +
               std::string(codec_names[attributes & batch_layout::codec_bits]) +
               ", which is not supported");
  }
  if ((attributes & batch_layout::control_bit) != 0) {
    return bad("the batch at offset " + std::to_string(header.base_offset.value) +
               " is a control batch, which is not supported");
  }
  return {};
}

}  // namespace

Result<RecordBatchHeader> read_batch_header(std::string_view bytes) {
  if (bytes.size() < record_batch_header_bytes) {
    return bad("a batch of " + std::to_string(bytes.size()) + " bytes is shorter than its header");
  }
  const char* const at = bytes.data();
  if (at[batch_layout::magic] != batch_layout::magic_value) {
    return bad("the batch has magic " + std::to_string(static_cast<int>(at[batch_layout::magic])) +
               ", expected 2");
  }
  const auto length = load_big<std::int32_t>(at + batch_layout::batch_length);
  if (length <
      static_cast<std::int32_t>(record_batch_header_bytes - batch_layout::length_starts_at)) {
    return bad("the batch has length " + std::to_string(length) + ", less than its header");
  }
  RecordBatchHeader header;
  header.base_offset = offset(load_big<std::int64_t>(at + batch_layout::base_offset));
  header.bytes = static_cast<std::size_t>(length) + batch_layout::length_starts_at;
  header.count = load_big<std::int32_t>(at + batch_layout::count);
  header.last_offset_delta = load_big<std::int32_t>(at + batch_layout::last_offset_delta);
  header.crc = load_big<std::uint32_t>(at + batch_layout::crc);
  header.base_timestamp_ms = load_big<std::int64_t>(at + batch_layout::base_timestamp);
  header.max_timestamp_ms = load_big<std::int64_t>(at + batch_layout::max_timestamp);
  header.attributes = load_big<std::int16_t>(at + batch_layout::attributes);
  if (header.last_offset_delta < 0 || header.base_offset.value < 0 ||
      header.base_offset.value >=
          std::numeric_limits<std::int64_t>::max() - header.last_offset_delta) {
    return bad("the batch has base offset " + std::to_string(header.base_offset.value) +
               " and last offset delta " + std::to_string(header.last_offset_delta));
  }
  // Compaction may leave gaps, so there can be fewer records than offsets. A compressed batch says
  // nothing about its records' size.
  const std::size_t room = header.bytes - record_batch_header_bytes;
  const bool compressed =
      (static_cast<unsigned>(header.attributes) & batch_layout::codec_bits) != 0;
  if (header.count < 0 || header.count > static_cast<std::int64_t>(header.last_offset_delta) + 1 ||
      (!compressed &&
       static_cast<std::size_t>(header.count) > room / batch_layout::smallest_record_bytes)) {
    return bad("the batch has a count of " + std::to_string(header.count) + " records in " +
               std::to_string(room) + " bytes with last offset delta " +
               std::to_string(header.last_offset_delta));
  }
  return header;
}

Status decode_batch(std::string_view batch, std::vector<RecordView>& out) {
  MILLRACE_ASSIGN(const RecordBatchHeader header, read_batch_header(batch));
  MILLRACE_TRY(check_header(header, batch));
  const std::size_t old_size = out.size();
  const std::size_t new_size =
      old_size + std::min(static_cast<std::size_t>(header.count), reserved_records_max);
  if (new_size > out.capacity()) {
    out.reserve(std::max(new_size, out.capacity() * 2));
  }
  ByteReader records(batch.substr(record_batch_header_bytes));
  std::int32_t last_delta = -1;
  for (std::int32_t i = 0; i < header.count; ++i) {
    const std::size_t position = batch.size() - records.left();
    if (!decode_record(records, header, last_delta, out.emplace_back())) {
      out.resize(old_size);
      return bad("record " + std::to_string(i) + " of the batch at offset " +
                 std::to_string(header.base_offset.value) + " is malformed, at byte " +
                 std::to_string(position));
    }
  }
  if (!records.at_end()) {
    out.resize(old_size);
    return bad("the batch at offset " + std::to_string(header.base_offset.value) + " has " +
               std::to_string(records.left()) + " bytes after its last record");
  }
  return {};
}

}  // namespace millrace::log
