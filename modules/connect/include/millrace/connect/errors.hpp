// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::connect::errc {

// Inside of millrace::connect, errc:: also finds the general codes.
using namespace ::millrace::errc;

/// The copy and its source differ at the record or position that the message names, or the map in
/// the target does not fit the records of the target. Remedy: stop the programs that write to
/// either log, and compare again with `millrace copy --verify`. If they still differ, copy to an
/// empty log.
inline constexpr ErrorCode differs{"copy.differs"};
/// The target has records or positions that this copy did not write, or that the source may have
/// lost since. A source may have lost records when it was restored from a backup, cut or repaired,
/// when an older build opened it, when its file `lineages` was lost, or when it was opened more
/// than 512 times (1,024 times with commits) since the last copy. Nothing in the target is
/// overwritten. Remedy: copy to an empty log.
inline constexpr ErrorCode not_ours{"copy.not_ours"};
/// The copy or the comparison was stopped before it was complete. Remedy: run the same command
/// again. A copy continues where it stopped; a comparison begins from the start.
inline constexpr ErrorCode stopped{"copy.stopped"};

}  // namespace millrace::connect::errc
