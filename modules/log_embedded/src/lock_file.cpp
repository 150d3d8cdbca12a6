// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "lock_file.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <set>
#include <utility>

#include "millrace/base/mutex.hpp"
#include "millrace/base/ownership.hpp"

namespace millrace {
namespace {

/// The descriptors with locks of this process. A fork waits until none is opened or closed.
struct Registry {
  Mutex mutex;
  std::set<int> descriptors MILLRACE_GUARDED_BY(mutex);
};

Registry& registry() {
  // Handles may end after the static variables of the program.
  static auto* const one = new Registry;
  return *one;
}

// The thread that forks has the mutex from before the fork until after it, in both processes.
void before_fork() MILLRACE_NO_THREAD_SAFETY_ANALYSIS { registry().mutex.lock(); }
void in_parent() MILLRACE_NO_THREAD_SAFETY_ANALYSIS { registry().mutex.unlock(); }
void in_child() MILLRACE_NO_THREAD_SAFETY_ANALYSIS {
  // Only what a child of several threads may call. The numbers stay in use, because their owners
  // will close them.
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  for (const int descriptor : registry().descriptors) {
    if (nothing < 0 || ::dup3(nothing, descriptor, O_CLOEXEC) < 0) {
      ::close(descriptor);
    }
  }
  if (nothing >= 0) {
    ::close(nothing);
  }
  registry().mutex.unlock();
}

void look_at_forks() {
  static const int registered = ::pthread_atfork(before_fork, in_parent, in_child);
  static_cast<void>(registered);
}

}  // namespace

LockFile::LockFile(const std::string& path, int flags) {
  look_at_forks();
  Registry& all = registry();
  const MutexLock lock(all.mutex);
  fd_ = OwnedFd(open_or_create(path, flags));
  if (fd_) {
    all.descriptors.insert(fd_.get());
  }
}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void LockFile::reset() {
  if (!fd_) {
    return;
  }
  Registry& all = registry();
  const MutexLock lock(all.mutex);
  all.descriptors.erase(fd_.get());
  fd_.reset();
}

}  // namespace millrace
