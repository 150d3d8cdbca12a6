// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "millrace/log_embedded/shared_region.hpp"
#include "private_region.hpp"
#include "simulated_time.hpp"

namespace millrace {
namespace {

class SimulatedRegion;

/// What the members of one directory share. Memory outlives its replacement: a dead member may
/// still hold pointers into it.
struct Directory {
  using Memory = std::shared_ptr<std::vector<std::uint64_t>>;
  Memory memory;
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::map<std::uint32_t, Memory> blocks;
  std::vector<SimulatedRegion*> members;
};

Directory::Memory make_memory(std::uint64_t size) {
  return std::make_shared<std::vector<std::uint64_t>>((size + 7) / 8);
}
char* bytes_of(const Directory::Memory& memory) { return reinterpret_cast<char*>(memory->data()); }

}  // namespace

struct SimulatedRegions::State {
  explicit State(ManualClock& clock) : time(clock) {}

  SimulatedTime time;
  Mutex mutex;
  std::map<std::string, std::shared_ptr<Directory>> directories MILLRACE_GUARDED_BY(mutex);
  std::uint64_t boot MILLRACE_GUARDED_BY(mutex) = 1;
  std::uint64_t pid_namespace MILLRACE_GUARDED_BY(mutex) = 1;
  std::uint64_t next_inode MILLRACE_GUARDED_BY(mutex) = 1;
  std::int64_t next_pid MILLRACE_GUARDED_BY(mutex) = 1000;
  bool blocks_fail MILLRACE_GUARDED_BY(mutex) = false;
};

namespace {

class SimulatedRegion final : public SharedRegion {
 public:
  SimulatedRegion(std::shared_ptr<SimulatedRegions::State> state, std::string path,
                  std::shared_ptr<Directory> directory)
      : state_(std::move(state)),
        path_(std::move(path)),
        kept_directory_(std::move(directory)),
        directory_(*kept_directory_) {
    identity_.device = 1;
    identity_.boot = state_->boot;
    identity_.pid_namespace = state_->pid_namespace;
    identity_.pid = state_->next_pid++;
    identity_.start_time = static_cast<std::uint64_t>(identity_.pid) * 7;
    directory_.members.push_back(this);
  }
  ~SimulatedRegion() override {
    const MutexLock lock(state_->mutex);
    std::erase(directory_.members, this);
  }

  Identity identity() override { return identity_; }

  Result<bool> try_lock(LockMode mode) override {
    const MutexLock lock(state_->mutex);
    for (const SimulatedRegion* other : directory_.members) {
      if (other == this || other->dead_) {
        continue;
      }
      const bool conflict = (mode == LockMode::exclusive && other->lock_ != LockMode::none) ||
                            (mode == LockMode::shared && other->lock_ == LockMode::exclusive);
      if (conflict) {
        return false;
      }
    }
    lock_ = mode;
    return true;
  }

  bool replaced() override {
    const MutexLock lock(state_->mutex);
    return state_->directories[path_] != kept_directory_;
  }

  Result<std::string> head(std::size_t bytes) override {
    const MutexLock lock(state_->mutex);
    if (directory_.memory == nullptr) {
      return std::string();
    }
    identity_.inode = directory_.inode;
    return std::string(bytes_of(directory_.memory), std::min<std::size_t>(bytes, directory_.size));
  }

  Result<char*> map(std::uint64_t size, bool fresh) override {
    const MutexLock lock(state_->mutex);
    if (fresh) {
      directory_.memory = make_memory(size);
      directory_.size = size;
      directory_.inode = state_->next_inode++;
      directory_.blocks.clear();
    }
    if (directory_.memory == nullptr || directory_.size != size) {
      return nullptr;
    }
    identity_.inode = directory_.inode;
    kept_.push_back(directory_.memory);
    return bytes_of(directory_.memory);
  }

  Result<char*> block(std::uint32_t number, std::uint64_t size, bool create) override {
    const MutexLock lock(state_->mutex);
    Directory::Memory& memory = directory_.blocks[number];
    if (create) {
      memory = make_memory(size);
    } else if (state_->blocks_fail) {
      return fail(errc::io_error, "shared block {} is set to fail", number);
    }
    if (memory == nullptr || memory->size() * 8 < size) {
      return fail(errc::not_found, "shared block {} does not exist", number);
    }
    kept_.push_back(memory);
    return bytes_of(memory);
  }

