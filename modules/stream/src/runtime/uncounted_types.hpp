// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <vector>

#include "runtime/in_hand.hpp"
#include "runtime/shared.hpp"
#include "runtime/unknown_types.hpp"

namespace millrace::stream::runtime {

/// The records of unknown types that a task took and did not commit yet: they are counted when they
/// are committed, so that a record that comes again counts once. One thread.
class UncountedTypes {
 public:
  /// `shared` outlives this object.
  explicit UncountedTypes(Shared& shared) : shared_(&shared) {}

  /// Another record is in hand.
  void begin() { in_hand_ = nullptr; }
  /// The source of the record in hand does not read its type. The first record of each type is
  /// reported where it is skipped and the source reads a single struct, whose name may be wrong:
  /// what a variant does not name is left out on purpose.
  void found(const SourceSpec& source, const InHand& hand);
  /// The record in hand is taken.
  void take();
  void committed();
  /// What was taken is committed, or it was dropped.
  void forget() {
    in_hand_ = nullptr;
    taken_.clear();
  }

 private:
  Shared* shared_;
  UnknownTypes::Count* in_hand_ = nullptr;
  std::vector<UnknownTypes::Count*> taken_;
};

}  // namespace millrace::stream::runtime
