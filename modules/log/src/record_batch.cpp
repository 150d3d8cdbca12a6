// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/record_batch.hpp"

#include <algorithm>

#include "millrace/base/byte_writer.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/record_size.hpp"

namespace millrace::log {

namespace {

// A buffer that grew beyond this for one large batch is given back by clear().
constexpr std::size_t kept_capacity = 1U << 20U;

char* write_nullable(char* out, const std::optional<std::string_view>& bytes) {
  if (!bytes) {
    return write_signed_varint(out, -1);
  }
  out = write_signed_varint(out, static_cast<std::int64_t>(bytes->size()));
  return copy_bytes(out, *bytes);
}

std::size_t nullable_bytes(const std::optional<std::string_view>& bytes) {
  return bytes ? signed_varint_bytes(static_cast<std::int64_t>(bytes->size())) + bytes->size() : 1;
}

// Differences of timestamps wrap, so that any two of them can stand in one batch.
std::int64_t wrapping_difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

/// Encoded size of a record without its own length field.
std::size_t record_body_bytes(const Record& record, std::int64_t timestamp_delta,
                              std::int32_t offset_delta) {
  return 1 + signed_varint_bytes(timestamp_delta) + signed_varint_bytes(offset_delta) +
         nullable_bytes(record.key) + nullable_bytes(record.value) +
         signed_varint_bytes(record.headers.size()) + record.headers.encoded().size();
}

}  // namespace

std::size_t record_bytes(const Record& record) { return record_body_bytes(record, 0, 0); }

void RecordBatchBuilder::add(const Record& record) {
  if (count_ == 0) {
    buffer_.assign(record_batch_header_bytes, '\0');
    base_timestamp_ms_ = record.timestamp_ms;
    max_timestamp_ms_ = record.timestamp_ms;
  }
  max_timestamp_ms_ = std::max(max_timestamp_ms_, record.timestamp_ms);
  const std::int64_t timestamp_delta = wrapping_difference(record.timestamp_ms, base_timestamp_ms_);
  const std::size_t body = record_body_bytes(record, timestamp_delta, count_);
  const std::size_t old_size = buffer_.size();
  const std::size_t new_size =
      old_size + signed_varint_bytes(static_cast<std::int64_t>(body)) + body;
  if (new_size > buffer_.capacity()) {
    buffer_.reserve(std::max(new_size, buffer_.capacity() * 2));
  }
  buffer_.resize_and_overwrite(new_size, [&](char* data, std::size_t size) {
    char* at = write_signed_varint(data + old_size, static_cast<std::int64_t>(body));
    *at++ = 0;
    at = write_signed_varint(at, timestamp_delta);
    at = write_signed_varint(at, count_);
    at = write_nullable(at, record.key);
    at = write_nullable(at, record.value);
    at = write_signed_varint(at, record.headers.size());
    copy_bytes(at, record.headers.encoded());
    return size;
  });
  ++count_;
}

std::string_view RecordBatchBuilder::finish() {
  if (buffer_.empty()) {
    buffer_.assign(record_batch_header_bytes, '\0');
  }
  char* const batch = buffer_.data();
  store_big<std::int64_t>(batch + batch_layout::base_offset, 0);
  store_big(batch + batch_layout::batch_length,
            static_cast<std::int32_t>(buffer_.size() - batch_layout::length_starts_at));
  store_big<std::int32_t>(batch + batch_layout::leader_epoch, 0);
  batch[batch_layout::magic] = batch_layout::magic_value;
  store_big<std::int16_t>(batch + batch_layout::attributes, 0);
  store_big(batch + batch_layout::last_offset_delta, std::max(count_ - 1, 0));
  store_big(batch + batch_layout::base_timestamp, base_timestamp_ms_);
  store_big(batch + batch_layout::max_timestamp, max_timestamp_ms_);
  store_big<std::int64_t>(batch + batch_layout::producer_id, -1);
  store_big<std::int16_t>(batch + batch_layout::producer_epoch, -1);
  store_big<std::int32_t>(batch + batch_layout::base_sequence, -1);
  store_big(batch + batch_layout::count, count_);
  const std::string_view bytes = buffer_;
  store_big(batch + batch_layout::crc, crc32c(bytes.substr(batch_layout::attributes)));
  return bytes;
}

void RecordBatchBuilder::clear() {
  if (buffer_.capacity() > kept_capacity) {
    std::string().swap(buffer_);
  } else {
    buffer_.clear();
  }
  count_ = 0;
  base_timestamp_ms_ = 0;
  max_timestamp_ms_ = 0;
}

void set_base_offset(char* batch, Offset base) {
  store_big(batch + batch_layout::base_offset, base.value);
}

bool batch_checksum_holds(std::string_view batch) {
  return batch.size() >= record_batch_header_bytes &&
         load_big<std::uint32_t>(batch.data() + batch_layout::crc) ==
             crc32c(batch.substr(batch_layout::attributes));
}

}  // namespace millrace::log
