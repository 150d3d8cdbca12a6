// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "segment/transactions.hpp"

#include <string>

#include "millrace/base/endian.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_kafka/plain_batch.hpp"
#include "segment/batch_text.hpp"

namespace millrace::cli {

BatchProducer producer_of(std::string_view batch) {
  return {load_big<std::int64_t>(batch.data() + log::batch_layout::producer_id),
          load_big<std::int16_t>(batch.data() + log::batch_layout::producer_epoch),
          load_big<std::int32_t>(batch.data() + log::batch_layout::base_sequence)};
}

Result<SegmentTransactions> SegmentTransactions::read(log::BatchWalker walker) {
  SegmentTransactions made;
  log::WalkedBatch batch;
  while (true) {
    const auto found = walker.next(batch);
    // Damage is reported by the walk that prints.
    if (!found && !found.error().is(log::errc::corrupt)) return fail(found.error());
    if (!found || !*found) return made;
    if (batch.checksum_holds) made.take(batch);
  }
}

void SegmentTransactions::take(const log::WalkedBatch& batch) {
  if (!has_bit(batch.header, log::batch_layout::transactional_bit)) return;
  const std::int64_t producer = producer_of(batch.bytes).id;
  if (!has_bit(batch.header, log::batch_layout::control_bit)) {
    open_.try_emplace(producer, batch.header.base_offset);
    return;
  }
  std::string plain;
  if (!log::kafka::append_plain_batch(batch.bytes, plain_batch_bytes_max, plain)) return;
  const auto type = log::kafka::control_type(plain);
  const auto begun = open_.find(producer);
  if (!type || begun == open_.end()) return;
  if (*type == log::kafka::abort_mark) {
    aborted_.insert({{producer, begun->second}, batch.header.base_offset});
  }
  open_.erase(begun);
}

SegmentTransactions::Outcome SegmentTransactions::of(std::int64_t producer_id,
                                                     log::Offset base) const {
  const auto open = open_.find(producer_id);
  if (open != open_.end() && base >= open->second) return Outcome::open;
  auto after = aborted_.upper_bound({producer_id, base});
  if (after == aborted_.begin()) return Outcome::committed;
  const auto& [first, mark] = *--after;
  return first.first == producer_id && base < mark ? Outcome::aborted : Outcome::committed;
}

}  // namespace millrace::cli
