// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "journal.hpp"

#include <algorithm>

#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/base/sparse_file.hpp"
#include "millrace/log/errors.hpp"
#include "unfinished.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::size_t chunk_bytes = 1U << 20U;

}  // namespace

bool Journal::has(std::uint64_t start) {
  const SharedLock lock(mutex_);
  const Segment* known = find(start);
  return known != nullptr && known->start == start;
}

Result<std::uint64_t> Journal::size_of(std::uint64_t start) {
  MILLRACE_ASSIGN(const auto file, open_.file(start));
  return file->size();
}

Result<std::vector<std::string>> Journal::list() {
  auto names = files_.list(directory_);
  while (!names && names.error().is(millrace::errc::too_many_files) && open_.close_half()) {
    names = files_.list(directory_);
  }
  return names;
}

void Journal::forget_before(std::uint64_t position) {
  const UniqueLock lock(mutex_);
  begin_ = std::max(begin_, position);
  while (!segments_.empty() && segments_.front().start < begin_) {
    open_.remove(segments_.front().start);
    segments_.erase(segments_.begin());
  }
}

void Journal::remove_before(std::uint64_t position) {
  forget_before(position);
  const auto names = list().value_or(std::vector<std::string>{});
  for (const std::string& name : names) {
    const auto start = OpenSegments::start_of(name);
    if (start && *start < position) {
      // The segment last: it is what the next call finds.
      static_cast<void>(files_.remove(index_path_of(*start)));
      static_cast<void>(files_.remove(open_.path_of(*start)));
      MILLRACE_FAULT_POINT("settle.removed");
    }
  }
}

Result<std::vector<std::uint64_t>> Journal::listed_starts() {
  MILLRACE_ASSIGN(const auto names, list());
  std::vector<std::uint64_t> starts;
  for (const std::string& name : names) {
    if (const auto start = OpenSegments::start_of(name)) {
      starts.push_back(*start);
    }
  }
  return starts;
}

Status Journal::refresh() {
  if (mode_ != OpenMode::read) {
    MILLRACE_TRY(names());
  }
  MILLRACE_ASSIGN(std::vector<std::uint64_t> starts, listed_starts());
  if (starts.empty()) {
    return {};
  }
  // Each but the last ends where the next begins, and only the last can have grown.
  auto room = size_of(starts.back());
  while (!room && room.error().is(millrace::errc::not_found)) {
    // Meanwhile it may have been followed by another one, settled and removed.
    MILLRACE_ASSIGN(auto now, listed_starts());
    if (now.empty() || now.back() == starts.back()) {
      return fail(room.error());
    }
    starts = std::move(now);
    room = size_of(starts.back());
  }
  if (!room) {
    return fail(room.error());
  }
  const UniqueLock lock(mutex_);
  for (const std::uint64_t start : starts) {
    if (start >= begin_) {
      insert({start, start == starts.back() ? *room : 0});
    }
  }
  return {};
}

Status Journal::refresh_from(std::uint64_t position) {
  {
    const UniqueLock lock(mutex_);
    for (const Segment& segment : segments_) {
      if (segment.start >= position) {
        open_.remove(segment.start);
      }
    }
    // Those at the beginning may have been removed, too.
    segments_.clear();
  }
  return refresh();
}

void Journal::insert(Segment segment) {
  const auto at = std::lower_bound(
      segments_.begin(), segments_.end(), segment.start,
      [](const Segment& other, std::uint64_t start) { return other.start < start; });
  if (at == segments_.end() || at->start != segment.start) {
    segments_.insert(at, segment);
  } else {
    at->room = std::max(at->room, segment.room);
  }
}

const Journal::Segment* Journal::find(std::uint64_t position) const {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), position,
      [](std::uint64_t wanted, const Segment& other) { return wanted < other.start; });
  return after == segments_.begin() ? nullptr : &*std::prev(after);
}

std::uint64_t Journal::end_of_locked(std::uint64_t position) const {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), position,
      [](std::uint64_t wanted, const Segment& other) { return wanted < other.start; });
  if (after != segments_.end()) {
    return after->start;
  }
  return segments_.empty() ? 0 : segments_.back().start + segments_.back().room;
}

