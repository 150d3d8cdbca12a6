// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "millrace/base/error.hpp"

namespace millrace {

/// Of the last system call that failed, by errno: errc::disk_full, no_permission, io_error.
[[nodiscard]] std::unexpected<Error> os_failure(const std::string& path, const char* what);

struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;  ///< 0: not known
};

/// Whether the path names no file, or another one than `known`.
[[nodiscard]] bool is_another(const std::string& path, FileIdentity known);

struct Mapping {
  char* data = nullptr;
  std::uint64_t size = 0;
};

/// Maps a file of at least `size` bytes, no data when there is none; with `create` a new one of
/// exactly that size, all of whose room is allocated: a store into a hole of a full disk would be
/// SIGBUS. `info`, unless null, is what the file is. The caller unmaps it.
[[nodiscard]] Result<Mapping> map_file(const std::string& path, std::uint64_t size, bool create,
                                       struct stat* info);

}  // namespace millrace
