// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

// Decides which users may use the files that the library creates: docs/guide/log.md, "Who may read
// a log". A file gets mode 0600 and a directory 0700; the umask can only remove permissions. If the
// directory that contains them gives permissions to its group but not to other users (0750, 0770),
// they get the same permissions for the group, regardless of the umask. What root creates in a
// directory of another user belongs to that user.
namespace millrace {

/// The directory that contains a path: `a` for `a/b`, `/` for `/b`, `.` for `b`. Its owner and mode
/// decide about new files there.
[[nodiscard]] std::string directory_of(const std::string& path);

/// open(2), close-on-exec. A file that `flags` allow to create is created with the mode and owner
/// above. Returns the descriptor, or -1 with errno.
[[nodiscard]] int open_or_create(const std::string& path, int flags);

/// mkdir(2) with mode 0700. Returns 0, or -1 with errno.
[[nodiscard]] int make_private_directory(const std::string& path);
/// mkdir(2) with the mode that the directory above it asks for, as described above. Returns 0, or
/// -1 with errno.
[[nodiscard]] int make_subdirectory(const std::string& path);

}  // namespace millrace
