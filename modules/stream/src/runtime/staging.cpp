// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/staging.hpp"

#include <stdexcept>
#include <utility>

#include "millrace/log/errors.hpp"

namespace millrace::stream::runtime {

Staging::Staging(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition)
    : shared_(&shared), stores_(shared.topology, resolved, partition), sender_(shared, outbox_) {}

void Staging::begin(const InHand& hand) {
  outbox_.clear();
  refused_.reset();
  unit_counts_ = {};
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
  // Memory is bounded while a handler goes on.
  if (sent && outbox_.bytes() > shared_->unit_bytes_max())
    sent = fail(log::errc::too_large, "more than " + std::to_string(shared_->unit_bytes_max()) +
                                          " bytes of outputs for max_transaction_bytes = " +
                                          std::to_string(shared_->transaction_bytes_max()));
  if (sent) return;
  if (!refused_) refused_ = sent.error();
  throw std::length_error(sent.error().message());
}

std::size_t Staging::unit_bytes() const {
  const std::size_t now = stores_.changed_bytes();
  return outbox_.bytes() + (now > kept_state_bytes_ ? now - kept_state_bytes_ : 0);
}

Status Staging::check(const InHand& hand) const {
  const bool outputs_exceed = outbox_.bytes() > shared_->unit_bytes_max();
  if (refused_ && !outputs_exceed) return fail(*refused_);
  MILLRACE_TRY(stores_.check_entries(shared_->record_bytes_max()));
  if (unit_bytes() <= shared_->unit_bytes_max()) return {};
  const std::string all = "outputs and state changes of " + std::to_string(unit_bytes()) +
                          (outputs_exceed ? " bytes and more" : " bytes") +
                          " are above the limit of one commit, max_transaction_bytes = " +
                          std::to_string(shared_->transaction_bytes_max());
  if (!hand.is_firing()) return fail(log::errc::too_large, all);
  return fail(
      errc::firing_too_large,
      all + ": use sweep() for work on each entry of a store, or let each firing do a part");
}

bool Staging::has_room() const {
  return shared_->staged_bytes() == 0 ||
         shared_->staged_bytes() + unit_bytes() <= shared_->unit_bytes_max();
}

void Staging::keep() {
  sent_ |= !outbox_.empty();
  outbox_.move_to(shared_->transaction);
  shared_->state_bytes -= std::exchange(kept_state_bytes_, stores_.changed_bytes());
  shared_->state_bytes += kept_state_bytes_;
  counts_ += unit_counts_;
}

void Staging::discard() {
  outbox_.clear();
  refused_.reset();
  unit_counts_ = {};
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
