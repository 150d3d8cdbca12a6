// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "state_directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace millrace::service {

namespace {

constexpr std::int64_t numbers_max = 9'999;

// The descriptor that holds the lock; -1 when another process has it. A lock of the open file, not
// of the process: it ends with the descriptor, however the process ends.
Result<int> lock_directory(FileSystem& files, const std::string& directory) {
  MILLRACE_TRY(files.create_directories(directory));
  const std::string path = directory + "/lock";
  MILLRACE_ASSIGN(const int descriptor, open_to_append(path));
  struct flock request{};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;
  if (::fcntl(descriptor, F_OFD_SETLK, &request) == 0) return descriptor;
  const int why = errno;
  ::close(descriptor);
  if (why == EAGAIN || why == EACCES) return -1;
  return fail(millrace::errc::io_error, "{}: cannot lock: {}", path, std::strerror(why));
}

Status adopt_snapshots(FileSystem& files, const std::string& from, const std::string& to) {
  MILLRACE_ASSIGN(const std::vector<std::string> names, files.list(from));
  for (const std::string& name : names) {
    if (!name.ends_with(".snapshot") || files.exists(to + "/" + name)) continue;
    MILLRACE_TRY(files.rename(from + "/" + name, to + "/" + name));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<StateDirectory>> StateDirectory::take(FileSystem& files,
                                                             const std::string& service_directory,
                                                             std::optional<std::int64_t> given) {
  for (std::int64_t number = given.value_or(1); number <= numbers_max; ++number) {
    const std::string path = service_directory + "/" + std::to_string(number);
    MILLRACE_ASSIGN(const int lock, lock_directory(files, path));
    if (lock >= 0) {
      std::unique_ptr<StateDirectory> taken(new StateDirectory(path, lock));
      if (number == 1) MILLRACE_TRY(adopt_snapshots(files, service_directory, path));
      return taken;
    }
    if (given) {
      return fail(millrace::errc::busy,
                  "{} is the state directory of another process: give each instance a number of "
                  "its own by --instance, or a state directory of its own by --state-dir",
                  path);
    }
  }
  return fail(millrace::errc::busy,
              "{}: all of the state directories 1 to {} are those of other processes: end some, or "
              "give this instance a state directory by --state-dir",
              service_directory, numbers_max);
}

StateDirectory::~StateDirectory() { ::close(lock_); }

}  // namespace millrace::service
