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

/// Reads and checks the settled segments of all partitions, up to the ends in the checkpoint. The
/// results, including damage, are added to the report.
[[nodiscard]] Status verify_settled(FileSystem& files, const std::string& directory,
                                    const std::optional<Checkpoint>& checkpoint,
                                    VerifyReport& report);

/// Removes settled segments of known topics that begin after the end of their partition: after the
/// journal was cut, other records get their offsets. Invalid ends of other segments are cut by the
/// next writer. Directories that do not belong to a partition are not touched.
[[nodiscard]] Status cut_settled(LogDirectory& directory, const Catalog& catalog);

}  // namespace millrace::log::embedded
