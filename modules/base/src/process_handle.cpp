// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/process_handle.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
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

/// From a field of /proc/PID/stat on (the state is 3), or nothing.
const char* stat_field(const std::string& text, int wanted) {
  // The name in parentheses may hold spaces and parentheses; field 3 follows its last one.
  std::size_t at = text.rfind(')');
  for (int field = 2; at != std::string::npos && field < wanted; ++field) {
    at = text.find(' ', at + 1);
  }
  return at == std::string::npos ? nullptr : text.c_str() + at + 1;
}

std::string read_stat(std::int64_t pid) {
  return read_small("/proc/" + std::to_string(pid) + "/stat");
}

std::uint64_t start_time_in(const std::string& stat) {
  const char* const start = stat_field(stat, 22);
  return start == nullptr ? 0 : std::strtoull(start, nullptr, 10);
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

std::uint64_t process_start_time(std::int64_t pid) { return start_time_in(read_stat(pid)); }

std::uint64_t own_start_time() { return start_time_in(read_small("/proc/self/stat")); }

bool process_ended(std::int64_t pid, std::uint64_t start_time) {
  if (pid <= 0) {
    return false;
  }
  if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) {
    return true;
  }
  const std::string text = read_stat(pid);
  const std::uint64_t found = start_time_in(text);
  if (found == 0) {
    return false;  // it is there, and we may not look
  }
  if (found != start_time) {
    return true;
  }
  // A first thread that has ended looks the same while others of the process continue.
  const char* const state = stat_field(text, 3);
  const char* const threads = stat_field(text, 20);
  return (*state == 'Z' || *state == 'X') && std::strtoll(threads, nullptr, 10) <= 1;
}

std::uint64_t pid_namespace() {
  struct stat status{};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

std::uint64_t boot_hash() { return xxh64(read_small("/proc/sys/kernel/random/boot_id")); }

std::string host_identity() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) {
    name[0] = '\0';
  }
  std::string boot = read_small("/proc/sys/kernel/random/boot_id");
  boot.resize(std::min(boot.find('\n'), boot.size()));
  return std::string(name) + "/" + boot + "/" + std::to_string(pid_namespace());
}

bool knows_host() {
  return !read_small("/proc/sys/kernel/random/boot_id").empty() && pid_namespace() != 0;
}

}  // namespace millrace