Journal::Bounds Journal::bounds_of(std::uint64_t position) {
  const SharedLock lock(mutex_);
  const Segment* found = find(position);
  return found == nullptr ? Bounds{} : Bounds{found->start, end_of_locked(position)};
}

Result<Journal::Bounds> Journal::require(std::uint64_t position) {
  const SharedLock lock(mutex_);
  if (const Segment* found = find(position)) {
    return Bounds{found->start, end_of_locked(position)};
  }
  return fail(errc::corrupt, "{}: no segment holds position {}", directory_, position);
}

std::vector<Journal::SegmentSpan> Journal::segments() {
  const SharedLock lock(mutex_);
  std::vector<SegmentSpan> spans;
  for (const Segment& segment : segments_) {
    spans.push_back({segment.start, end_of_locked(segment.start), open_.path_of(segment.start)});
  }
  return spans;
}

bool Journal::empty() {
  const SharedLock lock(mutex_);
  return segments_.empty();
}

std::string Journal::path_of(std::uint64_t position) {
  const SharedLock lock(mutex_);
  const Segment* found = find(position);
  return found == nullptr ? directory_ : open_.path_of(found->start);
}

Result<std::uint64_t> Journal::grow(std::uint64_t start, std::uint64_t bytes,
                                    const std::function<void()>& step) {
  MILLRACE_ASSIGN(const auto file, open_.file(start));
  MILLRACE_TRY(file->allocate(bytes));
  step();
  // As in make_file(): it holds nothing yet. sync_file() would wait for the sync of another
  // segment, under the writer lock.
  MILLRACE_TRY(file->sync());
  step();
  MILLRACE_ASSIGN(const std::uint64_t room, file->size());
  const UniqueLock lock(mutex_);
  insert({start, room});
  return room;
}

Result<std::uint64_t> Journal::make_segment(const Locked&, std::uint64_t start,
                                            std::uint64_t needed, std::uint64_t room,
                                            const std::function<void()>& step) {
  MILLRACE_TRY(refresh());
  if (has(start)) {
    return grow(start, room, step);
  }
  // Opened before it gets its name: a segment that the others can see is the one for all, so from
  // the rename on nothing may fail.
  MILLRACE_ASSIGN(Spare spare, open_spare(needed, room, step));
  MILLRACE_ASSIGN(const std::uint64_t found, spare.file->size());
  MILLRACE_TRY(files_.rename(spare.path, open_.path_of(start)));
  MILLRACE_FAULT_POINT("segment.renamed");
  // Its messages name the segment then. Without it the file is used as it was opened.
  auto named = open_.open(open_.path_of(start), OpenMode::read_write);
  open_.add(start, named ? *std::move(named) : std::move(spare.file));
  const UniqueLock lock(mutex_);
  insert({start, found});
  return found;
}

Result<std::unique_ptr<File>> Journal::make_file(const std::string& path, std::uint64_t room,
                                                 const std::function<void()>& step) {
  MILLRACE_ASSIGN(auto file, open_.open(path, OpenMode::create));
  Status made = file->allocate(room);
  step();
  if (made) {
    made = file->sync();
    step();
  }
  if (!made) {
    static_cast<void>(files_.remove(path));
    return fail(made.error());
  }
  return file;
}

/// One that was prepared and is large enough, or a new one.
Result<Journal::Spare> Journal::open_spare(std::uint64_t needed, std::uint64_t room,
                                           const std::function<void()>& step) {
  for (unsigned number = 0; number < max_prepared; ++number) {
    const std::string path = prepared_name(number);
    auto file = open_.open(path, OpenMode::read_write);
    if (!file) {
      continue;
    }
    if (const auto size = (*file)->size(); size && *size >= needed) {
      return Spare{path, *std::move(file)};
    }
  }
  // One name for all attempts: what a dead maker left is taken on, so that even a slow disk gets
  // there.
  const std::string path = directory_ + "/next" + std::string(unfinished_suffix);
  MILLRACE_ASSIGN(auto file, make_file(path, room, step));
  return Spare{path, std::move(file)};
}

std::string Journal::prepared_name(unsigned number) const {
  return directory_ + "/next." + std::to_string(number) + std::string(prepared_suffix);
}

