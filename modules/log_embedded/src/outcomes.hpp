// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>

#include "checkpoint.hpp"
#include "journal.hpp"
#include "millrace/base/error.hpp"

namespace millrace::log::embedded {

/// Gives the producers of `made` whose last frame lies before `made.begin` its outcome: from the
/// checkpoint before, or from the journal, where it still lies until the checkpoint is durable. One
/// that neither has because of damage is marked as lost. errc::io_error.
[[nodiscard]] Status add_outcomes(Checkpoint& made, const std::optional<Checkpoint>& before,
                                  Journal& journal);

}  // namespace millrace::log::embedded
