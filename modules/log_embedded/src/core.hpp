// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "alone.hpp"
#include "catalog.hpp"
#include "checkpoint.hpp"
#include "control.hpp"
#include "frame.hpp"
#include "index.hpp"
#include "journal.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_embedded/shared_region.hpp"
#include "tables.hpp"
#include "writer_lock.hpp"

namespace millrace::log::embedded {

/// One member of an embedded log: what commit, fetch, durability and groups work on. Each of these
/// has its own file; this class owns the parts and the writer lock. Thread-safe after opening.
class Core {
 public:
  /// Opens and joins the log; recovers it when nobody else has it open.
  [[nodiscard]] static Result<std::unique_ptr<Core>> open(const std::string& directory,
                                                          LogEnvironment& environment,
                                                          LogOptions options,
                                                          const EmbeddedOptions& embedded);
  /// Leaves in order, unless the member is dead.
  ~Core();

  /// Takes the writer lock and repairs what a dead holder left. errc::closed, failed_sync,
  /// stuck_holder.
  [[nodiscard]] Result<WriterLock::Held> lock();
  /// The same, also on a log that has failed: reading and leaving still work there.
  [[nodiscard]] Result<WriterLock::Held> lock_even_failed();

  /// errc::closed on a handle that must not be used any more. Aborts in a forked child.
  [[nodiscard]] Status check_open() const;
  /// errc::failed_sync when the log takes no appends.
  [[nodiscard]] Status check_not_failed() const;
  /// errc::closed, and the handle is dead, when the directory is no longer the one that was opened.
  /// Before anything is opened or renamed by path: the log that lies there now belongs to others.
  [[nodiscard]] Status check_in_place();
  /// Makes the log refuse appends from now on, for all members and after a restart.
  void mark_failed(const std::string& reason);

  // Catalog.
  /// Learns of topics and groups made by others.
  [[nodiscard]] Status refresh_catalog();
  [[nodiscard]] Result<const CatalogTopic*> topic_of(TopicId id);
  [[nodiscard]] Result<PartitionRow*> row_of(TopicPartition place);

  /// Knows all segments that `committed` may lie in.
  [[nodiscard]] Status refresh_segments();

  // Publishing (publish.cpp).
  /// Makes room in the index for all entries of a frame. errc::disk_full, limit.
  [[nodiscard]] Status reserve_index(const Locked& locked, FrameBuilder& frame);
  /// What the entries say, into the tables. Idempotent.
  [[nodiscard]] Status apply_entries(const Locked& locked, const FrameView& frame,
                                     std::uint64_t position);
  /// What the batches of the log's own topics say, into the tables. Idempotent.
  [[nodiscard]] Status apply_internal(const Locked& locked, std::string_view frame);
  /// The commit point.
  void advance(const Locked& locked, std::uint64_t end, std::uint32_t checksum);
  /// Of the last frame. It ends where the log does.
  [[nodiscard]] const Tail& tail(const Locked& locked) const;
  void wake_readers(const Locked& locked, FrameBuilder& frame);
  void wake_everybody();
  /// Completes or cuts what a dead holder of the lock left half done.
  [[nodiscard]] Status repair(const Locked& locked);

  /// Writes the frame, whose base offsets are not yet set, publishes it and wakes its readers
  /// (commit.cpp). errc::disk_full, limit.
  [[nodiscard]] Result<std::uint64_t> append_frame(const Locked& locked, FrameBuilder& frame,
                                                   FrameHeader header,
                                                   const Transaction* transaction);

  /// Appends a record to `__catalog`.
  [[nodiscard]] Status append_catalog(const Locked& locked, std::string_view record);

  // Members (members.cpp).
  [[nodiscard]] Status join();
  /// Takes the first slot in that state that no living member has; false without one.
  [[nodiscard]] Result<bool> take_slot(SlotState wanted);
  /// Frees what a dead or leaving member had.
  void clean_slot(const Locked& locked, std::uint32_t slot);
  /// Takes units from memberships that did not poll for their session time-out. True when there
  /// were some.
  bool expire_memberships(const Locked& locked);
  void free_group_member(const Locked& locked, std::uint32_t row);
  [[nodiscard]] Status maintain();
  void die();

