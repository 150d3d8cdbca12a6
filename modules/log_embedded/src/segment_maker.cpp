// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "segment_maker.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "frame.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

// Segments that last shorter than this are prepared before they are half full: the next look may
// come too late.
constexpr std::int64_t fast_roll_ns = 1'000'000'000;

/// Room of a segment for a frame of so many bytes.
std::uint64_t segment_room(const EmbeddedOptions& options, std::uint64_t frame_bytes) {
  return std::max({options.segment_bytes, frame_bytes, std::uint64_t{4096}});
}

}  // namespace

Status SegmentMaker::refresh() {
  const std::uint32_t version =
      directory_.control().segments_version.load(std::memory_order_acquire);
  if (version_seen_.load(std::memory_order_relaxed) != version) [[unlikely]] {
    MILLRACE_TRY(directory_.check_in_place());
    journal_.forget_before(directory_.control().begin.load(std::memory_order_acquire));
    MILLRACE_TRY(journal_.refresh());
    MILLRACE_TRY(hold_unsynced());
    version_seen_.store(version, std::memory_order_relaxed);
  }
  return {};
}

Status SegmentMaker::hold_unsynced() {
  const std::atomic<std::uint64_t>& durable = directory_.control().durable;
  std::uint64_t from = durable.load(std::memory_order_acquire);
  Status held = journal_.hold_behind(from);
  // A segment that is gone was made durable, settled and removed meanwhile.
  while (!held && held.error().is(millrace::errc::not_found) &&
         from != durable.load(std::memory_order_acquire)) {
    from = durable.load(std::memory_order_acquire);
    held = journal_.hold_behind(from);
  }
  // Reading must not end for it; the next call of maintain() tries again.
  return !held && held.error().is(millrace::errc::too_many_files) ? Status{} : held;
}

Status SegmentMaker::make_room(const Locked& locked, std::uint64_t bytes) {
  Control& control = directory_.control();
  const std::uint64_t position = control.committed.load(std::memory_order_relaxed);
  if (position + bytes > max_position) {
    return fail(errc::limit, "the journal is full (its positions end at {}); write to another log",
                max_position);
  }
  if (position + bytes <= control.segment_end) {
    return {};
  }
  MILLRACE_TRY(directory_.check_in_place());
  auto room = journal_.make_segment(
      locked, position, bytes, segment_room(directory_.embedded_options(), bytes),
      [&control] { control.progress.fetch_add(1, std::memory_order_relaxed); });
  if (!room) {
    if (journal_.sync_failed()) {
      directory_.mark_sync_failed(room.error());
    }
    return fail(log_error(std::move(room).error()));
  }
  MILLRACE_FAULT_POINT("segment.made");
  use(locked, position, position + *room);
  return {};
}

Status SegmentMaker::check_room(const Locked& locked, std::uint64_t position, std::uint64_t bytes) {
  const Control& control = directory_.control();
  const Journal::Bounds here = journal_.bounds_of(position);
  if (here.start == control.segment_start && position + bytes <= here.end) [[likely]] {
    return journal_.hold(locked, position);
  }
  return fail(errc::corrupt,
              "{}: no room for a frame of {} bytes at position {}: the segment reaches from {} to "
              "{} here, and by {}/control from {} to {}; nothing was written: stop all processes "
              "of this log and open it again",
              journal_.path_of(position), bytes, position, here.start, here.end, directory_.path(),
              control.segment_start, control.segment_end);
}

void SegmentMaker::use(const Locked&, std::uint64_t start, std::uint64_t end) {
  Control& control = directory_.control();
  control.progress.fetch_add(1, std::memory_order_relaxed);
  std::atomic_ref(control.segment_start).store(start, std::memory_order_release);
  MILLRACE_FAULT_POINT("segment.inside_use");
  std::atomic_ref(control.segment_end).store(end, std::memory_order_release);
  control.segments_version.fetch_add(1, std::memory_order_release);
}

Status SegmentMaker::adopt(const Locked& locked) {
  Control& control = directory_.control();
  MILLRACE_TRY(journal_.refresh());
  const auto segments = journal_.segments();
  // A segment that begins at the end of the log was made by the dead one, and some may have seen
  // it: from now on it is the one for all.
  if (!segments.empty() &&
      segments.back().start == control.committed.load(std::memory_order_relaxed)) {
    use(locked, segments.back().start, segments.back().end);
  } else {
    control.segments_version.fetch_add(1, std::memory_order_release);
  }
  return {};
}

unsigned SegmentMaker::wanted_ahead(std::uint64_t start, std::uint64_t end) {
  const std::uint64_t committed = directory_.control().committed.load(std::memory_order_acquire);
  // The three are not read at once: a roll may lie between.
  if (end <= start || committed <= start) {
    return 0;
  }
  unsigned wanted = committed - start > (end - start) / 2 ? 1 : 0;
  const MutexLock guard(roll_mutex_);
  if (start != start_seen_) {
    const std::int64_t now = directory_.clock().monotonic_ns();
    if (now - last_roll_ns_ < fast_roll_ns) {
      const std::uint64_t rolls = (start - start_seen_) / (end - start) + 1;
      wanted = static_cast<unsigned>(std::min<std::uint64_t>(rolls + 1, Journal::max_prepared));
    }
    last_roll_ns_ = now;
    start_seen_ = start;
  }
  return wanted;
}

void SegmentMaker::prepare() {
  Control& control = directory_.control();
  const auto start = std::atomic_ref(control.segment_start).load(std::memory_order_acquire);
  const auto end = std::atomic_ref(control.segment_end).load(std::memory_order_acquire);
  const unsigned wanted = wanted_ahead(start, end);
  if (wanted == 0) {
    return;
  }
  std::uint32_t nobody = 0;
  if (!control.preparer.compare_exchange_strong(nobody, directory_.owner())) {
    return;
  }
  for (unsigned number = 0; number < wanted && directory_.check_in_place(); ++number) {
    if (!journal_.prepare(number, segment_room(directory_.embedded_options(), 0),
                          directory_.slot())) {
      break;
    }
  }
  MILLRACE_FAULT_POINT("prepare.done");
  control.preparer.store(0, std::memory_order_release);
}

}  // namespace millrace::log::embedded
