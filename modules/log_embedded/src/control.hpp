// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

// The shared memory of an embedded log: docs/formats/control_file.md. Zeroed memory is an empty
// control file. Fields that are not atomic are read and written by the holder of a Locked only,
// unless their comment says otherwise.
namespace millrace::log::embedded {

inline constexpr std::uint32_t control_magic = 0x4c435a4dU;  // "MZCL"
inline constexpr std::uint32_t control_layout = 14;

inline constexpr std::size_t max_members = 64;
inline constexpr std::size_t max_waiters = 256;
inline constexpr std::size_t max_rows = 4096;
inline constexpr std::size_t max_positions = 16384;
inline constexpr std::size_t max_tasks = 1024;
inline constexpr std::size_t max_group_members = 512;
inline constexpr std::size_t max_producers = 1024;
inline constexpr std::size_t index_levels = 24;
inline constexpr std::size_t first_level_entries = 16;

/// A name in shared memory, at most 255 bytes.
struct SharedName {
  std::uint8_t size = 0;
  char text[255] = {};
  void set(std::string_view name) {
    size = static_cast<std::uint8_t>(name.size() < sizeof text ? name.size() : sizeof text);
    std::memcpy(text, name.data(), size);
  }
  [[nodiscard]] std::string_view view() const { return {text, size}; }
};

enum class SlotState : std::uint32_t { free = 0, active = 1 };

/// Why a log takes no appends.
enum class Failure : std::uint32_t {
  none = 0,
  journal = 1,  ///< the journal may not be what was acknowledged; the file FAILED says so, too
  control = 2   ///< this control file contradicts itself; the journal is good
};

/// A process, or rather a handle.
struct alignas(64) MemberRow {
  std::atomic<SlotState> state;
  std::atomic<std::uint32_t> generation;  ///< rises with each member that takes the slot
  std::int64_t pid;  ///< this, start_time and the names: set by the member itself, before `state`
  std::uint64_t start_time;
  std::atomic<std::int64_t> heartbeat_ns;
  /// Since when it waits for the writer lock, 0 when it does not; and the word it sleeps on.
  alignas(64) std::atomic<std::int64_t> lock_wait_since_ns;
  std::atomic<std::uint32_t> lock_word;
  std::atomic<std::uint32_t> durable_sleepers;  ///< its part of Control::durable_sleepers
  std::atomic<std::int64_t> lock_looked_ns;     ///< when it last looked whether the lock is its own
  SharedName name;
  SharedName service;
};

/// A reader that may sleep. Bit n of `interests` is row n of the partitions.
struct alignas(64) WaiterRow {
  std::atomic<std::uint32_t> word;
  std::atomic<std::uint32_t> owner;  ///< slot of the member + 1; 0: free
  alignas(64) std::atomic<std::uint64_t> interests[max_rows / 64];
};

/// A partition. Index entry i lies in the level that first_level_entries and i decide.
struct alignas(64) PartitionRow {
  std::atomic<std::uint64_t> count;  ///< index entries published; the last may not be committed yet
  std::atomic<std::int64_t> start_offset;
  std::int64_t next_offset;
  /// Batches before this offset lie in settled segments, durably; of `__catalog` those that the
  /// checkpoint has which was there when this control file was made.
  std::atomic<std::int64_t> settled;
  std::int32_t topic;
  std::int32_t partition;
  std::uint64_t levels[index_levels];  ///< block number << 32 | offset / index_unit + 1; 0: none
};

struct PositionRow {
  std::uint32_t used;
  std::int32_t group;
  std::int32_t topic;
  std::int32_t partition;
  std::int64_t next;
};

/// A task of a group. `number` not 0: owner, incarnation and number are a current claim.
struct alignas(64) TaskRow {
  std::uint32_t used;
  std::int32_t group;
  std::uint32_t owner;  ///< row of the group member
  std::uint32_t incarnation;
  std::uint64_t number;
  SharedName name;
};

/// A membership of a handle in a group.
struct alignas(64) GroupMemberRow {
  std::atomic<SlotState> state;
  std::atomic<std::uint32_t> generation;
  std::atomic<std::int64_t> heartbeat_ns;  ///< Clock::awake_ns()
  std::int64_t session_ns;
  std::int32_t group;
  std::uint32_t member;  ///< slot of the handle
  std::uint64_t joined;  ///< order of joining
  std::uint64_t tasks[max_tasks / 64];
};

/// The last sequence of a producer and the frame that holds its outcome.
struct ProducerRow {
  std::uint32_t used;
  std::int64_t sequence;
  std::uint64_t frame;
  SharedName name;
};

/// The end of a frame and its checksum, which the next frame repeats. Two take turns, so that a
/// death while one is written leaves the other.
struct Tail {
  std::uint64_t end;
  std::uint32_t checksum;
};

/// What stands at the beginning in every layout.
struct ControlHead {
  std::uint32_t magic;
  std::uint32_t layout;
  std::uint64_t bytes;
  std::uint64_t device;
  std::uint64_t inode;
};

/// What a process that waits reads of one that opens the log, without mapping the file. The same in
/// every layout from 13 on; the hash of the boot id and the PID namespace follow.
struct OpeningHead {
  ControlHead head;
  std::int64_t opener;
  std::uint64_t steps;
  std::uint64_t done;
  std::uint64_t all;
};

struct Control {
  // Written once, before `valid`. As in ControlHead.
  std::uint32_t magic;
  std::uint32_t layout;
  std::uint64_t bytes;
  std::uint64_t device;
  std::uint64_t inode;
  // As in OpeningHead.
  std::atomic<std::int64_t> opener;  ///< pid of the process that makes this file; 0 when it is made
  std::atomic<std::uint64_t> opening_steps;  ///< rises with all that it does
  std::atomic<std::uint64_t> opening_done;   ///< bytes of the journal that it went through
  std::atomic<std::uint64_t> opening_all;    ///< of so many at most
  std::uint64_t boot;
  std::uint64_t pid_namespace;
  std::uint64_t log_id;
  std::uint32_t incarnation;
  std::atomic<std::uint32_t> valid;
  std::uint64_t recovered;  ///< where this incarnation began
  /// Where the first frame that is kept in the journal begins. Changed by the holder of the lock
  /// once a checkpoint says so durably, before a segment is removed.
  std::atomic<std::uint64_t> begin;
  std::uint32_t begin_previous;  ///< checksum of the frame before it, 0 of the log's first frame
  std::atomic<std::uint64_t> unsettled;  ///< everything before it is settled

