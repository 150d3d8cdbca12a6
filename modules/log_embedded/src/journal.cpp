// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "journal.hpp"

#include <algorithm>
#include <charconv>

#include "frame.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::string_view suffix = ".journal";
constexpr std::string_view prepared_suffix = ".prepared";
constexpr std::string_view unfinished_suffix = ".unfinished";
constexpr std::size_t digits = 20;
constexpr std::size_t chunk_bytes = 1U << 20U;

bool parse_name(std::string_view name, std::uint64_t& start) {
  if (name.size() != digits + suffix.size() || !name.ends_with(suffix)) {
    return false;
  }
  const auto [end, error] = std::from_chars(name.data(), name.data() + digits, start);
  return error == std::errc{} && end == name.data() + digits && start < max_position;
}

/// `next`, perhaps a dot and a number, and one of the suffixes of a segment that was made ahead.
bool is_made_ahead(std::string_view name) {
  constexpr std::string_view prefix = "next";
  if (!name.starts_with(prefix)) {
    return false;
  }
  name.remove_prefix(prefix.size());
  const std::string_view ending =
      name.ends_with(prepared_suffix) ? prepared_suffix : unfinished_suffix;
  if (!name.ends_with(ending)) {
    return false;
  }
  name.remove_suffix(ending.size());
  return name.empty() || (name.size() > 1 && name.front() == '.' &&
                          name.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

}  // namespace

std::string Journal::name_of(std::uint64_t start) const {
  const std::string number = std::to_string(start);
  return directory_ + "/" + std::string(digits - number.size(), '0') + number + std::string(suffix);
}

Journal::Segment* Journal::find_exactly(std::uint64_t start) {
  const SharedLock lock(mutex_);
  Segment* known = find(start);
  return known != nullptr && known->start == start ? known : nullptr;
}

Status Journal::look_at_size(Segment& segment) {
  MILLRACE_ASSIGN(const std::uint64_t size, segment.file->size());
  const UniqueLock lock(mutex_);
  segment.room = std::max(segment.room, size);
  return {};
}

Status Journal::refresh() {
  MILLRACE_ASSIGN(const auto names, files_.list(directory_));
  for (const std::string& name : names) {
    std::uint64_t start = 0;
    if (!parse_name(name, start) || find_exactly(start) != nullptr) {
      continue;
    }
    auto segment = std::make_unique<Segment>();
    segment->start = start;
    MILLRACE_ASSIGN(segment->file, files_.open(directory_ + "/" + name, mode_));
    MILLRACE_ASSIGN(segment->room, segment->file->size());
    insert(std::move(segment));
  }
  Segment* last = nullptr;
  {
    const SharedLock lock(mutex_);
    last = segments_.empty() ? nullptr : segments_.back().get();
  }
  // Only the last one can have grown.
  return last == nullptr ? Status{} : look_at_size(*last);
}

void Journal::insert(std::unique_ptr<Segment> segment) {
  const UniqueLock lock(mutex_);
  const auto at =
      std::lower_bound(segments_.begin(), segments_.end(), segment->start,
                       [](const auto& other, std::uint64_t start) { return other->start < start; });
  if (at == segments_.end() || (*at)->start != segment->start) {
    segments_.insert(at, std::move(segment));
  }
}

Journal::Segment* Journal::find(std::uint64_t position) {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), position,
      [](std::uint64_t wanted, const auto& other) { return wanted < other->start; });
  return after == segments_.begin() ? nullptr : std::prev(after)->get();
}

std::uint64_t Journal::end_of_locked(std::uint64_t position) const {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), position,
      [](std::uint64_t wanted, const auto& other) { return wanted < other->start; });
  if (after != segments_.end()) {
    return (*after)->start;
  }
  return segments_.empty() ? 0 : segments_.back()->start + segments_.back()->room;
}

Journal::Bounds Journal::bounds_of(std::uint64_t position) {
  const SharedLock lock(mutex_);
  const Segment* found = find(position);
  return found == nullptr ? Bounds{} : Bounds{found->start, end_of_locked(position)};
}

Result<Journal::Segment*> Journal::require(std::uint64_t position) {
  {
    const SharedLock lock(mutex_);
    if (Segment* found = find(position)) {
      return found;
    }
  }
  return fail(errc::corrupt,
              directory_ + ": no segment holds position " + std::to_string(position));
}

std::vector<Journal::Place> Journal::segments() {
  const SharedLock lock(mutex_);
  std::vector<Place> places;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = *segments_[i];
    const std::uint64_t end =
        i + 1 < segments_.size() ? segments_[i + 1]->start : segment.start + segment.room;
    places.push_back({segment.start, end, name_of(segment.start)});
  }
  return places;
}

bool Journal::empty() {
  const SharedLock lock(mutex_);
  return segments_.empty();
}

std::string Journal::path_of(std::uint64_t position) {
  const SharedLock lock(mutex_);
  const Segment* found = find(position);
  return found == nullptr ? directory_ : name_of(found->start);
}

Result<std::uint64_t> Journal::grow(Segment& segment, std::uint64_t bytes,
                                    const std::function<void()>& step) {
  MILLRACE_TRY(segment.file->allocate(bytes));
  step();
  MILLRACE_TRY(sync_file(*segment.file));
  step();
  MILLRACE_TRY(sync_names());
  MILLRACE_TRY(look_at_size(segment));
  const SharedLock lock(mutex_);
  return segment.room;
}

