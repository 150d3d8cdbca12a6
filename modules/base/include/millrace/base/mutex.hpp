// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

/// Mutexes with annotations that Clang checks at compile time (-Wthread-safety,
/// tools/thread_safety): which members a mutex guards, and which functions need the mutex. The
/// mutexes of libstdc++ have no such annotations, so tools/tidy forbids them elsewhere. For other
/// compilers these are plain mutexes. https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#if defined(__clang__)
#define MILLRACE_THREAD_ANNOTATION(...) __attribute__((__VA_ARGS__))
#else
#define MILLRACE_THREAD_ANNOTATION(...)
#endif

/// For a member: it is read and written only while the mutex is held.
#define MILLRACE_GUARDED_BY(...) MILLRACE_THREAD_ANNOTATION(guarded_by(__VA_ARGS__))
/// For a pointer member: the object to which it points is used only while the mutex is held.
#define MILLRACE_PT_GUARDED_BY(...) MILLRACE_THREAD_ANNOTATION(pt_guarded_by(__VA_ARGS__))
/// For a function: the caller holds the mutex.
#define MILLRACE_REQUIRES(...) MILLRACE_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
/// For a function: the caller holds the mutex, at least shared.
#define MILLRACE_REQUIRES_SHARED(...) \
  MILLRACE_THREAD_ANNOTATION(requires_shared_capability(__VA_ARGS__))
/// For a function: the caller does not hold the mutex, because the function locks it.
#define MILLRACE_EXCLUDES(...) MILLRACE_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
/// For a function: it locks or unlocks the mutex.
#define MILLRACE_ACQUIRE(...) MILLRACE_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define MILLRACE_ACQUIRE_SHARED(...) \
  MILLRACE_THREAD_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define MILLRACE_TRY_ACQUIRE(...) MILLRACE_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define MILLRACE_RELEASE(...) MILLRACE_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define MILLRACE_RELEASE_SHARED(...) \
  MILLRACE_THREAD_ANNOTATION(release_shared_capability(__VA_ARGS__))
#define MILLRACE_RELEASE_GENERIC(...) \
  MILLRACE_THREAD_ANNOTATION(release_generic_capability(__VA_ARGS__))
/// For a function whose locking is right but which Clang cannot check: give the reason in a
/// comment.
#define MILLRACE_NO_THREAD_SAFETY_ANALYSIS MILLRACE_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace millrace {

/// A mutex of one process. Hold it with a MutexLock.
class MILLRACE_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() MILLRACE_ACQUIRE() { mutex_.lock(); }
  void unlock() MILLRACE_RELEASE() { mutex_.unlock(); }
  [[nodiscard]] bool try_lock() MILLRACE_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

/// Holds a mutex until it is destroyed; may unlock and lock it in between.
class MILLRACE_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) MILLRACE_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  /// For a mutex that try_lock() has locked already.
  MutexLock(Mutex& mutex, std::adopt_lock_t adopt) MILLRACE_REQUIRES(mutex)
      : lock_(mutex.mutex_, adopt) {}
  ~MutexLock() MILLRACE_RELEASE() {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void lock() MILLRACE_ACQUIRE() { lock_.lock(); }
  void unlock() MILLRACE_RELEASE() { lock_.unlock(); }

 private:
  friend class CondVar;
  std::unique_lock<std::mutex> lock_;
};

/// A condition variable. A wait may end spuriously, so wait in a loop that checks the condition:
/// `while (!ready_) changed_.wait(lock);`. Do not use a lambda, because Clang does not know there
/// that the mutex is held. Use it only in code with its own threads. Code that can run in a
/// simulation waits through the interfaces that are passed in.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  /// Releases the lock during the wait and holds it again afterwards.
  void wait(MutexLock& lock) { changed_.wait(lock.lock_); }
  /// False when the time passed first.
  bool wait_until(MutexLock& lock, std::chrono::steady_clock::time_point time) {
    return changed_.wait_until(lock.lock_, time) == std::cv_status::no_timeout;
  }
  bool wait_for(MutexLock& lock, std::chrono::nanoseconds duration) {
    return changed_.wait_for(lock.lock_, duration) == std::cv_status::no_timeout;
  }
  void notify_one() { changed_.notify_one(); }
  void notify_all() { changed_.notify_all(); }

 private:
  std::condition_variable changed_;
};

/// A mutex that many readers or one writer may hold. Hold it with a SharedLock or a UniqueLock.
class MILLRACE_THREAD_ANNOTATION(capability("mutex")) SharedMutex {
 public:
  SharedMutex() = default;
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

  void lock() MILLRACE_ACQUIRE() { mutex_.lock(); }
  void unlock() MILLRACE_RELEASE() { mutex_.unlock(); }
  void lock_shared() MILLRACE_ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() MILLRACE_RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

/// Holds a shared mutex to write.
class MILLRACE_THREAD_ANNOTATION(scoped_lockable) UniqueLock {
 public:
  explicit UniqueLock(SharedMutex& mutex) MILLRACE_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~UniqueLock() MILLRACE_RELEASE() { mutex_.unlock(); }
  UniqueLock(const UniqueLock&) = delete;
  UniqueLock& operator=(const UniqueLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Holds a shared mutex to read.
class MILLRACE_THREAD_ANNOTATION(scoped_lockable) SharedLock {
 public:
  explicit SharedLock(SharedMutex& mutex) MILLRACE_ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~SharedLock() MILLRACE_RELEASE_GENERIC() { mutex_.unlock_shared(); }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace millrace
