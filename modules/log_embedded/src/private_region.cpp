// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "private_region.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "millrace/base/mutex.hpp"

namespace millrace {
namespace {

/// Zeroed memory of this process alone, in whole pages.
class Pages {
 public:
  Pages() = default;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() {
    if (data_ != nullptr) {
      ::munmap(data_, size_);
    }
  }
  Status make(std::uint64_t size) {
    void* const data =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
      return fail(errc::io_error, "cannot get {} bytes of memory: {}", size, std::strerror(errno));
    }
    data_ = static_cast<char*>(data);
    size_ = size;
    return {};
  }
  [[nodiscard]] char* data() const { return data_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  char* data_ = nullptr;
  std::uint64_t size_ = 0;
};

class PrivateRegion final : public SharedRegion {
 public:
  PrivateRegion(Identity identity, RegionWait wait)
      : identity_(identity), wait_(std::move(wait)), pid_(::getpid()) {}

  Identity identity() override { return identity_; }
  Result<bool> try_lock(LockMode /*mode*/) override { return true; }
  bool replaced() override { return false; }  // there is no directory

  Result<std::string> head(std::size_t bytes) override {
    const MutexLock guard(mutex_);
    return std::string(control_.data(), std::min<std::size_t>(bytes, control_.size()));
  }
  Result<char*> map(std::uint64_t size, bool fresh) override {
    const MutexLock guard(mutex_);
    if (fresh && control_.data() == nullptr) {
      MILLRACE_TRY(control_.make(size));
    }
    return control_.size() == size ? control_.data() : nullptr;
  }
  Result<char*> block(std::uint32_t number, std::uint64_t size, bool create) override {
    const MutexLock guard(mutex_);
    Pages& pages = blocks_[number];
    if (create && pages.data() == nullptr) {
      MILLRACE_TRY(pages.make(size));
    }
    if (pages.size() < size) {
      return fail(errc::not_found, "memory block {} does not exist", number);
    }
    return pages.data();
  }

  Result<bool> join(int slot) override {
    const MutexLock guard(mutex_);
    return joined_.insert(slot).second;
  }
  void leave(int slot) override {
    const MutexLock guard(mutex_);
    joined_.erase(slot);
  }
  bool alive(int slot) override {
    const MutexLock guard(mutex_);
    return joined_.contains(slot);
  }
  std::vector<std::int64_t> living() override { return {identity_.pid}; }
  Status kill(int /*slot*/, std::int64_t /*pid*/, std::uint64_t /*start_time*/) override {
    return {};
  }
  void watch(int /*slot*/, std::int64_t /*pid*/) override {}
  void unwatch(int /*slot*/) override {}
  int death_descriptor() override { return -1; }

  void wait(std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns) override {
    wait_(word, expected, timeout_ns);
  }
  void wake(std::uint32_t* word, int count) override {
    ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
  }
  Status drop_cache(const std::string& /*directory*/) override { return {}; }
  bool forked() const override { return pid_ != ::getpid(); }
  void die() override { dead_ = true; }
  bool dead() const override { return dead_; }

 private:
  Identity identity_;
  RegionWait wait_;
  pid_t pid_;
  std::atomic<bool> dead_ = false;
  Mutex mutex_;
  Pages control_;
  std::map<std::uint32_t, Pages> blocks_ MILLRACE_GUARDED_BY(mutex_);
  std::set<int> joined_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace

void sleep_in_process(std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns) {
  timespec timeout{};
  timeout.tv_sec = timeout_ns / 1'000'000'000;
  timeout.tv_nsec = timeout_ns % 1'000'000'000;
  ::syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &timeout, nullptr, 0);
}

std::unique_ptr<SharedRegion> make_private_region(SharedRegion::Identity identity,
                                                  RegionWait wait) {
  return std::make_unique<PrivateRegion>(identity, std::move(wait));
}

}  // namespace millrace
