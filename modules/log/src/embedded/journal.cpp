// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "embedded/journal.hpp"

#include <algorithm>
#include <charconv>
#include <mutex>

#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::string_view suffix = ".journal";
constexpr std::size_t digits = 20;
constexpr std::size_t chunk_bytes = 1U << 20U;

bool parse_name(std::string_view name, std::uint64_t& start) {
  if (name.size() != digits + suffix.size() || !name.ends_with(suffix)) {
    return false;
  }
  const auto [end, error] = std::from_chars(name.data(), name.data() + digits, start);
  return error == std::errc{} && end == name.data() + digits;
}

}  // namespace

std::string Journal::name_of(std::uint64_t start) const {
  const std::string number = std::to_string(start);
  return directory_ + "/" + std::string(digits - number.size(), '0') + number + std::string(suffix);
}

Journal::Segment* Journal::find_exactly(std::uint64_t start) {
  const std::shared_lock lock(mutex_);
  Segment* known = find(start);
  return known != nullptr && known->start == start ? known : nullptr;
}

// A segment may have been seen while its maker was still reserving its room.
Status Journal::grow(Segment& segment) {
  MILLRACE_ASSIGN(const std::uint64_t size, segment.file->size());
  const std::unique_lock lock(mutex_);
  segment.room = std::max(segment.room, size);
  return {};
}

Status Journal::refresh() {
  MILLRACE_ASSIGN(const auto names, files_.list(directory_));
  for (const std::string& name : names) {
    std::uint64_t start = 0;
    if (!parse_name(name, start)) {
      continue;
    }
    if (Segment* known = find_exactly(start); known != nullptr) {
      MILLRACE_TRY(grow(*known));
      continue;
    }
    auto segment = std::make_unique<Segment>();
    segment->start = start;
    MILLRACE_ASSIGN(segment->file, files_.open(directory_ + "/" + name, OpenMode::read_write));
    MILLRACE_ASSIGN(segment->room, segment->file->size());
    // Nothing was ever written to a segment whose making did not succeed.
    if (segment->room != 0) {
      insert(std::move(segment));
    }
  }
  return {};
}

void Journal::insert(std::unique_ptr<Segment> segment) {
  const std::unique_lock lock(mutex_);
  const auto at =
      std::lower_bound(segments_.begin(), segments_.end(), segment->start,
                       [](const auto& other, std::uint64_t start) { return other->start < start; });
  if (at == segments_.end() || (*at)->start != segment->start) {
    segments_.insert(at, std::move(segment));
  } else {
    (*at)->room = std::max((*at)->room, segment->room);
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

std::uint64_t Journal::end_of(std::uint64_t position) {
  const std::shared_lock lock(mutex_);
  return end_of_locked(position);
}

Result<Journal::Segment*> Journal::require(std::uint64_t position) {
  {
    const std::shared_lock lock(mutex_);
    if (Segment* found = find(position)) {
      return found;
    }
  }
  return fail(errc::corrupt,
              directory_ + ": no segment holds position " + std::to_string(position));
}

std::vector<Journal::Place> Journal::segments() {
  const std::shared_lock lock(mutex_);
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
  const std::shared_lock lock(mutex_);
  return segments_.empty();
}

std::string Journal::path_of(std::uint64_t position) {
  const std::shared_lock lock(mutex_);
  const Segment* found = find(position);
  return found == nullptr ? directory_ : name_of(found->start);
}

Result<std::uint64_t> Journal::make_segment(std::uint64_t start, std::uint64_t bytes) {
  const std::string path = name_of(start);
  const bool is_new = !files_.exists(path);
  auto segment = std::make_unique<Segment>();
  segment->start = start;
  MILLRACE_ASSIGN(segment->file, files_.open(path, OpenMode::create));
  if (auto allocated = segment->file->allocate(bytes); !allocated) {
    // Emptied, not removed: another member may have it open already, and the next try must not make
    // a second file of that name.
    if (is_new) {
      static_cast<void>(segment->file->truncate(0));
    }
    return std::unexpected(std::move(allocated).error());
  }
  MILLRACE_TRY(segment->file->sync());
  MILLRACE_TRY(files_.sync_directory(directory_));
  MILLRACE_ASSIGN(segment->room, segment->file->size());
  const std::uint64_t room = segment->room;
  insert(std::move(segment));
  return room;
}

Result<std::size_t> Journal::read(std::uint64_t position, char* out, std::size_t size) {
  Segment* segment = nullptr;
  std::uint64_t end = 0;
  {
    const std::shared_lock lock(mutex_);
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

Status Journal::write(std::uint64_t position, std::string_view bytes) {
  MILLRACE_ASSIGN(Segment * segment, require(position));
  return segment->file->write_at(position - segment->start, bytes);
}

Status Journal::sync(std::uint64_t from, std::uint64_t to) {
  std::vector<Segment*> dirty;
  {
    const std::shared_lock lock(mutex_);
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      const bool ends_after = i + 1 == segments_.size() || segments_[i + 1]->start > from;
      if (ends_after && segments_[i]->start < to) {
        dirty.push_back(segments_[i].get());
      }
    }
  }
  for (Segment* segment : dirty) {
    MILLRACE_TRY(segment->file->sync());
  }
  return {};
}

Status Journal::cut(std::uint64_t position) {
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
    MILLRACE_TRY(last->file->sync());
  }
  bool removed = false;
  const std::unique_lock lock(mutex_);
  while (!segments_.empty() && segments_.back()->start > position) {
    MILLRACE_TRY(files_.remove(name_of(segments_.back()->start)));
    segments_.pop_back();
    removed = true;
  }
  return removed ? files_.sync_directory(directory_) : Status{};
}

}  // namespace millrace::log::embedded
