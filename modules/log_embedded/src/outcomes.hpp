// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>

#include "checkpoint.hpp"
#include "journal.hpp"
#include "millrace/base/error.hpp"

namespace millrace::log::embedded {

/// Sets the outcome of the producers in `made` whose last frame is before `made.begin`. It is read
/// from the previous checkpoint, or from the journal, which still has the frame until the new
/// checkpoint is durable. An outcome that neither has because of damage is marked as lost.
/// errc::io_error.
[[nodiscard]] Status add_outcomes(Checkpoint& made, const std::optional<Checkpoint>& before,
                                  Journal& journal);

}  // namespace millrace::log::embedded
