// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/fault_file_system.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "fault_directory.hpp"
#include "fault_inode.hpp"
#include "fault_names.hpp"
#include "fault_path.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/base/ownership.hpp"
#include "millrace/base/sparse_file.hpp"

namespace millrace {
struct FaultFileSystem::State {
  class OpenFile;

  mutable Mutex mutex;
  FaultNames names MILLRACE_GUARDED_BY(mutex);
  std::uint64_t capacity MILLRACE_GUARDED_BY(mutex) = UINT64_MAX;
  std::uint64_t syncs MILLRACE_GUARDED_BY(mutex) = 0;
  std::uint64_t bulk_syncs MILLRACE_GUARDED_BY(mutex) = 0;
  std::uint64_t losses MILLRACE_GUARDED_BY(mutex) = 0;  ///< of pages, of any file
  std::uint64_t power_cuts MILLRACE_GUARDED_BY(mutex) = 0;
  bool failing_writes MILLRACE_GUARDED_BY(mutex) = false;
  bool failing_syncs MILLRACE_GUARDED_BY(mutex) = false;
  bool read_only MILLRACE_GUARDED_BY(mutex) = false;

  [[nodiscard]] Status may_change(const char* what, const std::string& path) const
      MILLRACE_REQUIRES(mutex) {
    if (read_only) {
      return fail(errc::no_permission, "cannot {} {}: read-only file system", what, path);
    }
    return {};
  }

  [[nodiscard]] std::uint64_t room() const MILLRACE_REQUIRES(mutex) {
    std::uint64_t used = 0;
    for (const auto& [path, inode] : names.entries) {
      used += inode->size;
    }
    return capacity > used ? capacity - used : 0;
  }

  /// As one who came after so many power cuts.
  [[nodiscard]] Status sync_directory(const std::string& name,
                                      std::optional<std::uint64_t> since = std::nullopt) {
    const MutexLock lock(mutex);
    if (since && *since != power_cuts) {
      return fail(errc::io_error,
                  "cannot sync directory {}: the power was lost since it was opened", name);
    }
    if (!names.directories.contains(name)) {
      return FaultNames::missing("sync directory", name);
    }
    if (failing_syncs) {
      return fail(errc::io_error, "cannot sync directory {}: set to fail", name);
    }
    names.sync(name);
    return {};
  }

  /// As one who came after so many power cuts, and knows of so many losses of pages.
  [[nodiscard]] Status sync_all(const std::string& name, std::uint64_t since,
                                std::uint64_t& losses_seen) {
    const MutexLock lock(mutex);
    const std::string what = "cannot sync all below " + name;
    if (since != power_cuts) {
      return fail(errc::io_error, "{}: the power was lost since it was opened", what);
    }
    for (const auto& [path, inode] : names.entries) {
      if (failing_syncs && FaultNames::is_below(path, name)) {
        losses += inode->lose_dirty() ? 1 : 0;
      }
    }
    if (std::exchange(losses_seen, losses) != losses || failing_syncs) {
      return fail(errc::io_error,
                  what + (failing_syncs ? ": set to fail" : ": an earlier sync lost pages"));
    }
    for (const auto& [path, inode] : names.entries) {
      if (FaultNames::is_below(path, name)) {
        inode->sync();
      }
    }
    names.sync_below(name);
    ++bulk_syncs;
    return {};
  }

  void lose_power(Random* random) {
    const MutexLock lock(mutex);
    ++power_cuts;
    names.lose_power(random);
  }
};

class FaultFileSystem::State::OpenFile final : public File, public SparseFile {
 public:
  OpenFile(std::shared_ptr<State> state, std::shared_ptr<FaultInode> inode, std::string path,
           bool writable)
      : state_(std::move(state)),
        inode_(std::move(inode)),
        path_(std::move(path)),
        power_cuts_(state_->power_cuts),
        losses_seen_(inode_->losses),
        writable_(writable) {}

  Result<std::size_t> read_at(std::uint64_t offset, char* out, std::size_t size) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(usable("read", false));
    const std::size_t count =
        offset >= inode_->size ? 0 : std::min<std::uint64_t>(size, inode_->size - offset);
    inode_->cache.read(offset, out, count);
    return count;
  }

