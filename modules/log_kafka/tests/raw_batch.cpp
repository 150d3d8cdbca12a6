// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "raw_batch.hpp"

#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/varint.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log {
namespace {

void append_varint(std::string& out, std::int64_t value) {
  char room[10];
  out.append(room, write_signed_varint(room, value));
}

/// The value of a transaction marker is a key of the same bytes, too: Kafka reads the one, people
/// the other.
std::string encode(const RawRecord& record, bool key) {
  std::string body(1, '\0');
  append_varint(body, record.timestamp_delta);
  append_varint(body, record.offset_delta);
  append_varint(body, key ? static_cast<std::int64_t>(record.value.size()) : -1);
  if (key) body += record.value;
  append_varint(body, static_cast<std::int64_t>(record.value.size()));
  body += record.value;
  append_varint(body, 0);
  std::string out;
  append_varint(out, static_cast<std::int64_t>(body.size()));
  return out + body;
}

}  // namespace

std::string RawBatch::encoded() const {
  std::string payload;
  for (const RawRecord& record : records)
    payload += encode(record, (attributes & batch_layout::control_bit) != 0);
  unsigned bits = attributes;
  if (compressor != nullptr) {
    payload = compressor->compress(payload);
    bits |= compressor->codec;
  }
  std::string out(record_batch_header_bytes, '\0');
  out += payload;
  char* const at = out.data();
  store_big(at + batch_layout::base_offset, base);
  store_big(at + batch_layout::batch_length,
            static_cast<std::int32_t>(out.size() - batch_layout::length_starts_at));
  at[batch_layout::magic] = batch_layout::magic_value;
  store_big(at + batch_layout::attributes, static_cast<std::int16_t>(bits));
  store_big(at + batch_layout::last_offset_delta,
            last_offset_delta.value_or(records.empty() ? 0 : records.back().offset_delta));
  store_big(at + batch_layout::base_timestamp, base_timestamp_ms);
  store_big(at + batch_layout::max_timestamp, max_timestamp_ms);
  store_big(at + batch_layout::producer_id, producer);
  store_big(at + batch_layout::count, static_cast<std::int32_t>(records.size()));
  seal(out);
  return out;
}

RawBatch raw_batch(std::int64_t base, const std::vector<std::string>& values) {
  RawBatch batch;
  batch.base = base;
  for (const std::string& value : values)
    batch.records.push_back({static_cast<std::int32_t>(batch.records.size()), value, 0});
  return batch;
}

RawBatch transactional(std::int64_t base, std::int64_t producer,
                       const std::vector<std::string>& values) {
  RawBatch batch = raw_batch(base, values);
  batch.producer = producer;
  batch.attributes = batch_layout::transactional_bit;
  return batch;
}

RawBatch marker(std::int64_t base, std::int64_t producer, bool commit) {
  RawBatch batch =
      transactional(base, producer, {std::string("\0\0\0", 3) + (commit ? '\1' : '\0')});
  batch.attributes |= batch_layout::control_bit;
  return batch;
}

void seal(std::string& batch) {
  store_big(batch.data() + batch_layout::crc,
            crc32c(std::string_view(batch).substr(batch_layout::attributes)));
}

}  // namespace millrace::log
