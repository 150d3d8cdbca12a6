// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/segment_reader.hpp"

#include <algorithm>

#include "millrace/log/errors.hpp"
#include "settled/segment_changes.hpp"
#include "settled/segment_files.hpp"

namespace millrace::log::embedded {

Result<SegmentReader> SegmentReader::open(FileSystem& files, std::string directory) {
  SegmentReader reader(files, std::move(directory));
  MILLRACE_TRY(reader.refresh());
  return reader;
}

Status SegmentReader::refresh() {
  MILLRACE_ASSIGN(const auto listed, view_segments(*files_, directory_));
  segments_.clear();
  for (const ListedSegment& one : listed) {
    segments_.push_back({one.base, one.swapped, false, std::nullopt, std::nullopt});
  }
  return {};
}

std::optional<Offset> SegmentReader::start() const {
  return segments_.empty() ? std::nullopt : std::optional(segments_.front().base);
}

Result<SettledSegment> SegmentReader::open_segment(std::size_t number) const {
  const auto open = [&] {
    return SettledSegment::open(*files_, directory_, segments_[number].base,
                                segments_[number].swapped);
  };
  auto opened = open();
  if (opened || !opened.error().is(errc::not_found)) {
    return opened;
  }
  // Replaced by one with the same base, or a file of it is lost.
  MILLRACE_TRY(check_unchanged());
  opened = open();
  if (opened || !opened.error().is(errc::not_found)) {
    return opened;
  }
  MILLRACE_TRY(check_unchanged());
  return fail(errc::corrupt,
              "{}, but other files of its segment are there; restore it from a backup",
              opened.error().message());
}

/// That the segments are those of the last refresh(): else one that follows may be missing.
Status SegmentReader::check_unchanged() const {
  MILLRACE_ASSIGN(const auto listed, view_segments(*files_, directory_));
  const bool same = std::equal(listed.begin(), listed.end(), segments_.begin(), segments_.end(),
                               [](const ListedSegment& one, const Listed& known) {
                                 return one.base == known.base && one.swapped == known.swapped;
                               });
  return same ? Status{}
              : fail(errc::not_found, "{}: its segments changed; look again which there are",
                     directory_);
}

/// That no segment is missing in front of this one.
Status SegmentReader::check_follows(std::size_t number) {
  if (number == 0 || segments_[number].follows) {
    return {};
  }
  MILLRACE_ASSIGN(const SettledSegment before, open_segment(number - 1));
  MILLRACE_ASSIGN(const SettledSegment segment, open_segment(number));
  MILLRACE_ASSIGN(const Offset end, before.end());
  return check_follows(number, segment, end);
}

/// The same; `end` is where the segment in front ends.
Status SegmentReader::check_follows(std::size_t number, const SettledSegment& segment, Offset end) {
  if (end != segment.end_in_front()) {
    const auto path = [&](std::size_t one, SegmentFile file) {
      return segment_path(directory_, segments_[one].base, file);
    };
    // Its other files may still be there, and name it.
    std::string missing = "the .log file of a segment between them";
    MILLRACE_ASSIGN(const auto names, files_->list(directory_));
    for (const std::string& name : names) {
      const auto found = parse_segment_name(name);
      if (found && found->base > segments_[number - 1].base &&
          found->base < segments_[number].base) {
        missing = segment_path(directory_, found->base, SegmentFile::log);
        break;
      }
    }
    return corrupt_at(
        path(number, SegmentFile::commits), CommitEntry::end_in_front_at,
        "the segment in front ends at offset " + std::to_string(segment.end_in_front().value) +
            ", but " + path(number - 1, SegmentFile::log) + " ends at offset " +
            std::to_string(end.value) + ": " + missing + " is missing; restore it from a backup");
  }
  segments_[number].follows = true;
  return {};
}

/// How many segments begin at or before the offset.
std::size_t SegmentReader::count_up_to(Offset from) const {
  const auto behind =
      std::upper_bound(segments_.begin(), segments_.end(), from,
                       [](Offset wanted, const Listed& one) { return wanted < one.base; });
  return static_cast<std::size_t>(behind - segments_.begin());
}

Status SegmentReader::read(Offset from, Offset end, std::size_t max_bytes, SettledBatches& out) {
  out.clear();
  out.next = from;
  if (from >= end) {
    return {};
  }
  const std::size_t count = count_up_to(from);
  if (count == 0) {
    return fail(errc::out_of_range, "{}: offset {} is not kept; {}", directory_, from.value,
                segments_.empty() ? "there is no segment"
                                  : "the first offset that is kept is " +
                                        std::to_string(segments_.front().base.value));
  }
  const std::size_t first = count - 1;
  auto number = first;
  for (; number < segments_.size() && segments_[number].base < end; ++number) {
    if (number > first) {
      MILLRACE_TRY(check_follows(number));
    }
    MILLRACE_ASSIGN(const SettledSegment segment, open_segment(number));
    MILLRACE_TRY(segment.read(from, end, max_bytes, out));
    if (!out.batches.empty() || out.next >= end) {
      return {};
    }
  }
  MILLRACE_TRY(check_unchanged());
  return fail(errc::corrupt,
              "{}: the file ends before offset {}, but offsets up to {} are settled; restore the "
              "segment from a backup",
              segment_path(directory_, segments_[number - 1].base, SegmentFile::log), from.value,
              end.value);
}

Result<std::optional<Offset>> SegmentReader::find_time(std::int64_t time_ms, Offset end,
                                                       Offset from) {
  const std::size_t first = std::max<std::size_t>(count_up_to(from), 1) - 1;
  for (std::size_t number = first; number < segments_.size() && segments_[number].base < end;
       ++number) {
    Listed& listed = segments_[number];
    const bool known = listed.end && (number == first || listed.follows);
    if (known && listed.largest_time_ms && *listed.largest_time_ms < time_ms && time_ms >= 0) {
      continue;
    }
    MILLRACE_ASSIGN(const SettledSegment segment, open_segment(number));
    if (number > first && !listed.follows) {
      MILLRACE_TRY(check_follows(number, segment, *segments_[number - 1].end));
    }
    // The last one grows, and times before 1970 have no entries.
    const bool has_largest = number + 1 < segments_.size() && time_ms >= 0;
    if (has_largest) {
      MILLRACE_ASSIGN(listed.largest_time_ms, segment.largest_time_ms());
    }
    if (!has_largest || !listed.largest_time_ms || *listed.largest_time_ms >= time_ms) {
      MILLRACE_ASSIGN(const auto found, segment.find_time(time_ms, end));
      if (found) {
        return *found < end ? found : std::nullopt;
      }
    }
    if (number + 1 < segments_.size() && segments_[number + 1].base < end) {
      MILLRACE_ASSIGN(listed.end, segment.end());
    }
  }
  return std::nullopt;
}

Result<std::optional<CommitEntry>> SegmentReader::find_position(std::uint64_t position,
                                                                Offset end) {
  std::size_t low = 0;
  std::size_t high = segments_.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    bool begins_before = segments_[middle].base < end;
    if (begins_before) {
      MILLRACE_ASSIGN(const SettledSegment segment, open_segment(middle));
      MILLRACE_ASSIGN(const auto first, segment.first_commit());
      begins_before = first && first->base_offset < end && first->position.position <= position;
    }
    if (begins_before) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  // The segment that begins at or before the position, or else the one after it.
  const std::size_t first = low == 0 ? 0 : low - 1;
  for (std::size_t number = first;
       number <= low && number < segments_.size() && segments_[number].base < end; ++number) {
    if (number > first) {
      MILLRACE_TRY(check_follows(number));
    }
    MILLRACE_ASSIGN(const SettledSegment segment, open_segment(number));
    MILLRACE_ASSIGN(const auto found, segment.find_commit(position, end));
    if (found) {
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace millrace::log::embedded
