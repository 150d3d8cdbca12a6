// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <set>

#include "directory_checks.hpp"
#include "lock_file.hpp"
#include "mapped_file.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/base/ownership.hpp"
#include "millrace/base/process_handle.hpp"
#include "millrace/log_embedded/shared_region.hpp"
#include "private_region.hpp"

namespace millrace {
namespace {

std::atomic<std::uint32_t> fork_generation{0};

void count_forks() {
  static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { fork_generation.fetch_add(1); });
  static_cast<void>(registered);
}

Result<bool> set_lock(int fd, short type, const std::string& path) {
  struct flock request{};
  request.l_type = type;
  request.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &request) == 0) {
    return true;
  }
  if (errno == EAGAIN || errno == EACCES) {
    return false;
  }
  return os_failure(path, "cannot lock");
}

/// `<n>.blocks`: only what block() made is ever removed.
bool is_block_name(std::string_view name) {
  constexpr std::string_view suffix = ".blocks";
  if (name.size() <= suffix.size() || !name.ends_with(suffix)) {
    return false;
  }
  name.remove_suffix(suffix.size());
  return name.find_first_not_of("0123456789") == std::string_view::npos;
}

class RealRegion final : public SharedRegion {
 public:
  RealRegion(std::string directory, LockFile lock, OwnedFd epoll)
      : directory_(std::move(directory)),
        lock_(std::move(lock)),
        epoll_(std::move(epoll)),
        generation_(fork_generation.load(std::memory_order_relaxed)) {
    identity_.boot = boot_hash();
    identity_.pid_namespace = pid_namespace();
    identity_.pid = ::getpid();
    identity_.start_time = process_start_time(identity_.pid);
    struct stat info{};
    if (::fstat(lock_.get(), &info) == 0) {
      lock_identity_ = {info.st_dev, info.st_ino};
    }
  }
  ~RealRegion() override {
    if (control_.data != nullptr) {
      ::munmap(control_.data, control_.size);
    }
    for (const auto& [number, mapping] : blocks_) {
      ::munmap(mapping.data, mapping.size);
    }
  }

  Identity identity() override { return identity_; }

  Result<bool> try_lock(LockMode mode) override {
    const short type = mode == LockMode::none     ? F_UNLCK
                       : mode == LockMode::shared ? F_RDLCK
                                                  : F_WRLCK;
    const MutexLock guard(mutex_);
    return set_lock(lock_.get(), type, directory_ + "/LOCK");
  }

  bool replaced() override {
    // The control file too: a copy back into the same directory may keep LOCK.
    return is_another(directory_ + "/LOCK", lock_identity_) ||
           is_another(directory_ + "/control", {identity_.device, identity_.inode});
  }

  Result<std::string> head(std::size_t bytes) override {
    const std::string path = directory_ + "/control";
    const OwnedFd fd(open_or_create(path, O_RDONLY | O_NOFOLLOW));
    if (!fd && errno == ENOENT) {
      return std::string();
    }
    struct stat info{};
    if (!fd || ::fstat(fd.get(), &info) != 0) {
      return os_failure(path, "cannot open");
    }
    std::string read(bytes, '\0');
    const ssize_t got = ::pread(fd.get(), read.data(), read.size(), 0);
    if (got < 0) {
      return os_failure(path, "cannot read");
    }
    read.resize(static_cast<std::size_t>(got));
    identity_.device = info.st_dev;
    identity_.inode = info.st_ino;
    return read;
  }

  Result<char*> map(std::uint64_t size, bool fresh) override {
    if (fresh) {
      MILLRACE_TRY(remove_blocks());
    }
    struct stat info{};
    MILLRACE_ASSIGN(control_, map_file(directory_ + "/control", size, fresh, &info));
    identity_.device = info.st_dev;
    identity_.inode = info.st_ino;
    return control_.data;
  }

  Result<char*> block(std::uint32_t number, std::uint64_t size, bool create) override {
    const MutexLock guard(mutex_);
    const auto found = blocks_.find(number);
    if (found != blocks_.end()) {
      return found->second.data;
    }
    if (replaced()) {
      return fail(errc::not_found,
                  "{}: was moved or replaced while it was in use; stop all processes of this log "
                  "and open it again",
                  directory_);
    }
    const std::string path = directory_ + "/index/" + std::to_string(number) + ".blocks";
    MILLRACE_ASSIGN(const Mapping mapping, map_file(path, size, create, nullptr));
    if (mapping.data == nullptr) {
      return fail(errc::not_found, "{}: missing or too small", path);
    }
    blocks_.emplace(number, mapping);
    return mapping.data;
  }

