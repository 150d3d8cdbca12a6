// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

#include "millrace/base/error.hpp"

namespace retail {

/// What `--fresh` finds in a directory of a run. Names are relative to the directory.
struct RunFiles {
  std::vector<std::string> written;  ///< files and whole directories that runs wrote
  std::vector<std::string> foreign;  ///< what else is there, at the top and beside those
};

/// Looks what of a marked directory was written by runs. Not the marker, nor the lock of the run at
/// work. errc::invalid_argument: a symbolic link is among it, which may lead out of the directory.
[[nodiscard]] millrace::Result<RunFiles> find_run_files(const std::string& directory);

/// Deletes what find_run_files() called written, and directories that are empty then. errc::busy:
/// a process has the log open.
[[nodiscard]] millrace::Status delete_run_files(const std::string& directory,
                                                const RunFiles& files);

}  // namespace retail
