// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "support/plain_batch.hpp"

#include "millrace/base/hash.hpp"
#include "support/arguments.hpp"

namespace millrace::bench {
namespace {

constexpr std::size_t length_at = 8, magic_at = 16, crc_at = 17, count_at = 57, covered_at = 21;
constexpr std::size_t record_overhead_max = 40;

char* put_varint(char* at, std::int64_t signed_value) {
  auto value = (static_cast<std::uint64_t>(signed_value) << 1U) ^
               static_cast<std::uint64_t>(signed_value >> 63);
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80U);
    value >>= 7U;
  }
  *at++ = static_cast<char>(value);
  return at;
}

std::size_t varint_bytes(std::int64_t signed_value) {
  const auto value = (static_cast<std::uint64_t>(signed_value) << 1U) ^
                     static_cast<std::uint64_t>(signed_value >> 63);
  return (static_cast<std::size_t>(std::bit_width(value | 1U)) + 6) / 7;
}

char* put_bytes(char* at, std::string_view bytes) {
  at = put_varint(at, static_cast<std::int64_t>(bytes.size()));
  std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

template <class T>
void put_big_endian(char* at, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = sizeof bits; i-- > 0;) {
    at[i] = static_cast<char>(bits & 0xffU);
    if constexpr (sizeof bits > 1) bits >>= 8U;
  }
}

std::uint32_t get_big_endian32(const char* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}

}  // namespace

void PlainBatch::add(const RecordSource::Raw& record) {
  const std::size_t room = size_ + record.key.size() + record.value.size() + record_overhead_max;
  if (buffer_.size() < room) buffer_.resize(room * 2);
  if (count_ == 0) base_timestamp_ms_ = record.timestamp_ms;
  timestamp_ms_ = record.timestamp_ms;
  const std::int64_t timestamp_delta = record.timestamp_ms - base_timestamp_ms_;
  const std::size_t body =
      1 + varint_bytes(timestamp_delta) + varint_bytes(count_) +
      varint_bytes(static_cast<std::int64_t>(record.key.size())) + record.key.size() +
      varint_bytes(static_cast<std::int64_t>(record.value.size())) + record.value.size() + 1;
  char* at = put_varint(buffer_.data() + size_, static_cast<std::int64_t>(body));
  *at++ = 0;
  at = put_varint(at, timestamp_delta);
  at = put_varint(at, count_);
  at = put_bytes(at, record.key);
  at = put_bytes(at, record.value);
  *at++ = 0;
  size_ = static_cast<std::size_t>(at - buffer_.data());
  count_ += 1;
}

std::string_view PlainBatch::finish(std::int64_t base_offset) {
  char* batch = buffer_.data();
  put_big_endian<std::int64_t>(batch, base_offset);
  put_big_endian<std::int32_t>(batch + length_at, static_cast<std::int32_t>(size_ - 12));
  put_big_endian<std::int32_t>(batch + 12, 0);
  batch[magic_at] = 2;
  put_big_endian<std::int16_t>(batch + 21, 0);
  put_big_endian<std::int32_t>(batch + 23, count_ - 1);
  put_big_endian<std::int64_t>(batch + 27, base_timestamp_ms_);
  put_big_endian<std::int64_t>(batch + 35, timestamp_ms_);
  put_big_endian<std::int64_t>(batch + 43, -1);
  put_big_endian<std::int16_t>(batch + 51, -1);
  put_big_endian<std::int32_t>(batch + 53, -1);
  put_big_endian<std::int32_t>(batch + count_at, count_);
  const std::string_view covered(batch + covered_at, size_ - covered_at);
  put_big_endian<std::uint32_t>(batch + crc_at, crc32c(covered));
  return {batch, size_};
}

bool PlainBatchReader::next_batch(std::string_view& bytes) {
  if (bytes.size() < PlainBatch::header_bytes) return false;
  const std::size_t size = get_big_endian32(bytes.data() + length_at) + 12ULL;
  if (bytes[magic_at] != 2 || bytes.size() < size) return false;
  if (crc32c(bytes.substr(covered_at, size - covered_at)) !=
      get_big_endian32(bytes.data() + crc_at))
    give_up("a plain batch does not check");
  left_ = static_cast<std::int32_t>(get_big_endian32(bytes.data() + count_at));
  cursor_ = bytes.data() + PlainBatch::header_bytes;
  bytes.remove_prefix(size);
  return true;
}

}  // namespace millrace::bench