Status Journal::prepare(unsigned number, std::uint64_t room, int maker) {
  const std::string path = prepared_name(number);
  if (files_.exists(path)) {
    return {};
  }
  const std::string unfinished =
      directory_ + "/next." + std::to_string(maker) + std::string(unfinished_suffix);
  MILLRACE_TRY(make_file(unfinished, room, [] { MILLRACE_FAULT_POINT("prepare.inside"); }));
  // Its name becomes durable with the one that it gets as a segment.
  return files_.rename(unfinished, path);
}

void Journal::remove_unfinished(const Alone&) {
  const auto names = list().value_or(std::vector<std::string>{});
  for (const std::string& name : names) {
    if (is_unfinished(name)) {
      static_cast<void>(files_.remove(directory_ + "/" + name));
    }
  }
}

Result<std::size_t> Journal::read(std::uint64_t position, char* out, std::size_t size) {
  MILLRACE_ASSIGN(const Bounds here, require(position));
  MILLRACE_ASSIGN(const auto file, open_.file(here.start));
  // The file may be longer than the segment: what lies behind the next one's start was never
  // written.
  const std::uint64_t left = here.end > position ? here.end - position : 0;
  MILLRACE_ASSIGN(const std::size_t got,
                  file->read_at(position - here.start, out, std::min<std::uint64_t>(size, left)));
  return count_read(got);
}

std::size_t Journal::count_read(std::size_t bytes) {
  if (read_bytes_ != nullptr) [[unlikely]] {
    read_bytes_->fetch_add(bytes, std::memory_order_relaxed);
  }
  return bytes;
}

Result<Journal::Bounds> Journal::data_from(std::uint64_t position) {
  MILLRACE_ASSIGN(const Bounds here, require(position));
  MILLRACE_ASSIGN(const auto file, open_.file(here.start));
  MILLRACE_ASSIGN(const SparseFile::Range data, millrace::data_from(*file, position - here.start));
  return Bounds{std::min(here.start + data.begin, here.end),
                std::min(here.start + data.end, here.end)};
}

Result<std::size_t> Journal::read_by_name(std::uint64_t position, char* out, std::size_t size) {
  MILLRACE_ASSIGN(const Bounds here, require(position));
  MILLRACE_ASSIGN(const auto file, open_.open(open_.path_of(here.start), OpenMode::read));
  return file->read_at(position - here.start, out, size);
}

Result<std::uint64_t> Journal::written_end() {
  const SegmentSpan last = segments().back();
  std::uint64_t end = last.start;
  while (end < last.end) {
    MILLRACE_ASSIGN(const Bounds data, data_from(end));
    if (data.start == data.end) {
      break;
    }
    end = data.end;
  }
  return end;
}

Result<std::string> Journal::read_index_file(std::uint64_t start) {
  MILLRACE_ASSIGN(const auto file, open_.open(index_path_of(start), OpenMode::read));
  MILLRACE_ASSIGN(const std::uint64_t size, file->size());
  // It needs less room for a batch than the batch itself.
  if (const Bounds segment = bounds_of(start); size > segment.end - segment.start) {
    return fail(errc::corrupt, "{}: larger than its segment", index_path_of(start));
  }
  std::string bytes(size, '\0');
  MILLRACE_ASSIGN(const std::size_t got, file->read_at(0, bytes.data(), bytes.size()));
  bytes.resize(count_read(got));
  return bytes;
}

Status Journal::hold(const Locked&, std::uint64_t position) {
  MILLRACE_ASSIGN(const Bounds here, require(position));
  MILLRACE_TRY(open_.hold(here.start));
  return {};
}

std::uint64_t Journal::surplus() {
  const std::size_t surplus = open_.surplus();
  if (surplus == 0) [[likely]] {
    return 0;
  }
  const std::vector<std::uint64_t> held = open_.held();
  return held.size() < surplus ? 0 : bounds_of(held[surplus - 1]).end;
}

void Journal::release_up_to(std::uint64_t durable) {
  for (const std::uint64_t start : open_.held()) {
    // One that may be written to again stays.
    if (bounds_of(start).end <= durable) {
      open_.release(start);
    }
  }
}

