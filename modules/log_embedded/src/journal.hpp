// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "alone.hpp"
#include "locked.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/mutex.hpp"
#include "open_segments.hpp"

namespace millrace::log::embedded {

/// The files of the journal: one sequence of bytes, cut into preallocated segments that are named
/// by the position of their first byte. A segment ends where the next begins. At most
/// OpenSegments::max_open of them are open. Thread-safe; which bytes mean something is the caller's
/// to know.
class Journal {
 public:
  /// `files` outlives the journal. With OpenMode::read nothing can be written. `may_open` as of
  /// OpenSegments.
  Journal(FileSystem& files, const std::string& directory, OpenMode mode,
          std::function<Status()> may_open = {})
      : files_(files),
        directory_(directory),
        mode_(mode),
        open_(files, directory, mode, std::move(may_open)) {}

  struct SegmentSpan {
    std::uint64_t start = 0;
    std::uint64_t end = 0;  ///< start of the next segment, or of the room of the last one
    std::string path;
  };

  /// Nothing before `position`, where a segment begins, counts any more: it is settled. Closes
  /// those files, also when refresh() still finds them.
  void forget_before(std::uint64_t position);
  /// Removes the segments that begin before `position`, with their index files, and forgets them.
  /// What cannot be removed stays for the next call.
  void remove_before(std::uint64_t position);
  /// Closes some of the open segments for one who finds no descriptor left; false when that is of
  /// no use.
  [[nodiscard]] bool close_some() { return open_.close_half(); }
  /// Looks which segments there are.
  [[nodiscard]] Status refresh();
  /// The same for a reader that is no member and needs nothing before `position` again: recovery
  /// may have removed segments behind it, and new ones may have their names. Segments that were
  /// settled and removed are known no more.
  [[nodiscard]] Status refresh_from(std::uint64_t position);
  [[nodiscard]] std::vector<SegmentSpan> segments();
  [[nodiscard]] bool empty();
  /// The file that holds a position, for messages.
  [[nodiscard]] std::string path_of(std::uint64_t position);

  /// The index file of the segment that begins there.
  [[nodiscard]] std::string index_path_of(std::uint64_t start) const {
    return open_.index_path_of(start);
  }
  /// All of it. errc::corrupt when it is larger than its segment.
  [[nodiscard]] Result<std::string> read_index_file(std::uint64_t start);

  /// Makes the segment that begins at `start`, with room for at least `needed` bytes; it is durable
  /// on return, its name by the next sync_names(). It gets its name when it is whole, so nobody
  /// ever opens half a segment. One that is there is used, and grown when too small; else one that
  /// was prepared and is large enough; else one of `room` bytes is made. Returns its room; `step`
  /// is called after each thing that may take long. errc::disk_full: nothing changed.
  [[nodiscard]] Result<std::uint64_t> make_segment(const Locked& locked, std::uint64_t start,
                                                   std::uint64_t needed, std::uint64_t room,
                                                   const std::function<void()>& step);

  /// So many segments can be prepared ahead.
  static constexpr unsigned max_prepared = 4;
  /// Makes what will be a segment when one is needed, allocated and synced, unless the one of that
  /// number is there. By one member at a time, which needs no lock; `maker` is its slot, and
  /// tells its unfinished file from those of dead makers. After a failure nothing is left behind.
  [[nodiscard]] Status prepare(unsigned number, std::uint64_t room, int maker);
  /// Removes prepared and unfinished segments and unfinished index files, as far as it can.
  void remove_unfinished(const Alone& alone);
  /// Makes the names of all segments durable. Needs no descriptor after refresh().
  [[nodiscard]] Status sync_names();

