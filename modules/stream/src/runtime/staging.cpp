// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/staging.hpp"

#include <stdexcept>
#include <utility>

#include "millrace/log/errors.hpp"

namespace millrace::stream::runtime {

Staging::Staging(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition)
    : shared_(&shared),
      stores_(shared.topology, resolved, partition),
      sender_(shared, outbox_),
      record_bytes_max_(shared.record_bytes_max()),
      work_item_bytes_max_(shared.work_item_bytes_max()) {}

void Staging::begin_turn() {
  record_bytes_max_ = shared_->record_bytes_max();
  work_item_bytes_max_ = shared_->work_item_bytes_max();
}

void Staging::begin(const InHand& hand) {
  outbox_.clear();
  refused_.reset();
  work_item_counts_ = {};
  measured_ = false;
  stores_.savepoint();
  sender_.begin(hand.id_prefix(), hand.id_number(), hand.view().context);
}

void Staging::send(const SinkSpec& sink, const Message& message) {
  Status sent;
  if (refused_) {
    sent = fail(*refused_);
  } else {
    sent = sender_.send(sink, message);
  }
  // Memory is bounded while a handler continues.
  if (sent && outbox_.bytes() > work_item_bytes_max_)
    sent =
        fail(log::errc::too_large, "more than {} bytes of outputs for max_transaction_bytes = {}",
             work_item_bytes_max_, shared_->transaction_bytes_max());
  if (sent) return;
  if (!refused_) refused_ = sent.error();
  throw std::length_error(sent.error().message());
}

void Staging::measure() {
  changes_ = stores_.changes();
  measured_ = true;
}

Status Staging::check(const InHand& hand) {
  const bool outputs_exceed = outbox_.bytes() > work_item_bytes_max_;
  if (refused_ && !outputs_exceed) return fail(*refused_);
  measure();
  if (changes_.largest_entry_bytes > record_bytes_max_) {
    MILLRACE_TRY(stores_.check_entries(record_bytes_max_));
  }
  if (work_item_bytes() <= work_item_bytes_max_) return {};
  const std::string all = "outputs and state changes of " + std::to_string(work_item_bytes()) +
                          (outputs_exceed ? " bytes and more" : " bytes") +
                          " are above the limit of one commit, max_transaction_bytes = " +
                          std::to_string(shared_->transaction_bytes_max());
  if (!hand.is_firing()) return fail(log::errc::too_large, all);
  return fail(errc::firing_too_large,
              "{}: use sweep() for work on each entry of a store, or let each firing do a part",
              all);
}

bool Staging::keep() {
  if (!measured_) {
    measure();
  }
  const std::size_t staged = shared_->staged_bytes();
  if (staged > 0 && staged + work_item_bytes() > work_item_bytes_max_) {
    discard();
    return false;
  }
  if (!outbox_.empty()) {
    sent_ = true;
    outbox_.move_to(shared_->transaction);
  }
  shared_->state_bytes -= std::exchange(kept_state_bytes_, changes_.bytes);
  shared_->state_bytes += kept_state_bytes_;
  counts_ += work_item_counts_;
  return true;
}

void Staging::discard() {
  outbox_.clear();
  refused_.reset();
  work_item_counts_ = {};
  measured_ = false;
  stores_.rollback();
}

void Staging::committed(const log::Committed& committed) {
  stores_.apply(committed);
  forget();
}

void Staging::drop() {
  stores_.drop();
  forget();
}

void Staging::forget() {
  shared_->state_bytes -= std::exchange(kept_state_bytes_, 0);
  sent_ = false;
  counts_ = {};
}

}  // namespace millrace::stream::runtime