  Result<Range> data_from(std::uint64_t offset) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(usable("read", false));
    return inode_->data_from(offset);
  }

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(usable("write", true));
    if (state_->failing_writes) {
      // A real device fails in the middle as well as at the start.
      inode_->write(offset, bytes.substr(0, bytes.size() / 2));
      return fail(errc::io_error, "cannot write {}: set to fail", path_);
    }
    const std::uint64_t room = state_->room();
    const std::uint64_t end = offset + bytes.size();
    if (end > inode_->size && end - inode_->size > room) {
      const std::uint64_t last = inode_->size + room;
      if (last > offset) {
        inode_->write(offset, bytes.substr(0, last - offset));
      }
      return full("write");
    }
    if (!bytes.empty()) {
      inode_->write(offset, bytes);
    }
    return {};
  }

  Status sync() override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(usable("sync", false));
    const bool failing = state_->failing_syncs;
    state_->losses += failing && inode_->lose_dirty() ? 1 : 0;
    if (std::exchange(losses_seen_, inode_->losses) != inode_->losses || failing) {
      return fail(errc::io_error, "cannot sync {}{}", path_,
                  failing ? ": set to fail" : ": an earlier sync lost pages");
    }
    inode_->sync();
    ++state_->syncs;
    return {};
  }

  Status allocate(std::uint64_t size) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(usable("reserve room for", true));
    if (size <= inode_->size) {
      return {};
    }
    if (size - inode_->size > state_->room()) {
      return full("reserve room for");
    }
    inode_->resize(size);
    return {};
  }

  Status truncate(std::uint64_t size) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(usable("truncate", true));
    if (size > inode_->size && size - inode_->size > state_->room()) {
      return full("truncate");
    }
    inode_->resize(size);
    return {};
  }

  Result<std::uint64_t> size() override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(usable("stat", false));
    return inode_->size;
  }

  Result<char*> map(std::uint64_t size) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(usable("map", true));
    if (size == 0 || size > inode_->size) {
      return fail(errc::io_error, "cannot map {}: allocate the bytes first", path_);
    }
    char* const memory = inode_->cache.map(size);
    if (memory == nullptr) {
      return fail(errc::io_error, "cannot map {}: it is mapped already, with fewer bytes", path_);
    }
    return memory;
  }

 private:
  Status usable(const char* what, bool writes) MILLRACE_REQUIRES(state_->mutex) {
    if (power_cuts_ != state_->power_cuts) {
      return fail(errc::io_error, "cannot {} {}: the power was lost since it was opened", what,
                  path_);
    }
    if (writes && !writable_) {
      return fail(errc::io_error, "cannot {} {}: opened for reading only", what, path_);
    }
    return writes ? state_->may_change(what, path_) : Status{};
  }

  std::unexpected<Error> full(const char* what) {
    return fail(errc::disk_full, "cannot {} {}: no space left on device", what, path_);
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<FaultInode> inode_;
  std::string path_;
  std::uint64_t power_cuts_;
  std::uint64_t losses_seen_;
  bool writable_;
};

FaultFileSystem::FaultFileSystem() : state_(std::make_shared<State>()) {}
FaultFileSystem::~FaultFileSystem() = default;

Result<std::unique_ptr<File>> FaultFileSystem::open(const std::string& path, OpenMode mode) {
  const MutexLock lock(state_->mutex);
  const std::string name = normal_path(path);
  if (state_->names.directories.contains(name) && mode == OpenMode::read) {
    return std::make_unique<FaultDirectory>(path,
                                            [state = state_, name, opened = state_->power_cuts] {
                                              return state->sync_directory(name, opened);
                                            });
  }
  if (state_->names.directories.contains(name)) {
    return fail(errc::io_error, "cannot open {}: is a directory", path);
  }
  const auto found = state_->names.entries.find(name);
  if (mode != OpenMode::read) {
    MILLRACE_TRY(state_->may_change("open", path));
  }
  if (found == state_->names.entries.end()) {
    if (mode == OpenMode::read || mode == OpenMode::read_write ||
        !state_->names.directories.contains(directory_of(name))) {
      return FaultNames::missing("open", path);
    }
    return std::make_unique<State::OpenFile>(state_, state_->names.create(name), path, true);
  }
  if (mode == OpenMode::create_exclusive) {
    return fail(errc::busy, "cannot open {}: file exists", path);
  }
  return std::make_unique<State::OpenFile>(state_, found->second, path, mode != OpenMode::read);
}

