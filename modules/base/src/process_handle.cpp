// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "process_handle.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "millrace/base/hash.hpp"

namespace millrace {
namespace {

std::string read_small(const std::string& path) {
  const OwnedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(1024, '\0');
  const ssize_t size = fd ? ::read(fd.get(), text.data(), text.size()) : 0;
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

}  // namespace

void OwnedFd::reset() {
  if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

ProcessHandle::ProcessHandle(std::int64_t pid)
    : fd_(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0U))) {}

bool ProcessHandle::kill_and_wait(int timeout_ms) const {
  if (::syscall(SYS_pidfd_send_signal, fd_.get(), SIGKILL, nullptr, 0U) != 0) {
    return errno == ESRCH;
  }
  pollfd request{fd_.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&request, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    errno = ETIMEDOUT;
  }
  return ready > 0;
}

std::uint64_t process_start_time(std::int64_t pid) {
  const std::string text = read_small("/proc/" + std::to_string(pid) + "/stat");
  // The name in parentheses may hold spaces and parentheses; field 3 follows its last one, the
  // start time is field 22.
  std::size_t at = text.rfind(')');
  for (int field = 2; at != std::string::npos && field < 22; ++field) {
    at = text.find(' ', at + 1);
  }
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 1, nullptr, 10);
}

std::uint64_t pid_namespace() {
  struct stat status{};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

std::uint64_t boot_hash() { return xxh64(read_small("/proc/sys/kernel/random/boot_id")); }

}  // namespace millrace