Result<std::uint64_t> Journal::make_segment(const Locked&, std::uint64_t start,
                                            std::uint64_t needed, std::uint64_t room,
                                            const std::function<void()>& step) {
  MILLRACE_TRY(refresh());
  if (Segment* known = find_exactly(start)) {
    return grow(*known, room, step);
  }
  // Opened before it gets its name: a segment that the others can see is the one for all, so from
  // the rename on only the sync may fail, which stops the log.
  MILLRACE_ASSIGN(Spare spare, open_spare(needed, room, step));
  auto segment = std::make_unique<Segment>();
  segment->start = start;
  MILLRACE_ASSIGN(segment->room, spare.file->size());
  MILLRACE_TRY(files_.rename(spare.path, name_of(start)));
  MILLRACE_FAULT_POINT("segment.renamed");
  MILLRACE_TRY(sync_names());
  step();
  // Its messages name the segment then. Without it the file is used as it was opened.
  auto named = files_.open(name_of(start), OpenMode::read_write);
  segment->file = named ? *std::move(named) : std::move(spare.file);
  const std::uint64_t found = segment->room;
  insert(std::move(segment));
  return found;
}

Result<std::unique_ptr<File>> Journal::make_file(const std::string& path, std::uint64_t room,
                                                 const std::function<void()>& step) {
  MILLRACE_ASSIGN(auto file, files_.open(path, OpenMode::create));
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
    auto file = files_.open(path, OpenMode::read_write);
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
  // The roll that takes it makes its name durable.
  return files_.rename(unfinished, path);
}

void Journal::remove_unfinished(const Alone&) {
  const auto names = files_.list(directory_);
  if (!names) {
    return;
  }
  for (const std::string& name : *names) {
    if (is_made_ahead(name)) {
      static_cast<void>(files_.remove(directory_ + "/" + name));
    }
  }
}

Result<std::size_t> Journal::read(std::uint64_t position, char* out, std::size_t size) {
  Segment* segment = nullptr;
  std::uint64_t end = 0;
  {
    const SharedLock lock(mutex_);
    segment = find(position);
    end = end_of_locked(position);
  }
  if (segment == nullptr) {
    return fail(errc::corrupt,
                directory_ + ": no segment holds position " + std::to_string(position));
  }
  // The file may be longer than the segment: what lies behind the next one's start was never
  // written.
  const std::uint64_t left = end > position ? end - position : 0;
  return segment->file->read_at(position - segment->start, out,
                                std::min<std::uint64_t>(size, left));
}

Result<std::size_t> Journal::read_by_name(std::uint64_t position, char* out, std::size_t size) {
  MILLRACE_ASSIGN(const Segment* segment, require(position));
  MILLRACE_ASSIGN(const auto file, files_.open(name_of(segment->start), OpenMode::read));
  return file->read_at(position - segment->start, out, size);
}

Status Journal::write(const Locked&, std::uint64_t position, std::string_view bytes) {
  MILLRACE_ASSIGN(Segment * segment, require(position));
  return segment->file->write_at(position - segment->start, bytes);
}

Status Journal::sync(std::uint64_t from, std::uint64_t to) {
  std::vector<Segment*> dirty;
  {
    const SharedLock lock(mutex_);
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      const bool ends_after = i + 1 == segments_.size() || segments_[i + 1]->start > from;
      if (ends_after && segments_[i]->start < to) {
        dirty.push_back(segments_[i].get());
      }
    }
  }
  for (Segment* segment : dirty) {
    MILLRACE_TRY(sync_file(*segment->file));
  }
  return {};
}

Status Journal::sync_file(File& file) {
  const MutexLock guard(sync_mutex_);
  if (sync_failed_) {
    return fail(errc::failed_sync, directory_ + ": an earlier sync failed");
  }
  Status synced = file.sync();
  sync_failed_ = !synced;
  return synced;
}

Status Journal::sync_names() {
  const MutexLock guard(sync_mutex_);
  Status synced = files_.sync_directory(directory_);
  sync_failed_ = sync_failed_ || !synced;
  return synced;
}

bool Journal::sync_failed() {
  const MutexLock guard(sync_mutex_);
  return sync_failed_;
}

Result<bool> Journal::cut(const Alone&, std::uint64_t position) {
  MILLRACE_ASSIGN(Segment * last, require(position));
  std::string chunk(chunk_bytes, '\0');
  bool dirty = false;
  for (std::uint64_t at = position - last->start; at < last->room;) {
    MILLRACE_ASSIGN(const std::size_t got, last->file->read_at(at, chunk.data(), chunk.size()));
    if (got == 0) {
      break;
    }
    if (std::any_of(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got),
                    [](char c) { return c != 0; })) {
      MILLRACE_TRY(last->file->write_at(at, std::string(got, '\0')));
      dirty = true;
    }
    at += got;
  }
  if (dirty) {
    MILLRACE_TRY(sync_file(*last->file));
  }
  {
    const UniqueLock lock(mutex_);
    while (!segments_.empty() && segments_.back()->start > position) {
      MILLRACE_TRY(files_.remove(name_of(segments_.back()->start)));
      segments_.pop_back();
    }
  }
  // Also when nothing was removed now: an earlier attempt may have died before this.
  MILLRACE_TRY(sync_names());
  return dirty;
}

}  // namespace millrace::log::embedded