  /// Where the segment that holds a position begins and ends, as far as is known; both 0 without
  /// one.
  struct Bounds {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
  };
  [[nodiscard]] Bounds bounds_of(std::uint64_t position);
  /// Where the journal has data from `position` on, within the segment that holds it: what lies
  /// before may be zeros only. Empty when all that follows in the segment is zero.
  [[nodiscard]] Result<Bounds> data_from(std::uint64_t position);
  /// How far the journal can reach at most: no byte behind is anything but zero, as far as the file
  /// system knows. Needs a segment.
  [[nodiscard]] Result<std::uint64_t> written_end();
  /// Adds what is read from here on to the counter, index files too; null: no more. While one
  /// thread uses the journal.
  void count_reads(std::atomic<std::uint64_t>* counter) { read_bytes_ = counter; }
  /// Reads up to `size` bytes of one segment; returns how many.
  [[nodiscard]] Result<std::size_t> read(std::uint64_t position, char* out, std::size_t size);
  /// The same from the file that has the segment's name now, which may be another one than the one
  /// that is open. errc::not_found when there is none.
  [[nodiscard]] Result<std::size_t> read_by_name(std::uint64_t position, char* out,
                                                 std::size_t size);
  /// Makes ready for write(), which then needs no further descriptor.
  [[nodiscard]] Status hold(const Locked& locked, std::uint64_t position);
  [[nodiscard]] Status write(const Locked& locked, std::uint64_t position, std::string_view bytes);
  /// Makes [from, to) durable, without the names of segments. sync_failed() tells a sync that
  /// failed from a file that cannot be opened. Once a sync has failed all later ones fail: the
  /// system reports lost pages once, and then takes them for clean.
  [[nodiscard]] Status sync(std::uint64_t from, std::uint64_t to);
  /// A segment that was written to stays open until it is synced. When these are too many: up to
  /// where the journal should be synced, or known to be durable; else 0.
  [[nodiscard]] std::uint64_t surplus();
  /// Everything before the position is durable, as another member said.
  void release_up_to(std::uint64_t durable);
  /// Keeps open what is not durable yet, also what others write, and lets go of what is: the system
  /// reports lost pages to all who had the file open, and to those who open it later only as long
  /// as nobody knows. After errc::too_many_files some are not kept.
  [[nodiscard]] Status hold_behind(std::uint64_t durable);
  /// Nothing that was not durable before may count as durable any more.
  [[nodiscard]] bool sync_failed();

  /// Zeroes what is not zero from `position` to the end of its segment, and removes all later
  /// segments, durably. Returns whether there was anything but zeros in the segment. For recovery.
  [[nodiscard]] Result<bool> cut(const Alone& alone, std::uint64_t position);

 private:
  struct Segment {
    std::uint64_t start = 0;
    std::uint64_t room = 0;  ///< as far as it is known; that of the last one is
  };

  [[nodiscard]] const Segment* find(std::uint64_t position) const MILLRACE_REQUIRES_SHARED(mutex_);
  [[nodiscard]] bool has(std::uint64_t start);
  [[nodiscard]] Result<std::vector<std::string>> list();
  /// The positions at which the segments in the directory begin, rising.
  [[nodiscard]] Result<std::vector<std::uint64_t>> listed_starts();
  [[nodiscard]] Result<std::uint64_t> size_of(std::uint64_t start);
  [[nodiscard]] std::string prepared_name(unsigned number) const;
  [[nodiscard]] Result<std::unique_ptr<File>> make_file(const std::string& path, std::uint64_t room,
                                                        const std::function<void()>& step);
  /// A file that is to be a segment, under the name that it has before.
  struct Spare {
    std::string path;
    std::unique_ptr<File> file;
  };
  [[nodiscard]] Result<Spare> open_spare(std::uint64_t needed, std::uint64_t room,
                                         const std::function<void()>& step);
  [[nodiscard]] Result<std::uint64_t> grow(std::uint64_t start, std::uint64_t bytes,
                                           const std::function<void()>& step);
  [[nodiscard]] Status sync_file(File& file);
  /// The directory, whose sync makes the names of segments durable. Opened by the first call.
  [[nodiscard]] Result<File*> names();
  [[nodiscard]] std::uint64_t end_of_locked(std::uint64_t position) const
      MILLRACE_REQUIRES_SHARED(mutex_);
  /// As bounds_of(); errc::corrupt without a segment.
  [[nodiscard]] Result<Bounds> require(std::uint64_t position);
  std::size_t count_read(std::size_t bytes);
  /// Adds the segment, or learns that it has more room.
  void insert(Segment segment) MILLRACE_REQUIRES(mutex_);

  FileSystem& files_;
  std::string directory_;
  OpenMode mode_;
  OpenSegments open_;
  std::atomic<std::uint64_t>* read_bytes_ = nullptr;
  SharedMutex mutex_;
  std::vector<Segment> segments_ MILLRACE_GUARDED_BY(mutex_);  ///< by start
  std::uint64_t begin_ MILLRACE_GUARDED_BY(mutex_) = 0;        ///< no segment begins before it
  // Held during a sync: of two at once on a file that failed, one would return success. Nothing
  // that a commit or a reader waits for may take it: a sync may last as long as the disk likes.
  Mutex sync_mutex_;
  bool sync_failed_ MILLRACE_GUARDED_BY(sync_mutex_) = false;
  Mutex names_mutex_;
  // Open as long as the journal, so that no sync of it fails for want of a descriptor.
  std::unique_ptr<File> names_ MILLRACE_GUARDED_BY(names_mutex_);
};

}  // namespace millrace::log::embedded
