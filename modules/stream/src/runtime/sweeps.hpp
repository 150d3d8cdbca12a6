// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/punctuators.hpp"
#include "runtime/shared.hpp"
#include "runtime/store_set.hpp"

namespace millrace::stream::runtime {

/// The sweeps of a task: which entries of a store are visited next, and how much of a turn visits
/// may take. While input waits that is half of the turn's work items and bytes, and no visit at all
/// in the turn that follows one of visits alone: whatever a sweep takes, time included, input is
/// processed in this turn or in the next one. One thread.
class Sweeps {
 public:
  Sweeps(const Shared& shared, Punctuators& punctuators, const StoreSet& stores)
      : shared_(&shared), punctuators_(&punctuators), stores_(&stores) {}

  /// A turn of that many work items begins.
  void begin_turn(std::size_t max_work_items, bool input_waits);
  /// All sweeps together had their share of the turn.
  [[nodiscard]] bool had_share() const;

  /// The part of this turn of a sweep that is due, when they did not have their share; begins its
  /// walk, unless one is under way.
  void begin_part(Punctuators::Timer& timer, std::int64_t now_ms);
  /// The key to visit next; null when the part has no more of them, which may be the walk's end.
  /// Valid until the next begin_part().
  [[nodiscard]] const std::string* next_key(Punctuators::Timer& timer);
  /// The visit of next_key() begins.
  void begin_visit(Punctuators::Timer& timer, bool records_processed);
  /// A record was processed.
  void input_taken() { input_comes_first_ = false; }

 private:
  void take_keys(const Punctuators::Timer& timer, const StagedStore& store);

  const Shared* shared_;
  Punctuators* punctuators_;
  const StoreSet* stores_;

  // Of the part under way.
  std::vector<std::string> keys_;
  std::size_t next_ = 0;
  bool last_part_ = false;  // no key follows those

  // Of the turn under way.
  std::size_t visits_ = 0;          // begun, also those that had no room
  std::size_t visits_max_ = 0;      // of all sweeps together
  std::size_t bytes_max_ = 0;       // no visit begins above that many staged bytes, but the first
  bool input_waits_ = false;        // when the turn began
  bool input_comes_first_ = false;  // the turn before had visits alone, although input waited
};

}  // namespace millrace::stream::runtime
