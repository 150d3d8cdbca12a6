// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::cli::copy_errc {

/// The copy and its source do not agree at the place that the message names. Remedy: stop what
/// writes to either log, copy to an empty target, compare again.
inline constexpr ErrorCode differs{"copy.differs"};
/// The target holds what this copy did not put there: nothing of it is overwritten. Remedy: copy to
/// an empty log.
inline constexpr ErrorCode not_ours{"copy.not_ours"};
/// The user stopped it half-way. Remedy: the same command continues where it was.
inline constexpr ErrorCode stopped{"copy.stopped"};

}  // namespace millrace::cli::copy_errc
