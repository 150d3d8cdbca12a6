// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "segment/transactions.hpp"

#include <limits>
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

Result<SegmentTransactions> SegmentTransactions::read(log::BatchWalker walker,
                                                      const std::atomic<bool>& stop,
                                                      std::size_t held_max) {
  SegmentTransactions made(held_max);
  log::WalkedBatch batch;
  while (!stop) {
    const auto found = walker.next(batch);
    if (!found) {
      // Damage is reported by the walk that prints.
      const bool ends_here =
          found.error().is(log::errc::corrupt) || found.error().is(log::errc::too_large);
      if (!ends_here) {
        return fail(found.error());
      }
      // What lies behind may have their transaction markers.
      made.lose_open(log::offset(std::numeric_limits<std::int64_t>::max()));
      return made;
    }
    if (!*found) {
      return made;
    }
    made.take(batch);
  }
  return made;
}

void SegmentTransactions::take(const log::WalkedBatch& batch) {
  if (!batch.checksum_holds) {
    // It may be the marker of any of them.
    lose_open(batch.header.base_offset);
    return;
  }
  if (!has_bit(batch.header, log::batch_layout::transactional_bit)) {
    return;
  }
  if (has_bit(batch.header, log::batch_layout::control_bit)) {
    take_marker(batch);
    return;
  }
  const std::int64_t producer = producer_of(batch.bytes).id;
  if (full_from_ || open_.contains(producer)) {
    return;
  }
  if (open_.size() + ended_.size() >= held_max_) {
    full_from_ = batch.header.base_offset;
    return;
  }
  open_.emplace(producer, batch.header.base_offset);
}

void SegmentTransactions::take_marker(const log::WalkedBatch& batch) {
  const std::int64_t producer = producer_of(batch.bytes).id;
  const auto begun = open_.find(producer);
  if (begun == open_.end()) {
    return;
  }
  std::string plain;
  Outcome outcome = Outcome::unknown;
  if (batch.header.count <= opened_records_max &&
      log::kafka::append_plain_batch(batch.bytes, plain_batch_bytes_max, plain)) {
    const auto type = log::kafka::control_type(plain);
    if (type && *type == log::kafka::abort_mark) {
      outcome = Outcome::aborted;
    } else if (type && *type == log::kafka::commit_mark) {
      outcome = Outcome::committed;
    }
  }
  if (outcome != Outcome::committed) {
    ended_.insert({{producer, begun->second}, {batch.header.base_offset, outcome}});
  }
  open_.erase(begun);
}

/// The outcome of all that are open before `end` is not known.
void SegmentTransactions::lose_open(log::Offset end) {
  for (const auto& [producer, first] : open_) {
    ended_.insert({{producer, first}, {end, Outcome::unknown}});
  }
  open_.clear();
}

SegmentTransactions::Outcome SegmentTransactions::of(std::int64_t producer_id,
                                                     log::Offset base) const {
  if (full_from_ && base >= *full_from_) {
    return Outcome::unknown;
  }
  const auto open = open_.find(producer_id);
  if (open != open_.end() && base >= open->second) {
    return Outcome::open;
  }
  auto after = ended_.upper_bound({producer_id, base});
  if (after == ended_.begin()) {
    return Outcome::committed;
  }
  const auto& [first, ended] = *--after;
  return first.first == producer_id && base < ended.end ? ended.outcome : Outcome::committed;
}

}  // namespace millrace::cli