Status Journal::hold_behind(std::uint64_t durable) {
  release_up_to(durable);
  std::vector<std::uint64_t> starts;
  {
    const SharedLock lock(mutex_);
    for (auto at = segments_.rbegin(); at != segments_.rend() && end_of_locked(at->start) > durable;
         ++at) {
      starts.push_back(at->start);
    }
  }
  for (const std::uint64_t start : starts) {
    MILLRACE_TRY(open_.hold(start));
  }
  return {};
}

Status Journal::write(const Locked&, std::uint64_t position, std::string_view bytes) {
  MILLRACE_ASSIGN(const Bounds here, require(position));
  MILLRACE_ASSIGN(const auto file, open_.hold(here.start));
  return file->write_at(position - here.start, bytes);
}

Status Journal::sync(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> dirty;
  {
    const SharedLock lock(mutex_);
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      const bool ends_after = i + 1 == segments_.size() || segments_[i + 1].start > from;
      if (ends_after && segments_[i].start < to) {
        dirty.push_back(segments_[i].start);
      }
    }
  }
  // Those that are open for certain come first: they need no descriptor, and give some back. Mostly
  // there is one.
  if (dirty.size() > 1) {
    const std::vector<std::uint64_t> held = open_.held();
    std::stable_partition(dirty.begin(), dirty.end(), [&](std::uint64_t start) {
      return std::binary_search(held.begin(), held.end(), start);
    });
  }
  for (const std::uint64_t start : dirty) {
    MILLRACE_ASSIGN(const auto file, open_.file(start));
    MILLRACE_TRY(sync_file(*file));
    if (bounds_of(start).end <= to) {
      open_.release(start);
    }
  }
  return {};
}

Status Journal::sync_file(File& file) {
  const MutexLock guard(sync_mutex_);
  if (sync_failed_) {
    return fail(errc::failed_sync, "{}: an earlier sync failed", directory_);
  }
  Status synced = file.sync();
  sync_failed_ = !synced;
  return synced;
}

Status Journal::sync_names() {
  // That it cannot be opened must not pass for a sync that failed.
  MILLRACE_ASSIGN(File* const directory, names());
  const MutexLock guard(sync_mutex_);
  Status synced = directory->sync();
  sync_failed_ = sync_failed_ || !synced;
  return synced;
}

Result<File*> Journal::names() {
  const MutexLock guard(names_mutex_);
  if (names_ == nullptr) {
    MILLRACE_ASSIGN(names_, open_.open(directory_, OpenMode::read));
  }
  return names_.get();
}

bool Journal::sync_failed() {
  const MutexLock guard(sync_mutex_);
  return sync_failed_;
}

Result<bool> Journal::cut(const Alone&, std::uint64_t position) {
  MILLRACE_ASSIGN(const Bounds here, require(position));
  const std::uint64_t start = here.start;
  MILLRACE_ASSIGN(const auto last, open_.file(start));
  MILLRACE_ASSIGN(const std::uint64_t room, last->size());
  std::string chunk(chunk_bytes, '\0');
  bool dirty = false;
  for (std::uint64_t at = position - start; at < room;) {
    // Most of it was never written.
    MILLRACE_ASSIGN(const SparseFile::Range data, millrace::data_from(*last, at));
    at = data.begin;
    const auto bytes = std::min<std::uint64_t>(data.end - data.begin, chunk.size());
    MILLRACE_ASSIGN(const std::size_t got, last->read_at(at, chunk.data(), bytes));
    if (count_read(got) == 0) {
      break;
    }
    if (std::any_of(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got),
                    [](char c) { return c != 0; })) {
      MILLRACE_TRY(last->write_at(at, std::string(got, '\0')));
      dirty = true;
    }
    at += got;
  }
  if (dirty) {
    MILLRACE_TRY(sync_file(*last));
  }
  {
    const UniqueLock lock(mutex_);
    while (!segments_.empty() && segments_.back().start > position) {
      const std::uint64_t later = segments_.back().start;
      MILLRACE_TRY(files_.remove(open_.path_of(later)));
      open_.remove(later);
      segments_.pop_back();
    }
    insert({start, room});
  }
  // Also when nothing was removed now: an earlier attempt may have died before this.
  MILLRACE_TRY(sync_names());
  return dirty;
}

}  // namespace millrace::log::embedded