Result<std::unique_ptr<File>> FaultFileSystem::open_all(const std::string& directory) {
  const MutexLock lock(state_->mutex);
  const std::string name = normal_path(directory);
  if (!state_->names.directories.contains(name)) {
    return FaultNames::missing("open", directory);
  }
  return std::make_unique<FaultDirectory>(
      directory,
      [state = state_, name, opened = state_->power_cuts, losses = state_->losses]() mutable {
        return state->sync_all(name, opened, losses);
      });
}

Status FaultFileSystem::create_directories(const std::string& path) {
  if (path.empty()) {
    return fail(errc::invalid_argument, "cannot make a directory: its path is empty");
  }
  const MutexLock lock(state_->mutex);
  for (std::string part = normal_path(path); !state_->names.directories.contains(part);
       part = directory_of(part)) {
    if (state_->names.entries.contains(part)) {
      return fail(errc::io_error, "cannot make directory {}: {} is a file", path, part);
    }
    MILLRACE_TRY(state_->may_change("make directory", part));
    state_->names.directories.insert(part);
  }
  return {};
}

Result<std::vector<std::string>> FaultFileSystem::list(const std::string& path) {
  const MutexLock lock(state_->mutex);
  const std::string name = normal_path(path);
  if (!state_->names.directories.contains(name)) {
    return FaultNames::missing("list", path);
  }
  std::set<std::string> names;
  const auto add = [&](const std::string& entry) {
    if (entry != name && directory_of(entry) == name) {
      names.insert(entry.substr(entry.find_last_of('/') + 1));
    }
  };
  for (const auto& [entry, inode] : state_->names.entries) {
    add(entry);
  }
  for (const std::string& entry : state_->names.directories) {
    add(entry);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

bool FaultFileSystem::exists(const std::string& path) {
  const MutexLock lock(state_->mutex);
  const std::string name = normal_path(path);
  return state_->names.entries.contains(name) || state_->names.directories.contains(name);
}

Status FaultFileSystem::remove(const std::string& path) {
  const std::string name = normal_path(path);
  const auto listed = list(path);
  const MutexLock lock(state_->mutex);
  MILLRACE_TRY(state_->may_change("remove", path));
  if (state_->names.remove(name)) {
    return {};
  }
  if (!state_->names.directories.contains(name)) {
    return FaultNames::missing("remove", path);
  }
  if (!listed || !listed->empty()) {
    return fail(errc::io_error, "cannot remove {}: directory not empty", path);
  }
  state_->names.directories.erase(name);
  return {};
}

Status FaultFileSystem::rename(const std::string& from, const std::string& to) {
  const MutexLock lock(state_->mutex);
  MILLRACE_TRY(state_->may_change("rename", from));
  return state_->names.rename(normal_path(from), normal_path(to));
}

Status FaultFileSystem::sync_directory(const std::string& path) {
  return state_->sync_directory(normal_path(path));
}

void FaultFileSystem::lose_power(Random& random) { state_->lose_power(&random); }
void FaultFileSystem::lose_power() { state_->lose_power(nullptr); }

void FaultFileSystem::set_capacity(std::uint64_t bytes) {
  const MutexLock lock(state_->mutex);
  state_->capacity = bytes;
}

void FaultFileSystem::fail_writes(bool fail) {
  const MutexLock lock(state_->mutex);
  state_->failing_writes = fail;
}

void FaultFileSystem::fail_syncs(bool fail) {
  const MutexLock lock(state_->mutex);
  state_->failing_syncs = fail;
}

void FaultFileSystem::set_read_only(bool read_only) {
  const MutexLock lock(state_->mutex);
  state_->read_only = read_only;
}

Status FaultFileSystem::flip_bit(const std::string& path, std::uint64_t offset, int bit) {
  const MutexLock lock(state_->mutex);
  const auto found = state_->names.entries.find(normal_path(path));
  if (found == state_->names.entries.end()) {
    return FaultNames::missing("flip a bit of", path);
  }
  FaultInode& inode = *found->second;
  if (offset >= inode.size || bit < 0 || bit > 7) {
    return fail(errc::invalid_argument, "there is no such bit in {}", path);
  }
  inode.flip_bit(offset, bit);
  return {};
}

std::uint64_t FaultFileSystem::syncs() const {
  const MutexLock lock(state_->mutex);
  return state_->syncs;
}

std::uint64_t FaultFileSystem::bulk_syncs() const {
  const MutexLock lock(state_->mutex);
  return state_->bulk_syncs;
}

}  // namespace millrace
