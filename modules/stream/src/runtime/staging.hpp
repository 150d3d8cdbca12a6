// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <optional>

#include "runtime/failures.hpp"
#include "runtime/outbox.hpp"
#include "runtime/sender.hpp"
#include "runtime/store_set.hpp"

namespace millrace::stream::runtime {

/// What a task's work items (records and firings) did and is not committed yet: outputs in the
/// cycle's transaction, state in the overlays of the stores. The work item in hand is kept apart
/// until keep(), so that it alone is taken back by discard(). One thread.
class Staging {
 public:
  Staging(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition);

  [[nodiscard]] StoreSet& stores() { return stores_; }
  [[nodiscard]] const StoreSet& stores() const { return stores_; }

  /// Takes the limits as they are now: another task's state may have changed them.
  void begin_turn();

  // The work item in hand.

  void begin(const InHand& hand);
  /// The context of what is in hand has another content now.
  void context_changed() { sender_.context_changed(); }
  /// Throws std::length_error for what the log would refuse; check() then says the same.
  void send(const SinkSpec& sink, const Message& message);
  /// send() threw for an output of the work item.
  [[nodiscard]] bool refused() const { return refused_.has_value(); }
  [[nodiscard]] Outbox& outbox() { return outbox_; }
  [[nodiscard]] WorkItemCounts& counts() { return work_item_counts_; }
  /// Each record and each changed entry is within the log's limits, and all together fit into one
  /// transaction. log's errc::too_large, which names what is too large;
  /// errc::firing_too_large for a firing as a whole.
  [[nodiscard]] Status check(const InHand& hand);
  /// False when the work item has no room beside what the cycle has staged so far: it is discarded
  /// then.
  [[nodiscard]] bool keep();
  void discard();

  // All work items since the last commit.

  /// Something is to be committed: outputs, changed stores, failed firings.
  [[nodiscard]] bool has_changes() const {
    return sent_ || counts_.failed_firings > 0 || stores_.dirty();
  }
  [[nodiscard]] const WorkItemCounts& kept_counts() const { return counts_; }
  /// Adds the state changes to the transaction.
  void write(std::int64_t time_ms) { stores_.write_changes(shared_->transaction, time_ms); }
  void committed(const log::Committed& committed);
  void drop();

 private:
  /// Of the work item in hand, state changes included, after measure().
  [[nodiscard]] std::size_t work_item_bytes() const {
    return outbox_.bytes() +
           (changes_.bytes > kept_state_bytes_ ? changes_.bytes - kept_state_bytes_ : 0);
  }
  void measure();
  void forget();

  Shared* shared_;
  StoreSet stores_;
  Outbox outbox_;
  Sender sender_;
  // The log's limits, which do not change.
  std::size_t record_bytes_max_;
  std::size_t work_item_bytes_max_;
  std::optional<Error> refused_;  // an output of the work item in hand
  StoreSet::Size changes_;        // of the stores, those of earlier work items included
  bool measured_ = false;         // nothing changed since
  WorkItemCounts work_item_counts_;
  std::size_t kept_state_bytes_ = 0;  // of the stores, without the work item in hand
  bool sent_ = false;
  WorkItemCounts counts_;
};

}  // namespace millrace::stream::runtime
