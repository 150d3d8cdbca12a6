// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/batch_cutter.hpp"

#include <algorithm>
#include <limits>

#include "millrace/base/assert.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/varint.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::int64_t no_timestamp = -1;

/// One record of the batch that is cut.
struct Piece {
  const char* end;  ///< where the next one begins
  std::int64_t timestamp_ms;
  std::string_view rest;  ///< key, value and headers
};

// Differences of timestamps wrap, as where the batch was made.
std::int64_t wrapping_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

Piece read_piece(const char* at, const char* end, std::int64_t base_timestamp_ms) {
  std::int32_t length = 0;
  at = read_signed_varint(at, end, length);
  MILLRACE_ASSERT(at != nullptr && length > 0 && end - at >= length, "a builder made this batch");
  const char* const body_end = at + length;
  std::int64_t delta = 0;
  std::int32_t number = 0;
  at = read_signed_varint(at + 1, body_end, delta);
  at = read_signed_varint(at, body_end, number);
  const std::int64_t timestamp_ms = wrapping_sum(base_timestamp_ms, delta);
  return {body_end,
          timestamp_ms == 0 ? no_timestamp : timestamp_ms,
          {at, static_cast<std::size_t>(body_end - at)}};
}

struct Stamp {
  std::int32_t records;
  std::int64_t base_timestamp_ms;
  std::int64_t max_timestamp_ms;
};

void write_header(std::string& out, std::size_t begin, const Stamp& stamp,
                  const ProducerId& producer, std::int32_t sequence) {
  char* const batch = out.data() + begin;
  const std::size_t bytes = out.size() - begin;
  store_big<std::int64_t>(batch + batch_layout::base_offset, 0);
  store_big(batch + batch_layout::batch_length,
            static_cast<std::int32_t>(bytes - batch_layout::length_starts_at));
  store_big<std::int32_t>(batch + batch_layout::leader_epoch, -1);
  batch[batch_layout::magic] = batch_layout::magic_value;
  store_big(batch + batch_layout::attributes,
            static_cast<std::int16_t>(batch_layout::transactional_bit));
  store_big(batch + batch_layout::last_offset_delta, stamp.records - 1);
  store_big(batch + batch_layout::base_timestamp, stamp.base_timestamp_ms);
  store_big(batch + batch_layout::max_timestamp, stamp.max_timestamp_ms);
  store_big(batch + batch_layout::producer_id, producer.id);
  store_big(batch + batch_layout::producer_epoch, producer.epoch);
  store_big(batch + batch_layout::base_sequence, sequence);
  store_big(batch + batch_layout::count, stamp.records);
  store_big(batch + batch_layout::crc,
            crc32c({batch + batch_layout::attributes, bytes - batch_layout::attributes}));
}

}  // namespace

std::size_t BatchCutter::next_bytes(const CutPosition& from, std::size_t max_bytes) const {
  const std::size_t begin = std::max(from.byte, record_batch_header_bytes);
  std::int32_t record = 0;
  static_cast<void>(
      read_signed_varint(batch_.data() + begin, batch_.data() + batch_.size(), record));
  return record_batch_header_bytes + std::max(std::min(batch_.size() - begin, max_bytes),
                                              static_cast<std::size_t>(std::max(record, 0)));
}

CutPosition BatchCutter::cut(const CutPosition& from, std::size_t max_bytes,
                             const ProducerId& producer, std::int32_t sequence,
                             std::string& out) const {
  const auto base_ms = load_big<std::int64_t>(batch_.data() + batch_layout::base_timestamp);
  const char* const end = batch_.data() + batch_.size();
  const char* at = batch_.data() + std::max(from.byte, record_batch_header_bytes);
  const std::size_t begin = out.size();
  // What is rewritten is at most as much longer as its timestamps and offsets can grow.
  constexpr std::size_t slack = 10;
  out.append(record_batch_header_bytes, '\0');
  Stamp stamp{0, 0, no_timestamp};
  while (from.record + stamp.records < count_) {
    const Piece piece = read_piece(at, end, base_ms);
    if (stamp.records > 0 &&
        out.size() - begin + static_cast<std::size_t>(piece.end - at) + slack > max_bytes)
      break;
    if (stamp.records == 0) stamp.base_timestamp_ms = piece.timestamp_ms;
    stamp.max_timestamp_ms = std::max(stamp.max_timestamp_ms, piece.timestamp_ms);
    const std::int64_t delta =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(piece.timestamp_ms) -
                                  static_cast<std::uint64_t>(stamp.base_timestamp_ms));
    const std::size_t body =
        1 + signed_varint_bytes(delta) + signed_varint_bytes(stamp.records) + piece.rest.size();
    char head[3 * 10 + 1];
    char* to = write_signed_varint(head, static_cast<std::int64_t>(body));
    *to++ = '\0';
    to = write_signed_varint(to, delta);
    to = write_signed_varint(to, stamp.records);
    out.append(head, static_cast<std::size_t>(to - head)).append(piece.rest);
    at = piece.end;
    ++stamp.records;
  }
  write_header(out, begin, stamp, producer, sequence);
  return {static_cast<std::size_t>(at - batch_.data()), from.record + stamp.records};
}

std::int32_t sequence_after(std::int32_t sequence, std::int32_t records) {
  constexpr std::int32_t last = std::numeric_limits<std::int32_t>::max();
  // After the last number comes 0.
  if (sequence > last - records) return records - (last - sequence) - 1;
  return sequence + records;
}

}  // namespace millrace::log::kafka::wire
