// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/base/error.hpp"

namespace millrace {

/// errc::invalid_argument when a part of the log's directory is a symbolic link: a user that may
/// write to the directory could let it point to files that only this process may change.
[[nodiscard]] Status refuse_linked_parts(const std::string& directory);
/// errc::invalid_argument, unless `force`, for a file system on which mapped memory or locks are
/// not shared by all who see its files. The directory exists.
[[nodiscard]] Status refuse_unsafe_file_system(const std::string& directory, bool force);

}  // namespace millrace