  Result<bool> join(int slot) override {
    const MutexLock lock(state_->mutex);
    if (holder(slot) != nullptr) {
      return false;
    }
    slot_ = slot;
    return true;
  }
  void leave(int slot) override {
    const MutexLock lock(state_->mutex);
    if (slot_ == slot) {
      slot_ = -1;
    }
  }
  bool alive(int slot) override {
    const MutexLock lock(state_->mutex);
    return holder(slot) != nullptr;
  }
  std::vector<std::int64_t> living() override {
    const MutexLock lock(state_->mutex);
    std::vector<std::int64_t> pids;
    for (const SimulatedRegion* member : directory_.members) {
      if (!member->dead_ && member->slot_ >= 0) {
        pids.push_back(member->identity_.pid);
      }
    }
    std::sort(pids.begin(), pids.end());
    return pids;
  }
  Status kill(int slot, std::int64_t pid, std::uint64_t start_time) override {
    const MutexLock lock(state_->mutex);
    SimulatedRegion* other = holder(slot);
    if (other != nullptr && other->identity_.pid == pid &&
        other->identity_.start_time == start_time) {
      other->dead_ = true;
    }
    return {};
  }
  void watch(int, std::int64_t) override {}
  void unwatch(int) override {}
  int death_descriptor() override { return -1; }
  void wait(std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns) override {
    state_->time.wait(word, expected, timeout_ns);
  }
  void wake(std::uint32_t*, int) override {}
  Status drop_cache(const std::string&) override { return {}; }
  bool forked() const override { return false; }
  void die() override { dead_ = true; }
  bool dead() const override { return dead_; }

 private:
  SimulatedRegion* holder(int slot) {
    for (SimulatedRegion* member : directory_.members) {
      if (!member->dead_ && member->slot_ == slot) {
        return member;
      }
    }
    return nullptr;
  }

  std::shared_ptr<SimulatedRegions::State> state_;
  std::string path_;
  std::shared_ptr<Directory> kept_directory_;
  Directory& directory_;
  Identity identity_;
  LockMode lock_ = LockMode::none;
  int slot_ = -1;
  std::atomic<bool> dead_ = false;
  std::vector<Directory::Memory> kept_;
};

}  // namespace

SimulatedRegions::SimulatedRegions(ManualClock& clock) : state_(std::make_shared<State>(clock)) {}
SimulatedRegions::~SimulatedRegions() = default;

Result<std::unique_ptr<SharedRegion>> SimulatedRegions::open(const std::string& directory, bool) {
  const MutexLock lock(state_->mutex);
  std::shared_ptr<Directory>& found = state_->directories[directory];
  if (found == nullptr) {
    found = std::make_shared<Directory>();
  }
  return std::make_unique<SimulatedRegion>(state_, directory, found);
}

std::unique_ptr<SharedRegion> SimulatedRegions::open_private() {
  return make_private_region(
      {.pid_namespace = 1, .pid = 1},
      [state = state_](std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns) {
        state->time.wait(word, expected, timeout_ns);
      });
}

void SimulatedRegions::schedule(std::int64_t at_ns, std::function<void()> event) {
  state_->time.schedule(at_ns, std::move(event));
}

void SimulatedRegions::lose_power() {
  const MutexLock lock(state_->mutex);
  for (auto& [path, directory] : state_->directories) {
    for (SimulatedRegion* member : directory->members) {
      member->die();
    }
    directory->memory = nullptr;
    directory->blocks.clear();
  }
  state_->boot += 1;
}

void SimulatedRegions::replace(const std::string& directory) {
  const MutexLock lock(state_->mutex);
  state_->directories[directory] = std::make_shared<Directory>();
}

void SimulatedRegions::flip_byte(const std::string& directory, std::uint64_t offset) {
  const MutexLock lock(state_->mutex);
  const auto found = state_->directories.find(directory);
  if (found != state_->directories.end() && found->second->memory != nullptr &&
      offset < found->second->size) {
    char& byte = bytes_of(found->second->memory)[offset];
    byte = static_cast<char>(byte ^ 0x5a);
  }
}

void SimulatedRegions::fail_blocks(bool fail) {
  const MutexLock lock(state_->mutex);
  state_->blocks_fail = fail;
}

void SimulatedRegions::enter_namespace(std::uint64_t pid_namespace) {
  const MutexLock lock(state_->mutex);
  state_->pid_namespace = pid_namespace;
}

}  // namespace millrace
