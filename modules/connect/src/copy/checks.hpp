// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "copy/plan.hpp"
#include "copy/state.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

// What a copy refuses before it writes anything.
namespace millrace::connect {

/// No service runs on either log; with `force` services may run on the source. errc::busy.
[[nodiscard]] Status check_live(const CopyPlan& plan, log::Log& target, bool force);

/// The topics are missing in the target or the same there. log::errc::topic_mismatch.
[[nodiscard]] Status check_topics(const CopyPlan& plan, log::Log& target);

/// What the topics and groups of the target hold was put there by a copy of this source, as far as
/// `state` says, nothing came after it, and the source has not lost it. errc::not_ours.
[[nodiscard]] Status check_contents(const CopyPlan& plan, log::Log& source, log::Log& target,
                                    const CopyState& state);

/// They are two logs, and the source is not the target of another copy. errc::invalid_argument,
/// busy.
[[nodiscard]] Status check_not_same(log::Log& source, log::Log& target);

}  // namespace millrace::connect
