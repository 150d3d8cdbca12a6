// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace millrace {

/// Owns a file descriptor and closes it in the destructor. Movable.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd() { reset(); }
  void reset();
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// A pidfd: refers to one process, even if its pid is used again later.
class ProcessHandle {
 public:
  /// The handle is false when there is no such process (errno is ESRCH), or when it cannot be
  /// opened.
  explicit ProcessHandle(std::int64_t pid);
  explicit operator bool() const { return static_cast<bool>(fd_); }
  [[nodiscard]] int get() const { return fd_.get(); }
  /// Sends SIGKILL and waits for the end of the process. False, with errno, when this is not
  /// permitted or takes longer than the timeout.
  [[nodiscard]] bool kill_and_wait(int timeout_ms) const;

 private:
  OwnedFd fd_;
};

/// Start time of a process, in clock ticks since boot; 0 when there is no such process.
[[nodiscard]] std::uint64_t process_start_time(std::int64_t pid);
/// Start time of this process, even if /proc shows another pid for it.
[[nodiscard]] std::uint64_t own_start_time();
/// The inode of the PID namespace of this process.
[[nodiscard]] std::uint64_t pid_namespace();
/// A hash of the kernel's boot id.
[[nodiscard]] std::uint64_t boot_hash();
/// Host name, boot id and PID namespace, as in ProcessName.
[[nodiscard]] std::string host_identity();
/// Whether host_identity() distinguishes this machine from others.
[[nodiscard]] bool knows_host();
/// True when no process in our PID namespace has this pid and start time. A zombie has ended too.
[[nodiscard]] bool process_ended(std::int64_t pid, std::uint64_t start_time);

}  // namespace millrace
