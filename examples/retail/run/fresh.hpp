// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/base/error.hpp"

namespace retail {

/// One deletion. Names are relative to the directory of the run.
struct DeletionStep {
  enum class Kind : std::uint8_t {
    file,
    directory,  ///< when it is empty
    tree,       ///< with all that it holds
  };
  std::string name;
  Kind kind;
};

/// What `--fresh` finds in a directory of a run. Names are relative to the directory.
struct RunFiles {
  std::vector<std::string>
      written;  ///< what runs wrote; a directory that holds nothing else as one
  std::vector<std::string> foreign;  ///< what else is there, at the top and within those
  /// Deletes what is written, and directories that are empty then. What tells that a directory is
  /// one of a run comes last in it, so that an interrupted deletion can be repeated.
  std::vector<DeletionStep> steps;
  bool has_log = false;  ///< whether `log/` is among what runs wrote
};

/// Looks what of a marked directory was written by runs. Not the marker, nor the lock of the run at
/// work. errc::invalid_argument: a symbolic link is among it, which may lead out of the directory.
[[nodiscard]] millrace::Result<RunFiles> find_run_files(const std::string& directory);

/// Deletes what find_run_files() calls written, and directories that are empty then. errc::busy:
/// a process has the log open.
[[nodiscard]] millrace::Status delete_run_files(const std::string& directory);

}  // namespace retail
