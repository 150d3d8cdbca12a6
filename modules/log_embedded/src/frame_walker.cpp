// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "frame_walker.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint64_t read_ahead_bytes = 256U << 10U;

}  // namespace

Result<std::string_view> FrameWalker::window(std::uint64_t position, std::uint64_t bytes) {
  const bool there =
      position >= buffer_start_ && position + bytes <= buffer_start_ + buffer_.size();
  if (!there) {
    // What was read already is not read again, and what was never written not at all.
    const std::uint64_t end = buffer_start_ + buffer_.size();
    const std::uint64_t kept = position >= buffer_start_ && position < end ? end - position : 0;
    buffer_.erase(0, buffer_.size() - kept);
    buffer_start_ = position;
    MILLRACE_ASSIGN(const Journal::Bounds data, journal_.data_from(position));
    const std::uint64_t written = data.start > position ? 0 : data.end - position;
    const std::uint64_t ahead = std::max(bytes, std::min(read_ahead_bytes, written));
    if (position + kept < journal_.bounds_of(position).end) {
      buffer_.resize(ahead);
      const auto got = journal_.read(position + kept, buffer_.data() + kept, ahead - kept);
      buffer_.resize(kept + (got ? *got : 0));
      MILLRACE_TRY(got);
    }
  }
  return std::string_view(buffer_).substr(position - buffer_start_, bytes);
}

// A frame of a later version is no torn tail, which recovery would zero, and no corruption.
Status FrameWalker::refuse_newer(const FrameHeader& header, std::uint64_t position) {
  if (!claims_newer_version(header, log_id_, position)) {
    return {};
  }
  const std::uint64_t bytes = newer_table_bytes(header);
  MILLRACE_ASSIGN(const std::string_view table, window(position, bytes));
  if (table.size() < bytes || !newer_table_holds(table)) {
    return {};
  }
  return newer_frame(journal_.path_of(position), header);
}

Result<bool> FrameWalker::next(std::uint64_t check_from, WalkedFrame& frame) {
  MILLRACE_ASSIGN(const std::string_view head, window(position_, frame_header_bytes));
  if (head.size() < frame_header_bytes) {
    reason_ = "the segment ends here";
    return false;
  }
  const FrameHeader header = FrameView(head).header();
  MILLRACE_TRY(refuse_newer(header, position_));
  reason_ = frame_header_fault(header, log_id_, position_);
  if (reason_ == nullptr && header.previous != previous_) {
    reason_ = "the frame does not follow the one before it";
  }
  if (reason_ != nullptr) {
    return false;
  }
  MILLRACE_ASSIGN(const std::string_view table, window(position_, table_bytes(header)));
  reason_ = table.size() < table_bytes(header) ? "the segment ends within the frame"
                                               : frame_table_fault(table);
  if (reason_ != nullptr) {
    return false;
  }
  frame = {position_, header, table};
  if (position_ >= check_from) {
    MILLRACE_ASSIGN(const std::string_view bytes, window(position_, header.bytes));
    reason_ = bytes.size() < header.bytes ? "the segment ends within the frame"
                                          : frame_batches_fault(bytes);
    if (reason_ != nullptr) {
      return false;
    }
    frame.table = bytes.substr(0, table_bytes(header));
  }
  position_ += header.bytes;
  previous_ = header.checksum;
  return true;
}

Result<std::string_view> FrameWalker::whole(const WalkedFrame& frame) {
  return window(frame.position, frame.header.bytes);
}

Result<std::uint64_t> FrameWalker::proven_after(std::uint64_t position) {
  std::uint64_t proven = 0;
  for (const Journal::SegmentSpan& segment : journal_.segments()) {
    for (std::uint64_t at = std::max(segment.start, position + 1); at < segment.end;) {
      MILLRACE_ASSIGN(const Journal::Bounds data, journal_.data_from(at));
      MILLRACE_ASSIGN(const std::uint64_t here, proven_between(data.start, data.end));
      proven = std::max(proven, here);
      at = data.start == data.end ? segment.end : data.end;
    }
  }
  return proven;
}

/// By the good headers that begin there.
Result<std::uint64_t> FrameWalker::proven_between(std::uint64_t from, std::uint64_t to) {
  std::uint64_t proven = 0;
  char magic[4];
  const std::uint32_t wanted = frame_magic;
  std::memcpy(magic, &wanted, sizeof magic);
  for (std::uint64_t at = from; at + sizeof magic <= to;) {
    MILLRACE_ASSIGN(const std::string_view bytes, window(at, std::min(read_ahead_bytes, to - at)));
    if (bytes.size() < sizeof magic) {
      break;
    }
    std::size_t found = bytes.find({magic, sizeof magic});
    while (found != std::string_view::npos && (at + found) % 8 != 0) {
      found = bytes.find({magic, sizeof magic}, found + 1);
    }
    if (found == std::string_view::npos) {
      // The next look overlaps this one: a magic may lie across the border.
      at += bytes.size() - sizeof magic + 1;
      continue;
    }
    const std::uint64_t candidate = at + found;
    at = candidate + 8;
    MILLRACE_ASSIGN(const std::string_view head, window(candidate, frame_header_bytes));
    if (head.size() < frame_header_bytes) {
      continue;
    }
    const FrameHeader header = FrameView(head).header();
    MILLRACE_TRY(refuse_newer(header, candidate));
    if (frame_header_fault(header, log_id_, candidate) != nullptr) {
      continue;
    }
    MILLRACE_ASSIGN(const std::string_view table, window(candidate, table_bytes(header)));
    if (table.size() == table_bytes(header) && frame_table_fault(table) == nullptr) {
      proven = std::max(proven, header.durable);
    }
  }
  return proven;
}

Status check_may_cut(Journal& journal, std::uint64_t log_id, std::uint64_t position) {
  std::vector<std::uint64_t> starts{position};
  for (const Journal::SegmentSpan& segment : journal.segments()) {
    if (segment.start > position) {
      starts.push_back(segment.start);
    }
  }
  for (const std::uint64_t start : starts) {
    FrameHeader header;
    MILLRACE_ASSIGN(const std::size_t got,
                    journal.read(start, reinterpret_cast<char*>(&header), sizeof header));
    if (got != sizeof header) {
      continue;
    }
    if (frame_header_fault(header, header.log_id, start) == nullptr && header.log_id != log_id) {
      std::string table(table_bytes(header), '\0');
      MILLRACE_ASSIGN(const std::size_t read, journal.read(start, table.data(), table.size()));
      if (read == table.size() && frame_table_fault(table) == nullptr) {
        return fail(errc::corrupt,
                    "{}: belongs to another log than the file `version` beside the journal; "
                    "nothing was cut: put the right one back",
                    journal.path_of(start));
      }
    }
    // A segment is zeros before its first frame is written, and a disk writes the first bytes of
    // that frame together.
    if (start != position && header.magic != 0 && header.magic != frame_magic) {
      return fail(errc::corrupt,
                  "{}: begins with neither a frame nor zeros, so it may not be a part of this log; "
                  "nothing was cut: move it away",
                  journal.path_of(start));
    }
  }
  return {};
}

}  // namespace millrace::log::embedded
