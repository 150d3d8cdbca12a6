// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "millrace/base/file_errors.hpp"
#include "millrace/base/ownership.hpp"
#include "millrace/base/process_handle.hpp"

namespace millrace {

std::unexpected<Error> os_failure(const std::string& path, const char* what) {
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT;
  const bool forbidden = code == EACCES || code == EPERM || code == EROFS;
  const bool too_many = code == EMFILE || code == ENFILE;
  return fail(full        ? errc::disk_full
              : forbidden ? errc::no_permission
              : too_many  ? errc::too_many_files
                          : errc::io_error,
              "{}: {}: {}", path, what, std::strerror(code));
}

bool is_another(const std::string& path, FileIdentity known) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    return known.inode != 0 && (errno == ENOENT || errno == ENOTDIR);
  }
  return known.inode != 0 && (found.st_dev != known.device || found.st_ino != known.inode);
}

Result<Mapping> map_file(const std::string& path, std::uint64_t size, bool create,
                         struct stat* info) {
  if (create) {
    ::unlink(path.c_str());
  }
  const OwnedFd fd(open_or_create(path, O_RDWR | O_NOFOLLOW | (create ? O_CREAT | O_EXCL : 0)));
  if (!fd) {
    return errno == ENOENT ? Result<Mapping>(Mapping{}) : os_failure(path, "cannot open");
  }
  if (create) {
    const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size));
    if (error != 0) {
      errno = error;
      auto failure = os_failure(path, "cannot allocate");
      ::unlink(path.c_str());
      return failure;
    }
  }
  struct stat local{};
  struct stat& status = info != nullptr ? *info : local;
  if (::fstat(fd.get(), &status) != 0) {
    return os_failure(path, "cannot stat");
  }
  if (static_cast<std::uint64_t>(status.st_size) < size) {
    return Mapping{};
  }
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) {
    return os_failure(path, "cannot map");
  }
  return Mapping{static_cast<char*>(data), size};
}

}  // namespace millrace
