// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::connect::errc {

// The general codes are found here too, so that errc:: means both inside of millrace::connect.
using namespace ::millrace::errc;

/// The copy and its source differ at the record or position that the message names, or the map in
/// the target does not fit what the target holds.
/// Remedy: stop what writes to either log, and compare again with `millrace copy --verify`; when
/// they still differ, copy to an empty log.
inline constexpr ErrorCode differs{"copy.differs"};
/// The target holds records or positions that this copy did not write, or that the source may have
/// lost since: it was put back from a backup, cut or repaired, an older build opened it, its file
/// `lineages` was lost, or it was opened very often since the last copy (512 times, or 1,024 times
/// with commits). Nothing of the target is overwritten. Remedy: copy to an empty log.
inline constexpr ErrorCode not_ours{"copy.not_ours"};
/// The copy or the comparison was stopped before it was complete.
/// Remedy: run the same command again: a copy continues where it was, a comparison begins again.
inline constexpr ErrorCode stopped{"copy.stopped"};

}  // namespace millrace::connect::errc
