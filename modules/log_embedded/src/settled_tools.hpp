// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>

#include "checkpoint.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log_embedded/tools.hpp"

namespace millrace::log::embedded {

/// Reads and checks the settled segments of all partitions, as far as the checkpoint says that they
/// reach, into the report. Damage is part of the report.
[[nodiscard]] Status verify_settled(FileSystem& files, const std::string& directory,
                                    const std::optional<Checkpoint>& checkpoint,
                                    VerifyReport& report);

/// Removes the settled segments of a partition, in its directory, that begin at `end` or behind it.
[[nodiscard]] Status cut_partition(FileSystem& files, const std::string& directory, Offset end);

/// Removes the settled segments that begin where the checkpoint does not reach: after the journal
/// is cut other records get their offsets. What else does not count is cut by the next writer.
[[nodiscard]] Status cut_settled(FileSystem& files, const std::string& directory,
                                 const std::optional<Checkpoint>& checkpoint);

}  // namespace millrace::log::embedded
