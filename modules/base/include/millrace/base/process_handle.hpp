// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace millrace {

/// Closes its descriptor.
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

/// A pidfd: names one process even when its number is used again.
class ProcessHandle {
 public:
  /// False when there is no such process (errno is ESRCH), or when it cannot be looked at.
  explicit ProcessHandle(std::int64_t pid);
  explicit operator bool() const { return static_cast<bool>(fd_); }
  [[nodiscard]] int get() const { return fd_.get(); }
  /// Sends SIGKILL and waits for the end; false with errno when it is not permitted or takes
  /// longer.
  [[nodiscard]] bool kill_and_wait(int timeout_ms) const;

 private:
  OwnedFd fd_;
};

/// Start of a process in clock ticks since boot; 0 when there is none.
[[nodiscard]] std::uint64_t process_start_time(std::int64_t pid);
/// Our own, whatever our pid is called in /proc.
[[nodiscard]] std::uint64_t own_start_time();
/// The inode of our PID namespace.
[[nodiscard]] std::uint64_t pid_namespace();
/// A hash of the kernel's boot id.
[[nodiscard]] std::uint64_t boot_hash();
/// Host name, boot id and PID namespace, as in ProcessName.
[[nodiscard]] std::string host_identity();
/// Whether that tells this machine from others.
[[nodiscard]] bool knows_host();
/// Whether no process of our PID namespace has that pid and start time. One that has died and waits
/// for its parent to look has ended, too.
[[nodiscard]] bool process_ended(std::int64_t pid, std::uint64_t start_time);

}  // namespace millrace
