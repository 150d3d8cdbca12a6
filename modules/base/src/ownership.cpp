// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/ownership.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "millrace/base/fault_point.hpp"
#include "millrace/base/process_handle.hpp"

namespace millrace {
namespace {

constexpr mode_t file_mode = S_IRUSR | S_IWUSR;
constexpr mode_t directory_mode = S_IRWXU;

/// What a directory passes on to its group. A directory that others may use has its mode from a
/// umask, not from somebody who meant to share it.
mode_t shared_bits(const struct stat& directory) {
  return (directory.st_mode & S_IRWXO) != 0 ? 0 : directory.st_mode & S_IRWXG;
}

/// Gives a new file or directory the owner, the group and the shared bits of the directory that
/// holds it. What is not permitted stays as the system made it: only its creator can use it then.
void take_after(int descriptor, const struct stat& directory, mode_t shared) {
  struct stat made{};
  if (::fstat(descriptor, &made) != 0) {
    return;
  }
  const bool root = ::geteuid() == 0;
  const bool group_differs = made.st_gid != directory.st_gid;
  if ((root && made.st_uid != directory.st_uid) || (group_differs && (root || shared != 0))) {
    const uid_t owner = root ? directory.st_uid : static_cast<uid_t>(-1);
    if (::fchown(descriptor, owner, directory.st_gid) != 0) {
      return;
    }
  }
  if (shared != 0 && (made.st_mode & shared) != shared) {
    // A failure leaves it private.
    static_cast<void>(::fchmod(descriptor, (made.st_mode & 07777U) | shared));
  }
}

bool is_empty(int directory) {
  const int copy = ::fcntl(directory, F_DUPFD_CLOEXEC, 0);
  DIR* const entries = copy < 0 ? nullptr : ::fdopendir(copy);
  if (entries == nullptr) {
    if (copy >= 0) {
      ::close(copy);
    }
    return false;
  }
  bool empty = true;
  errno = 0;
  while (const dirent* entry = ::readdir(entries)) {
    const std::string_view name = entry->d_name;
    empty = empty && (name == "." || name == "..");
  }
  empty = empty && errno == 0;
  ::closedir(entries);
  return empty;
}

/// Whether a directory is as mkdir(2) made it for us. It was opened by its path, which may name
/// another one by now, and only what is known to be new may be given away.
bool is_new_directory(int descriptor) {
  struct stat found{};
  return ::fstat(descriptor, &found) == 0 && S_ISDIR(found.st_mode) &&
         found.st_uid == ::geteuid() && (found.st_mode & 0777U & ~directory_mode) == 0 &&
         is_empty(descriptor);
}

int make_directory(const std::string& path, bool shares) {
  if (::mkdir(path.c_str(), directory_mode) != 0) {
    return -1;
  }
  MILLRACE_FAULT_POINT("ownership.directory_made");
  struct stat parent{};
  const OwnedFd made(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const std::string trimmed = path.substr(0, path.find_last_not_of('/') + 1);
  if (made && is_new_directory(made.get()) && ::stat(directory_of(trimmed).c_str(), &parent) == 0) {
    take_after(made.get(), parent, shares ? shared_bits(parent) : 0);
  }
  return 0;
}

int retry_open(const std::string& path, int flags) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, file_mode);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

}  // namespace

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

int open_or_create(const std::string& path, int flags) {
  if ((flags & O_CREAT) == 0) {
    return retry_open(path, flags);
  }
  // Only what is known to be new may be given away.
  constexpr int attempts = 8;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if ((flags & O_EXCL) == 0) {
      const int existing = retry_open(path, flags & ~O_CREAT);
      if (existing >= 0 || errno != ENOENT) {
        return existing;
      }
    }
    const int made = retry_open(path, flags | O_EXCL);
    if (made >= 0) {
      struct stat directory{};
      if (::stat(directory_of(path).c_str(), &directory) == 0) {
        take_after(made, directory, shared_bits(directory) & (S_IRGRP | S_IWGRP));
      }
      return made;
    }
    if (errno != EEXIST || (flags & O_EXCL) != 0) {
      return -1;
    }
  }
  return -1;
}

int make_private_directory(const std::string& path) { return make_directory(path, false); }

int make_subdirectory(const std::string& path) { return make_directory(path, true); }

}  // namespace millrace
