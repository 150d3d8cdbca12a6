// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"

namespace millrace {

/// Memory that the processes using one directory share, with what they need to share it safely: a
/// lock on the whole directory, a slot per member whose liveness the others can see, sleeping and
/// waking on words of that memory. One object is one member. Thread-safe, except map() and the
/// destructor. What a member holds is given up by die(), by its destructor, or by its process's
/// death.
class SharedRegion {
 public:
  enum class LockMode : std::uint8_t { none, shared, exclusive };

  /// This process, and the file to which the memory belongs.
  struct Identity {
    std::uint64_t device = 0;  ///< of the mapped file, after head() or map()
    std::uint64_t inode = 0;
    std::uint64_t boot = 0;  ///< a hash of the boot's id
    std::uint64_t pid_namespace = 0;
    std::int64_t pid = 0;
    std::uint64_t start_time =
        0;  ///< of the process: with the pid it names one process of this boot
  };

  virtual ~SharedRegion() = default;
  [[nodiscard]] virtual Identity identity() = 0;

  /// Changes the lock on the directory without waiting; false when another member's lock forbids
  /// it. A conversion never passes through "none" on success; on a refusal the former lock is kept.
  [[nodiscard]] virtual Result<bool> try_lock(LockMode mode) = 0;

  /// True when the path of the directory names another directory than the one that this region has
  /// open, or none: it was moved away, removed, or put back from a backup. What is opened by path
  /// then does not belong to this region's members. False while that cannot be known.
  [[nodiscard]] virtual bool replaced() = 0;

  /// The first bytes of the shared memory, whatever its size is; fewer where there are no more.
  /// What stands there is the same in every layout. errc::io_error.
  [[nodiscard]] virtual Result<std::string> head(std::size_t bytes) = 0;
  /// Maps the shared memory. `fresh` (only under the exclusive lock) replaces it and all blocks by
  /// new zeroed memory; otherwise it returns null when there is none of that size. Valid until
  /// destruction. errc::disk_full, io_error.
  [[nodiscard]] virtual Result<char*> map(std::uint64_t size, bool fresh) = 0;
  /// A further piece of shared memory; `create` makes it zeroed, replacing what was there;
  /// otherwise it must exist. Valid until destruction; the same call again returns the same memory.
  /// errc::disk_full, not_found, io_error.
  [[nodiscard]] virtual Result<char*> block(std::uint32_t number, std::uint64_t size,
                                            bool create) = 0;

  /// Takes a member slot; false when a living member has it.
  [[nodiscard]] virtual Result<bool> join(int slot) = 0;
  virtual void leave(int slot) = 0;
  /// Whether a living member has the slot.
  [[nodiscard]] virtual bool alive(int slot) = 0;
  /// The processes that have a slot, by rising pid and each once; whatever the layout of their
  /// memory is. 0: at least one whose pid is not known, such as one of an earlier build.
  [[nodiscard]] virtual std::vector<std::int64_t> living() = 0;
  /// Kills the process (SIGKILL) that has the slot and waits until it is gone. errc::busy where
  /// that is not permitted or does not work.
  [[nodiscard]] virtual Status kill(int slot, std::int64_t pid, std::uint64_t start_time) = 0;
  /// From now on death_descriptor() becomes readable when that process dies, once; unwatch() ends
  /// it.
  virtual void watch(int slot, std::int64_t pid) = 0;
  virtual void unwatch(int slot) = 0;
  /// -1 where there is none. Owned by the region.
  [[nodiscard]] virtual int death_descriptor() = 0;

  /// Returns when `*word != expected`, after a wake, or when the time is over; may return early. A
  /// simulated region does not sleep: it moves the clock (SimulatedRegions).
  virtual void wait(std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns) = 0;
  virtual void wake(std::uint32_t* word, int count) = 0;

  /// Writes the files of a directory back and forgets what is cached of them, so that reading shows
  /// what the disk has.
  [[nodiscard]] virtual Status drop_cache(const std::string& directory) = 0;

  /// True in a process that inherited this object by fork: it must not be used there.
  [[nodiscard]] virtual bool forked() const = 0;
  /// Gives up all locks and slots at once, as death does. The memory stays mapped.
  virtual void die() = 0;
  /// True after die() or after being killed.
  [[nodiscard]] virtual bool dead() const = 0;
};

/// Opens shared regions by directory. Thread-safe; outlives the regions.
class SharedRegionFactory {
 public:
  virtual ~SharedRegionFactory() = default;
  /// Opens the directory, made when missing. File systems on which sharing is not safe (network,
  /// FUSE, overlay) are refused by name with errc::invalid_argument unless `force`.
  [[nodiscard]] virtual Result<std::unique_ptr<SharedRegion>> open(const std::string& directory,
                                                                   bool force) = 0;
  /// A region that is shared with nobody: its memory belongs to the process, its locks and slots
  /// are its own, and no file is touched. For a reader that must write nothing.
  [[nodiscard]] virtual std::unique_ptr<SharedRegion> open_private() = 0;
};

/// The machine's: mapped files, OFD locks, futexes and pidfds. Lives for the whole program.
[[nodiscard]] SharedRegionFactory& real_shared_regions();

/// Shared memory of simulated members in one process, which can die between any two operations. A
/// member that waits does not sleep: its wait moves the clock to the next event that was scheduled,
/// runs it and returns, or moves it to the end of the wait when there is none before. So the other
/// members work while one waits, and time passes only as far as a member waits. A wait inside an
/// event moves the clock only. Thread-safe; meant for one thread. Outlives its regions.
class SimulatedRegions final : public SharedRegionFactory {
 public:
  /// The clock of the members' logs; outlives this. Moves by whole milliseconds.
  explicit SimulatedRegions(ManualClock& clock);
  ~SimulatedRegions() override;
  Result<std::unique_ptr<SharedRegion>> open(const std::string& directory, bool force) override;
  std::unique_ptr<SharedRegion> open_private() override;

  /// Has a wait call `event` once, when the clock (Clock::monotonic_ns) has come to `at_ns`; events
  /// of the same time in the order of this call. An event does what another member does, or the
  /// housekeeping of the one that waits, and schedules itself again to come again. What it refers
  /// to outlives the waits. It must not throw, and must not call a member that waits for the writer
  /// lock: a lock among the threads of that member is held.
  void schedule(std::int64_t at_ns, std::function<void()> event);

  /// All members die, all shared memory is gone, and the machine boots again.
  void lose_power();
  /// Another directory takes the place of this one: the regions that are open see it replaced, and
  /// later ones share memory of their own.
  void replace(const std::string& directory);
  /// Damages one byte of a directory's mapped memory.
  void flip_byte(const std::string& directory, std::uint64_t offset);
  /// Mapping a block that is there fails with io_error, until set back to false: as in a process
  /// that has no descriptor left. Blocks that a member mapped before stay usable.
  void fail_blocks(bool fail);
  /// Following members see themselves in another PID namespace.
  void enter_namespace(std::uint64_t pid_namespace);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace millrace
