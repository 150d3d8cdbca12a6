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

/// Memory that the processes of one directory share, and the means to share it safely: a lock on
/// the whole directory, a slot for each member, whose life the other members can check, and waiting
/// and waking on words of the memory. One object is one member. Thread-safe, except map() and the
/// destructor. The locks and slots of a member are released by die(), by its destructor, or by the
/// death of its process.
class SharedRegion {
 public:
  enum class LockMode : std::uint8_t { none, shared, exclusive };

  /// This process, and the file to which the memory belongs.
  struct Identity {
    std::uint64_t device = 0;  ///< the device of the mapped file, after head() or map()
    std::uint64_t inode = 0;
    std::uint64_t boot = 0;  ///< a hash of the boot's id
    std::uint64_t pid_namespace = 0;
    std::int64_t pid = 0;
    /// of the process: with the pid it names one process of this boot
    std::uint64_t start_time = 0;
  };

  virtual ~SharedRegion() = default;
  [[nodiscard]] virtual Identity identity() = 0;

  /// Changes the lock on the directory without waiting; false when the lock of another member
  /// forbids it. If it succeeds, the lock was never released in between. If it fails, the previous
  /// lock stays.
  [[nodiscard]] virtual Result<bool> try_lock(LockMode mode) = 0;

  /// True when the path of the directory leads to another directory than the one that this region
  /// has open, or to none: the directory was moved, removed, or restored from a backup. Files that
  /// are opened by path then do not belong to the members of this region. False while this is not
  /// known.
  [[nodiscard]] virtual bool replaced() = 0;

  /// The first bytes of the shared memory, regardless of its size; fewer if there are no more. They
  /// have the same meaning in every layout. errc::io_error.
  [[nodiscard]] virtual Result<std::string> head(std::size_t bytes) = 0;
  /// Maps the shared memory. With `fresh` (only under the exclusive lock) it is replaced by new
  /// zeroed memory, and all blocks are removed. Otherwise returns null when there is no shared
  /// memory of this size. Valid until destruction. errc::disk_full, io_error.
  [[nodiscard]] virtual Result<char*> map(std::uint64_t size, bool fresh) = 0;
  /// A further block of shared memory. With `create` it is created with zeros and replaces an
  /// existing one; otherwise it must exist. Valid until destruction. The same call again returns
  /// the same memory. errc::disk_full, not_found, io_error.
  [[nodiscard]] virtual Result<char*> block(std::uint32_t number, std::uint64_t size,
                                            bool create) = 0;

  /// Takes a member slot; false when a living member has it.
  [[nodiscard]] virtual Result<bool> join(int slot) = 0;
  virtual void leave(int slot) = 0;
  /// True if a living member has the slot.
  [[nodiscard]] virtual bool alive(int slot) = 0;
  /// The processes that have a slot, each once and in the order of their pids, regardless of the
  /// layout of their memory. 0 stands for processes whose pid is not known, such as those of an
  /// earlier build.
  [[nodiscard]] virtual std::vector<std::int64_t> living() = 0;
  /// Kills the process that has the slot with SIGKILL and waits until it has ended. errc::busy when
  /// this is not permitted or does not work.
  [[nodiscard]] virtual Status kill(int slot, std::int64_t pid, std::uint64_t start_time) = 0;
  /// From now on death_descriptor() becomes readable once when this process dies; unwatch() ends
  /// this.
  virtual void watch(int slot, std::int64_t pid) = 0;
  virtual void unwatch(int slot) = 0;
  /// -1 where there is none. Owned by the region.
  [[nodiscard]] virtual int death_descriptor() = 0;

  /// Waits until `*word != expected`, until a wake, or until the time is over; may return early. A
  /// simulated region does not sleep: it moves the clock (SimulatedRegions).
  virtual void wait(std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns) = 0;
  virtual void wake(std::uint32_t* word, int count) = 0;

  /// Writes the files of a directory to the disk and drops their cached pages, so that later reads
  /// return the data of the disk.
  [[nodiscard]] virtual Status drop_cache(const std::string& directory) = 0;

  /// True in a process that inherited this object by fork: it must not be used there.
  [[nodiscard]] virtual bool forked() const = 0;
  /// Releases all locks and slots at once, as a death does. The memory stays mapped.
  virtual void die() = 0;
  /// True after die() or after being killed.
  [[nodiscard]] virtual bool dead() const = 0;
};

/// Opens shared regions by directory. Thread-safe. It must outlive the regions.
class SharedRegionFactory {
 public:
  virtual ~SharedRegionFactory() = default;
  /// Opens the directory; creates it when missing. File systems on which sharing is not safe
  /// (network, FUSE, overlay) are refused with errc::invalid_argument and their name, unless
  /// `force` is set.
  [[nodiscard]] virtual Result<std::unique_ptr<SharedRegion>> open(const std::string& directory,
                                                                   bool force) = 0;
  /// A region that is not shared: its memory, locks and slots are private to this object, and no
  /// file is written. For a reader that must write nothing.
  [[nodiscard]] virtual std::unique_ptr<SharedRegion> open_private() = 0;
};

/// The shared regions of this machine: mapped files, OFD locks, futexes and pidfds. Lives for the
/// whole program.
[[nodiscard]] SharedRegionFactory& real_shared_regions();

/// Shared memory of simulated members in one process. A member can die between any two operations.
/// A member that waits does not sleep: its wait moves the clock to the next scheduled event, runs
/// the event and returns; without an event before the end of the wait, it moves the clock to that
/// end. So the other members work while one waits, and time passes only during waits. A wait inside
/// an event only moves the clock. Thread-safe, but meant for one thread. It must outlive its
/// regions.
class SimulatedRegions final : public SharedRegionFactory {
 public:
  /// The clock of the logs of the members. It must outlive this object. It moves by whole
  /// milliseconds.
  explicit SimulatedRegions(ManualClock& clock);
  ~SimulatedRegions() override;
  Result<std::unique_ptr<SharedRegion>> open(const std::string& directory, bool force) override;
  std::unique_ptr<SharedRegion> open_private() override;

  /// Schedules `event`: a wait calls it once when the clock (Clock::monotonic_ns) reaches `at_ns`.
  /// Events of the same time run in the order in which they were scheduled. An event does the work
  /// of another member, or the housekeeping of the member that waits, and may schedule itself
  /// again. Objects to which it refers must outlive the waits. It must not throw, and must not call
  /// a member that waits for the writer lock, because a mutex of that member is locked.
  void schedule(std::int64_t at_ns, std::function<void()> event);

  /// Simulates a reboot: all members die, and all shared memory is lost.
  void lose_power();
  /// Replaces the directory by another one: open regions see that it was replaced, and later
  /// regions share other memory.
  void replace(const std::string& directory);
  /// Damages one byte of a directory's mapped memory.
  void flip_byte(const std::string& directory, std::uint64_t offset);
  /// With true, mapping an existing block fails with io_error, as in a process without a free
  /// descriptor, until it is called with false. Blocks that a member mapped before stay usable.
  void fail_blocks(bool fail);
  /// Members that open later see themselves in another PID namespace.
  void enter_namespace(std::uint64_t pid_namespace);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace millrace
