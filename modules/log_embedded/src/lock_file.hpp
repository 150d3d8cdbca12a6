// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/base/process_handle.hpp"

namespace millrace {

/// A descriptor whose locks end with this process. A lock of an open file description lives as long
/// as any descriptor of it, and a fork copies descriptors: a child that never calls exec would
/// hold the locks of a parent that has died. In such a child the descriptor names /dev/null
/// instead. Thread-safe among several; one object is used by one thread at a time.
class LockFile {
 public:
  LockFile() = default;
  /// As open_or_create(). Without a descriptor errno says why.
  LockFile(const std::string& path, int flags);
  LockFile(LockFile&& other) noexcept = default;
  LockFile& operator=(LockFile&& other) noexcept;
  ~LockFile() { reset(); }

  void reset();
  [[nodiscard]] int get() const { return fd_.get(); }
  [[nodiscard]] const OwnedFd& fd() const { return fd_; }
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  OwnedFd fd_;
};

}  // namespace millrace
