// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log_kafka/plain_batch.hpp"

#include <vector>

#include "millrace/base/endian.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"
#include "wire/compression.hpp"

namespace millrace::log::kafka {
namespace {

std::string batch_name(std::string_view batch) {
  return "the batch at offset " +
         std::to_string(load_big<std::int64_t>(batch.data() + batch_layout::base_offset));
}

}  // namespace

Status append_plain_batch(std::string_view batch, std::size_t max_bytes, std::string& out) {
  const auto attributes =
      static_cast<unsigned>(load_big<std::uint16_t>(batch.data() + batch_layout::attributes));
  const unsigned codec = attributes & batch_layout::codec_bits;
  const std::size_t start = out.size();
  if (codec == 0) {
    if (batch.size() - record_batch_header_bytes > max_bytes) {
      return fail(errc::too_large, batch_name(batch) + ": its records have more than " +
                                       std::to_string(max_bytes) + " bytes");
    }
    out.append(batch);
  } else {
    out.append(batch.substr(0, record_batch_header_bytes));
    const Status status =
        wire::decompress(codec, batch.substr(record_batch_header_bytes), max_bytes, out);
    if (!status) {
      out.resize(start);
      return fail(status.error().at(batch_name(batch)));
    }
  }
  char* const plain = out.data() + start;
  store_big(plain + batch_layout::attributes,
            static_cast<std::uint16_t>(attributes &
                                       ~(batch_layout::codec_bits | batch_layout::control_bit)));
  store_big(plain + batch_layout::batch_length,
            static_cast<std::int32_t>(out.size() - start - batch_layout::length_starts_at));
  return {};
}

Result<std::optional<std::int16_t>> control_type(std::string_view plain_batch) {
  std::vector<RecordView> records;
  MILLRACE_TRY(decode_batch(plain_batch, records));
  if (records.empty()) {
    return std::nullopt;
  }
  constexpr std::size_t version_bytes = 2;
  const std::string_view key = records.front().key.value_or("");
  if (key.size() < 2 * version_bytes || load_big<std::int16_t>(key.data()) < 0) {
    return fail(errc::corrupt,
                batch_name(plain_batch) + " is a transaction marker with a malformed key");
  }
  return load_big<std::int16_t>(key.data() + version_bytes);
}

}  // namespace millrace::log::kafka