  Result<bool> join(int slot) override {
    const MutexLock guard(mutex_);
    MILLRACE_ASSIGN(LockFile * fd, member_file(slot));
    MILLRACE_ASSIGN(const bool taken,
                    set_lock(fd->get(), F_WRLCK, directory_ + "/members/" + std::to_string(slot)));
    if (taken) {
      write_pid(fd->fd());
      joined_.insert(slot);
    }
    return taken;
  }
  void leave(int slot) override {
    const MutexLock guard(mutex_);
    joined_.erase(slot);
    member_files_.erase(slot);
  }
  bool alive(int slot) override {
    // Until the end: another thread may close all files, when the handle gives up its slot.
    const MutexLock guard(mutex_);
    // A lock never conflicts with its own description, so asking for ours would show it free.
    if (joined_.contains(slot)) {
      return true;
    }
    const auto fd = member_file(slot);
    return !fd || is_locked((*fd)->fd());
  }
  std::vector<std::int64_t> living() override {
    std::set<std::int64_t> pids;
    const std::string directory = directory_ + "/members";
    const auto names = real_file_system().list(directory);
    if (!names) {
      return {0};
    }
    // More than this build has slots, perhaps: another layout may have more.
    for (const std::string& name : *names) {
      const OwnedFd fd(
          ::open((directory + "/" + name).c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      // A lock of our own shows as well: it belongs to another description.
      if (fd && is_locked(fd)) {
        pids.insert(read_pid(fd));
      }
    }
    return {pids.begin(), pids.end()};
  }
  Status kill(int slot, std::int64_t pid, std::uint64_t start_time) override {
    const std::string name = "process " + std::to_string(pid);
    const ProcessHandle process(pid);
    if (const int reason = errno; !process && reason != ESRCH) {
      return fail(errc::busy, "{} cannot be looked at: {}", name, std::strerror(reason));
    }
    if (!process || process_ended(pid, start_time) || !alive(slot)) {
      return {};
    }
    if (process_start_time(pid) != start_time) {
      return fail(errc::busy, "{} cannot be looked at: /proc does not show it", name);
    }
    if (!process.kill_and_wait(10'000)) {
      return fail(errc::busy, "{} cannot be killed: {}", name, std::strerror(errno));
    }
    return {};
  }

  void watch(int slot, std::int64_t pid) override {
    if (pid == identity_.pid) {
      return;
    }
    ProcessHandle process(pid);
    if (!process) {
      return;
    }
    const MutexLock guard(mutex_);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.u32 = static_cast<std::uint32_t>(slot);
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, process.get(), &event);
    watched_.insert_or_assign(slot, std::move(process));
  }
  void unwatch(int slot) override {
    const MutexLock guard(mutex_);
    watched_.erase(slot);
  }
  int death_descriptor() override { return epoll_.get(); }

  void wait(std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns) override {
    timespec timeout{};
    timeout.tv_sec = timeout_ns / 1'000'000'000;
    timeout.tv_nsec = timeout_ns % 1'000'000'000;
    ::syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, nullptr, 0);
  }
  void wake(std::uint32_t* word, int count) override {
    ::syscall(SYS_futex, word, FUTEX_WAKE, count, nullptr, nullptr, 0);
  }
  Status drop_cache(const std::string& directory) override {
    MILLRACE_ASSIGN(const auto names, real_file_system().list(directory));
    for (const std::string& name : names) {
      const std::string path = directory + "/" + name;
      const OwnedFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      struct stat status{};
      if (!fd && errno == ELOOP) {
        continue;  // a link is none of the log's
      }
      if (!fd || ::fstat(fd.get(), &status) != 0) {
        return os_failure(path, "cannot open");
      }
      if (!S_ISREG(status.st_mode)) {
        continue;
      }
      // Dirty pages stay cached whatever the advice; after a failed write-back they count as clean
      // and go.
      if (::fdatasync(fd.get()) != 0) {
        return os_failure(path, "cannot sync");
      }
      ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    }
    return {};
  }
  bool forked() const override {
    return generation_ != fork_generation.load(std::memory_order_relaxed);
  }
  void die() override {
    const MutexLock guard(mutex_);
    dead_ = true;
    joined_.clear();
    member_files_.clear();
    lock_.reset();
  }
  bool dead() const override { return dead_; }

 private:
  static bool is_locked(const OwnedFd& fd) {
    struct flock request{};
    request.l_type = F_WRLCK;
    request.l_whence = SEEK_SET;
    return ::fcntl(fd.get(), F_OFD_GETLK, &request) != 0 || request.l_type != F_UNLCK;
  }
  /// For those who look who has the slot. When it fails, as on a full disk, the pid is not known.
  void write_pid(const OwnedFd& fd) const {
    const std::string text = std::to_string(identity_.pid) + "\n";
    if (::ftruncate(fd.get(), 0) == 0) {
      static_cast<void>(::pwrite(fd.get(), text.data(), text.size(), 0));
    }
  }
  static std::int64_t read_pid(const OwnedFd& fd) {
    char text[32];
    const ssize_t got = ::pread(fd.get(), text, sizeof text, 0);
    std::int64_t pid = 0;
    if (got > 0) {
      std::from_chars(text, text + got, pid);
    }
    return pid;
  }

  /// Removes the blocks of an earlier incarnation: nobody maps them, and their numbers start again.
  Status remove_blocks() {
    FileSystem& files = real_file_system();
    const std::string directory = directory_ + "/index";
    MILLRACE_ASSIGN(const auto names, files.list(directory));
    for (const std::string& name : names) {
      if (is_block_name(name)) {
        MILLRACE_TRY(files.remove(directory + "/" + name));
      }
    }
    return {};
  }

  Result<LockFile*> member_file(int slot) MILLRACE_REQUIRES(mutex_) {
    LockFile& fd = member_files_[slot];
    if (!fd) {
      const std::string path = directory_ + "/members/" + std::to_string(slot);
      fd = LockFile(path, O_RDWR | O_CREAT | O_NOFOLLOW);
      if (!fd) {
        return os_failure(path, "cannot open");
      }
    }
    return &fd;
  }

  std::string directory_;
  LockFile lock_ MILLRACE_GUARDED_BY(mutex_);
  OwnedFd epoll_;
  std::uint32_t generation_;
  Identity identity_;
  FileIdentity lock_identity_;
  Mapping control_;
  std::atomic<bool> dead_ = false;
  Mutex mutex_;
  std::map<std::uint32_t, Mapping> blocks_ MILLRACE_GUARDED_BY(mutex_);
  std::map<int, LockFile> member_files_ MILLRACE_GUARDED_BY(mutex_);
  std::set<int> joined_ MILLRACE_GUARDED_BY(mutex_);
  std::map<int, ProcessHandle> watched_ MILLRACE_GUARDED_BY(mutex_);
};

class RealRegions final : public SharedRegionFactory {
 public:
  Result<std::unique_ptr<SharedRegion>> open(const std::string& directory, bool force) override {
    count_forks();
    FileSystem& files = real_file_system();
    MILLRACE_TRY(files.create_directories(directory));
    MILLRACE_TRY(refuse_linked_parts(directory));
    MILLRACE_TRY(files.create_subdirectory(directory + "/members"));
    MILLRACE_TRY(files.create_subdirectory(directory + "/index"));
    MILLRACE_TRY(refuse_unsafe_file_system(directory, force));
    const std::string path = directory + "/LOCK";
    LockFile lock(path, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (!lock) {
      return os_failure(path, "cannot open");
    }
    OwnedFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) {
      return os_failure(path, "cannot make an epoll descriptor");
    }
    return std::make_unique<RealRegion>(directory, std::move(lock), std::move(epoll));
  }
  std::unique_ptr<SharedRegion> open_private() override {
    SharedRegion::Identity identity;
    identity.boot = boot_hash();
    identity.pid_namespace = pid_namespace();
    identity.pid = ::getpid();
    identity.start_time = process_start_time(identity.pid);
    return make_private_region(identity, sleep_in_process);
  }
};

}  // namespace

SharedRegionFactory& real_shared_regions() {
  static RealRegions regions;
  return regions;
}

}  // namespace millrace
