// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "raw_batch.hpp"
#include "wire/record_set.hpp"

namespace millrace::log::kafka::wire {

inline constexpr std::size_t ample = 1U << 30U;

using Aborted = std::vector<AbortedTransaction>;

inline RecordSet set_of(std::string bytes, Aborted aborted = {}) {
  const auto owner = std::make_shared<const std::string>(std::move(bytes));
  return {owner, *owner, std::move(aborted)};
}
inline RecordSet set_of(const std::vector<RawBatch>& batches, Aborted aborted = {}) {
  std::string bytes;
  for (const RawBatch& batch : batches)
    bytes += batch.encoded();
  return set_of(std::move(bytes), std::move(aborted));
}

/// What is read, as `offset:value`.
inline std::vector<std::string> text_of(const FetchBuffer& buffer) {
  std::vector<std::string> out;
  for (const RecordView& record : buffer.records)
    out.push_back(std::to_string(record.offset.value) + ":" + std::string(*record.value));
  return out;
}

/// A reader that takes once.
struct Taken {
  FetchBuffer buffer;
  Offset next;
  Status status;
  std::vector<std::string> text;
};
inline Taken take(RecordSet& set, Offset from, std::size_t max_bytes = ample) {
  Taken taken{{}, from, {}, {}};
  taken.status = set.take(max_bytes, taken.next, taken.buffer);
  if (taken.status) taken.status = decode_batches(taken.buffer, from);
  taken.text = text_of(taken.buffer);
  return taken;
}
inline Taken take(RecordSet&& set, Offset from) { return take(set, from); }

}  // namespace millrace::log::kafka::wire