  // The writer lock.
  /// Slot of the holder + 1 (7 bits), whether it is offered only (1 bit), the generation of the
  /// slot (23 bits), and whether somebody sleeps for it (1 bit).
  alignas(64) std::atomic<std::uint32_t> lock;
  alignas(64) std::atomic<std::uint64_t> progress;
  std::atomic<std::uint32_t> members_high;  ///< no member slot at or above it was ever used
  std::atomic<std::uint64_t> members_version;
  std::uint64_t lineage;  ///< the current one; written once, before `valid`

  // Positions of the journal.
  alignas(64) std::atomic<std::uint64_t> committed;
  alignas(64) std::atomic<std::uint64_t> durable;
  std::atomic<std::uint32_t> sync_leader;  ///< slot of the member that syncs + 1
  std::atomic<std::uint32_t> durable_word;
  std::atomic<std::uint32_t> durable_sleepers;
  alignas(64) Tail tails[2];
  std::uint64_t segment_start;  ///< both are read without the lock, through atomic_ref
  std::uint64_t segment_end;
  std::atomic<std::uint32_t> segments_version;
  std::atomic<std::uint64_t> named;  ///< names of segments that begin below it are durable

  // The fatal state, set by any member without the lock. The text is written before `failed`.
  std::atomic<Failure> failed;
  SharedName failure;

  // Who sleeps: a bit per waiter row.
  alignas(64) std::atomic<std::uint64_t> sleeping[max_waiters / 64];

  /// Rises with everything that can change how tasks are shared.
  std::atomic<std::uint64_t> groups_version;
  /// Rises when all sleepers must look around: a member died or was put out.
  std::atomic<std::uint64_t> alarms;
  std::atomic<std::uint32_t> group_members_high;
  /// Slot of the member that writes one, or that settles, + 1.
  std::atomic<std::uint32_t> checkpoint_owner;
  /// Slot of the member that compacts + 1; it keeps the turn between two steps, and loses it when
  /// it takes none for long.
  std::atomic<std::uint32_t> compactor;
  std::atomic<std::int64_t> compacted_ns;  ///< its last step, monotonic
  std::atomic<std::int64_t> cleaned_ns;    ///< when the last look for what is to go began
  /// Slot of the member that reads to find damage + 1; it loses its turn when it reads nothing for
  /// long.
  std::atomic<std::uint32_t> scrubber;
  std::atomic<std::int64_t> scrub_ns;     ///< when it read last, monotonic
  std::atomic<std::int64_t> scrubbed_ns;  ///< when the last pass ended, or the log was opened
  std::atomic<std::uint32_t> preparer;    ///< slot of the member that prepares a segment + 1
  // Of the last checkpoint.
  std::uint64_t
      checkpoint_segment;  ///< start of the segment that it knows; read like segment_start
  std::atomic<std::uint64_t> checkpoint_position;
  std::atomic<std::int64_t> checkpoint_ns;  ///< monotonic
  std::uint64_t claim_number;
  std::uint64_t join_number;
  std::uint32_t rows_used;
  std::uint32_t positions_used;
  std::uint32_t tasks_used;
  std::uint32_t producers_used;
  std::uint32_t blocks_used;  ///< index blocks made
  std::uint64_t block_free;   ///< next free byte of the last of them
  std::uint64_t block_size;

  MemberRow members[max_members];
  WaiterRow waiters[max_waiters];
  PartitionRow partitions[max_rows];
  PositionRow positions[max_positions];
  TaskRow tasks[max_tasks];
  GroupMemberRow group_members[max_group_members];
  ProducerRow producers[max_producers];
};

static_assert(std::is_standard_layout_v<Control>);
static_assert(offsetof(Control, layout) == offsetof(ControlHead, layout) &&
              offsetof(Control, bytes) == offsetof(ControlHead, bytes) &&
              offsetof(Control, device) == offsetof(ControlHead, device) &&
              offsetof(Control, inode) == offsetof(ControlHead, inode));
static_assert(offsetof(Control, opener) == offsetof(OpeningHead, opener) &&
              offsetof(Control, opening_steps) == offsetof(OpeningHead, steps) &&
              offsetof(Control, opening_done) == offsetof(OpeningHead, done) &&
              offsetof(Control, opening_all) == offsetof(OpeningHead, all));
static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<std::uint32_t>::is_always_lock_free);

/// A word to sleep on.
[[nodiscard]] inline std::uint32_t* futex_of(std::atomic<std::uint32_t>& word) {
  static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
  return reinterpret_cast<std::uint32_t*>(&word);
}

}  // namespace millrace::log::embedded
