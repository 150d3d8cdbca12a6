// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>

#include "catalog.hpp"
#include "checkpoint.hpp"
#include "log_directory.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log_embedded/tools.hpp"

namespace millrace::log::embedded {

/// Reads and checks the settled segments of all partitions, as far as the checkpoint says that they
/// reach, into the report. Damage is part of the report.
[[nodiscard]] Status verify_settled(FileSystem& files, const std::string& directory,
                                    const std::optional<Checkpoint>& checkpoint,
                                    VerifyReport& report);

/// Removes the settled segments of the topics that are known which begin where the rows of their
/// partitions do not reach: other records get their offsets when the journal was cut. What else
/// does not count is cut by the next writer; what is no directory of a partition is left alone.
[[nodiscard]] Status cut_settled(LogDirectory& directory, const Catalog& catalog);

}  // namespace millrace::log::embedded