  // Durability (durability.cpp).
  /// errc::out_of_range for a position of an earlier incarnation that its end did not reach.
  [[nodiscard]] Status wait_durable(LogPosition wanted);
  /// Syncs what is committed, as the leader, or waits for the one who does.
  [[nodiscard]] Status lead_or_wait(std::uint64_t position);
  [[nodiscard]] Status sync_as_leader();
  /// Becomes the leader; else `leader` is who it is. Takes the place of another when `impatient`.
  [[nodiscard]] bool lead_sync(std::uint32_t& leader, bool impatient);
  void sleep_for_durable(std::uint32_t word, std::int64_t timeout_ns);
  /// Everything before `position` was synced: says so to all who wait.
  void publish_durable(std::uint64_t position);

  // Checkpoints (checkpoint.cpp).
  /// The state of the log as it is now.
  [[nodiscard]] Result<Checkpoint> make_checkpoint(const Locked& locked);
  /// Makes what it speaks of durable, then writes it. Needs no lock.
  [[nodiscard]] Status write_checkpoint(const Checkpoint& made);
  [[nodiscard]] Status checkpoint_when_due();

  // Segments made ahead (prepare.cpp).
  /// Prepares the next segments when they will soon be needed, so that no holder of the writer
  /// lock waits for the disk. A failure is none: then they are made when they are needed.
  void prepare_segments() MILLRACE_REQUIRES(maintain_mutex_);

  LogEnvironment environment;
  const std::string directory;
  LogOptions options;
  const EmbeddedOptions embedded;
  std::unique_ptr<SharedRegion> region;
  Control* control = nullptr;
  std::uint64_t log_id = 0;
  int slot = -1;
  Journal journal;
  Catalog catalog;
  std::unique_ptr<Index> index;
  std::unique_ptr<WriterLock> writer_lock;

 private:
  friend class Recovery;
  friend class Follower;
  Core(const std::string& directory, LogEnvironment& environment, LogOptions options,
       const EmbeddedOptions& embedded);
  [[nodiscard]] SharedRegionFactory& regions() const {
    return embedded.regions != nullptr ? *embedded.regions : real_shared_regions();
  }

  [[nodiscard]] Status attach();
  [[nodiscard]] Result<bool> try_attach();
  [[nodiscard]] Result<bool> join_running();
  [[nodiscard]] Status read_version();
  [[nodiscard]] Status make_room(const Locked& locked, std::uint64_t bytes);
  void use_segment(const Locked& locked, std::uint64_t start, std::uint64_t end);
  [[nodiscard]] Status adopt_segment(const Locked& locked);
  [[nodiscard]] Status publish_frame(const Locked& locked, FrameBuilder& frame,
                                     std::uint64_t position, const Transaction* transaction);
  [[nodiscard]] Status write_frame(const Locked& locked, std::uint64_t position,
                                   FrameBuilder& frame);
  void check_before_commit(const Locked& locked, FrameBuilder& frame, std::uint64_t position);
  [[nodiscard]] Status repair_frame(const Locked& locked);
  void clean_dead_members(const Locked& locked);
  void watch_members() MILLRACE_REQUIRES(maintain_mutex_);
  void skip_catalog(std::uint64_t batches);
  void leave();

  Mutex catalog_mutex_;
  std::uint64_t catalog_next_ MILLRACE_GUARDED_BY(catalog_mutex_) = 0;
  std::atomic<std::uint32_t> segments_seen_{0};
  Mutex maintain_mutex_;
  std::int64_t last_sync_ns_ MILLRACE_GUARDED_BY(maintain_mutex_) = 0;
  std::uint64_t segment_seen_ MILLRACE_GUARDED_BY(maintain_mutex_) = 0;
  std::int64_t last_roll_ns_ MILLRACE_GUARDED_BY(maintain_mutex_) = INT64_MIN / 2;
  std::uint64_t members_seen_ MILLRACE_GUARDED_BY(maintain_mutex_) = 0;
};

/// Room of a segment for a frame of so many bytes.
[[nodiscard]] std::uint64_t segment_room(const EmbeddedOptions& options, std::uint64_t frame_bytes);

/// The log's own errors for those of files.
[[nodiscard]] Error log_error(Error error);

/// A file name in the directory of a log.
namespace names {
inline constexpr const char* version = "/version";
inline constexpr const char* failed = "/FAILED";
inline constexpr const char* checkpoint = "/checkpoint";
inline constexpr const char* journal = "/journal";
}  // namespace names

}  // namespace millrace::log::embedded
