// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
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
  /// False when there is no such process.
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
/// The inode of our PID namespace.
[[nodiscard]] std::uint64_t pid_namespace();
/// A hash of the kernel's boot id.
[[nodiscard]] std::uint64_t boot_hash();

}  // namespace millrace
