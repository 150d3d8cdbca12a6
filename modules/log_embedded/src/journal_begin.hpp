// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>

#include "checkpoint.hpp"
#include "journal.hpp"
#include "millrace/base/error.hpp"

namespace millrace::log::embedded {

/// Where the first frame of the journal lies that is kept: where the checkpoint says; the journal
/// forgets what lies before. Without one, at 0 or at the start of the first segment, when the frame
/// there follows no other one. errc::corrupt when the segment that holds it is missing.
[[nodiscard]] Result<std::uint64_t> find_begin(Journal& journal, std::uint64_t log_id,
                                               const std::optional<Checkpoint>& checkpoint);

}  // namespace millrace::log::embedded
