// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "open_segments.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "frame.hpp"
#include "millrace/base/file_errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::string_view suffix = ".journal";
constexpr std::string_view index_suffix = ".batches";
constexpr std::size_t digits = 20;
// Fewer are of no use to a process that has no descriptor left.
constexpr std::size_t min_open = 4;
// For each file that may be open.
constexpr std::size_t opens_before_growth = 2;

std::string file_name(std::uint64_t start, std::string_view ending) {
  const std::string number = std::to_string(start);
  return std::string(digits - number.size(), '0') + number + std::string(ending);
}

}  // namespace

OpenSegments::OpenSegments(FileSystem& files, std::string directory, OpenMode mode,
                           std::function<Status()> may_open)
    : files_(files),
      directory_(std::move(directory)),
      mode_(mode),
      may_open_(std::move(may_open)) {}

std::string OpenSegments::path_of(std::uint64_t start) const {
  return directory_ + "/" + file_name(start, suffix);
}

std::string OpenSegments::index_path_of(std::uint64_t start) const {
  return directory_ + "/" + file_name(start, index_suffix);
}

std::optional<std::uint64_t> OpenSegments::start_of(std::string_view name) {
  if (name.size() != digits + suffix.size() || !name.ends_with(suffix)) {
    return std::nullopt;
  }
  std::uint64_t start = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + digits, start);
  const bool whole = error == std::errc{} && end == name.data() + digits && start < max_position;
  return whole ? std::optional(start) : std::nullopt;
}

OpenSegments::Entry* OpenSegments::find(std::uint64_t start) {
  const auto found = open_.find(start);
  if (found == open_.end()) {
    return nullptr;
  }
  // Not the newest use counts, but the first one after a file was opened: so that threads that read
  // what is open write to nothing that they share.
  if (found->second.used.load(std::memory_order_relaxed) != opened_) {
    found->second.used.store(opened_, std::memory_order_relaxed);
  }
  return &found->second;
}

void OpenSegments::set_held(Entry& entry, bool held) {
  if (entry.held.exchange(held, std::memory_order_relaxed) != held) {
    held_.fetch_add(held ? 1 : static_cast<std::size_t>(-1), std::memory_order_relaxed);
  }
}

Result<std::shared_ptr<File>> OpenSegments::file(std::uint64_t start) {
  {
    const SharedLock lock(mutex_);
    if (const Entry* known = find(start)) {
      return known->file;
    }
  }
  MILLRACE_ASSIGN(auto opened, open(path_of(start), mode_));
  Closed closed;
  const UniqueLock lock(mutex_);
  return insert(start, std::move(opened), closed).file;
}

Result<std::shared_ptr<File>> OpenSegments::hold(std::uint64_t start) {
  {
    const SharedLock lock(mutex_);
    if (Entry* known = find(start)) {
      set_held(*known, true);
      return known->file;
    }
  }
  MILLRACE_ASSIGN(auto opened, open(path_of(start), mode_));
  Closed closed;
  const UniqueLock lock(mutex_);
  Entry& entry = insert(start, std::move(opened), closed);
  set_held(entry, true);
  return entry.file;
}

void OpenSegments::release(std::uint64_t start) {
  const SharedLock lock(mutex_);
  if (Entry* known = find(start)) {
    set_held(*known, false);
  }
}

std::vector<std::uint64_t> OpenSegments::held() {
  const SharedLock lock(mutex_);
  std::vector<std::uint64_t> starts;
  for (const auto& [start, entry] : open_) {
    if (entry.held.load(std::memory_order_relaxed)) {
      starts.push_back(start);
    }
  }
  return starts;
}

std::size_t OpenSegments::surplus() const {
  const std::size_t held = held_.load(std::memory_order_relaxed);
  const std::size_t most = max_open_.load(std::memory_order_relaxed) / 2;
  return held > most ? held - most : 0;
}

void OpenSegments::add(std::uint64_t start, std::unique_ptr<File> file) {
  Closed closed;
  const UniqueLock lock(mutex_);
  insert(start, std::move(file), closed);
}

void OpenSegments::remove(std::uint64_t start) {
  const UniqueLock lock(mutex_);
  if (Entry* known = find(start)) {
    set_held(*known, false);
    open_.erase(start);
  }
}

Result<std::unique_ptr<File>> OpenSegments::open(const std::string& path, OpenMode mode) {
  if (may_open_) {
    MILLRACE_TRY(may_open_());
  }
  auto opened = files_.open(path, mode);
  while (!opened && opened.error().is(millrace::errc::too_many_files) && close_half()) {
    opened = files_.open(path, mode);
  }
  return opened;
}

/// What another thread opened meanwhile stays. `closed` is to end after the mutex was released.
OpenSegments::Entry& OpenSegments::insert(std::uint64_t start, std::unique_ptr<File> file,
                                          Closed& closed) {
  Entry& entry = open_[start];
  if (entry.file == nullptr) {
    entry.file = std::move(file);
    entry.used.store(++opened_, std::memory_order_relaxed);
    grow();
    while (open_.size() > max_open_ && close_oldest(start, closed)) {
    }
  }
  return entry;
}

/// Perhaps others have closed some: after a while of few, twice as many are tried.
void OpenSegments::grow() {
  if (max_open_ < max_open && opened_ >= grow_at_) {
    max_open_ = std::min(max_open, 2 * max_open_);
    grow_at_ = opened_ + opens_before_growth * max_open_;
  }
}

bool OpenSegments::close_oldest(std::uint64_t but, Closed& closed) {
  auto oldest = open_.end();
  for (auto at = open_.begin(); at != open_.end(); ++at) {
    const bool may_close = at->first != but && !at->second.held.load(std::memory_order_relaxed);
    if (may_close && (oldest == open_.end() || at->second.used < oldest->second.used)) {
      oldest = at;
    }
  }
  if (oldest == open_.end()) {
    return false;
  }
  closed.push_back(std::move(oldest->second.file));
  open_.erase(oldest);
  return true;
}

bool OpenSegments::close_half() {
  Closed closed;
  const UniqueLock lock(mutex_);
  if (open_.size() <= min_open) {
    return false;
  }
  max_open_ = std::max(min_open, open_.size() / 2);
  grow_at_ = opened_ + opens_before_growth * max_open_;
  // No segment begins there.
  while (open_.size() > max_open_ && close_oldest(max_position, closed)) {
  }
  return !closed.empty();
}

}  // namespace millrace::log::embedded
