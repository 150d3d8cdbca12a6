// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/assert.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "wire/compression.hpp"
#include "wire/record_set.hpp"

using namespace millrace::log;
using namespace millrace::log::kafka::wire;

namespace {

constexpr std::size_t settings_bytes = 8;

// Makes the checksums right, so that what lies behind them is reached.
void seal_all(std::string& bytes) {
  for (std::size_t at = 0; at + record_batch_header_bytes <= bytes.size();) {
    const auto header = read_batch_header(std::string_view(bytes).substr(at));
    if (!header || header->bytes > bytes.size() - at) return;
    millrace::store_big(
        bytes.data() + at + batch_layout::crc,
        millrace::crc32c(std::string_view(bytes).substr(at + batch_layout::attributes,
                                                        header->bytes - batch_layout::attributes)));
    at += header->bytes;
  }
}

// Makes batches of the input: attributes, producer, count, bytes and then these.
std::string batches_of(std::string_view input) {
  constexpr std::size_t fields = 4;
  std::string out;
  std::int64_t base = 0;
  while (input.size() >= fields) {
    const auto field = [&](std::size_t i) { return static_cast<unsigned char>(input[i]); };
    const std::string_view payload = input.substr(fields, std::size_t{4} * field(3));
    std::string batch(record_batch_header_bytes, '\0');
    millrace::store_big(batch.data() + batch_layout::base_offset, base);
    millrace::store_big(
        batch.data() + batch_layout::batch_length,
        static_cast<std::int32_t>(batch.size() + payload.size() - batch_layout::length_starts_at));
    batch[batch_layout::magic] = batch_layout::magic_value;
    millrace::store_big(batch.data() + batch_layout::attributes, std::int16_t{field(0)});
    millrace::store_big(batch.data() + batch_layout::last_offset_delta, std::int32_t{field(2)});
    millrace::store_big(batch.data() + batch_layout::producer_id, std::int64_t{field(1)} % 4);
    millrace::store_big(batch.data() + batch_layout::count, std::int32_t{field(2)} % 8);
    out += batch;
    out += payload;
    base += field(2) + 1;
    input.remove_prefix(fields + payload.size());
  }
  return out;
}

void check_decompress(unsigned codec, std::string_view in) {
  constexpr std::size_t limit = 1U << 20U;
  std::string out = "before";
  const auto status = decompress(codec, in, limit, out);
  MILLRACE_ASSERT(status || out == "before", "a failure leaves nothing behind");
  MILLRACE_ASSERT(out.size() <= limit + 6 && out.starts_with("before"), "within the limit");
}

/// Reads a set to its end or to its first failure and returns the sum of what it showed.
std::size_t read_all(RecordSet set, Offset from, std::size_t max_bytes, bool& failed) {
  std::size_t shown = 0;
  Offset next = from;
  FetchBuffer buffer;
  failed = false;
  while (set.bytes() != 0) {
    const Offset before = next;
    const std::size_t left = set.bytes();
    buffer.bytes.clear();
    if (!set.take(max_bytes, next, buffer) || !decode_batches(buffer, before)) {
      failed = true;
      return shown;
    }
    MILLRACE_ASSERT(next >= before && set.bytes() < left, "a reader gets on");
    Offset last = offset(-1);
    for (const RecordView& record : buffer.records) {
      MILLRACE_ASSERT(record.offset >= before && record.offset < next && record.offset > last,
                      "records lie between where a reader was and where it continues, in order");
      last = record.offset;
    }
    shown += buffer.records.size();
  }
  return shown;
}

}  // namespace

// Any bytes are read or refused, a set in small steps as in one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < settings_bytes) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto setting = [&](std::size_t i) { return static_cast<unsigned char>(input[i]); };
  const std::string_view rest = input.substr(settings_bytes);
  check_decompress(setting(0) % 8U, rest);
  const bool made = (setting(1) & 2U) != 0;
  const auto bytes = std::make_shared<std::string>(made ? batches_of(rest) : std::string(rest));
  if ((setting(1) & 1U) != 0) seal_all(*bytes);
  const std::vector<AbortedTransaction> aborted{{setting(2) % 4, offset(setting(3))},
                                                {setting(4) % 4, offset(setting(5))}};
  const RecordSet set(bytes, *bytes, aborted);
  const Offset from = offset(setting(6));
  bool failed = false;
  bool failed_in_one = false;
  const std::size_t shown = read_all(set, from, setting(7), failed);
  const std::size_t shown_in_one = read_all(set, from, std::size_t{1} << 30U, failed_in_one);
  MILLRACE_ASSERT(failed == failed_in_one, "both fail or none does");
  MILLRACE_ASSERT(failed || shown == shown_in_one, "both see the same");
  return 0;
}
