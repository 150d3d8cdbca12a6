// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/segment_files.hpp"

#include <algorithm>
#include <charconv>

namespace millrace::log::embedded {
namespace {

// As many as the largest offset has.
constexpr std::size_t name_digits = 20;

std::string_view suffix_of(SegmentFile file) {
  constexpr std::string_view suffixes[] = {".log", ".index", ".timeindex", ".commits"};
  return suffixes[static_cast<std::size_t>(file)];
}

std::string_view suffix_of(SegmentMark mark) {
  constexpr std::string_view suffixes[] = {"", ".cleaned", ".swap", ".deleted"};
  return suffixes[static_cast<std::size_t>(mark)];
}

}  // namespace

std::string segment_path(const std::string& directory, Offset base, SegmentFile file) {
  const std::string digits = std::to_string(base.value);
  std::string path = directory + "/";
  path.append(name_digits - digits.size(), '0').append(digits).append(suffix_of(file));
  return path;
}

std::string segment_path(const std::string& directory, Offset base, SegmentFile file,
                         SegmentMark mark) {
  return segment_path(directory, base, file).append(suffix_of(mark));
}

std::optional<SegmentName> parse_segment_name(std::string_view name) {
  if (name.size() <= name_digits) {
    return std::nullopt;
  }
  SegmentName found;
  const char* const end = name.data() + name_digits;
  const auto read = std::from_chars(name.data(), end, found.base.value);
  if (read.ec != std::errc{} || read.ptr != end || name.front() == '-') {
    return std::nullopt;
  }
  const std::string_view suffix = name.substr(name_digits);
  const auto* const file = std::find_if(segment_files.begin(), segment_files.end(),
                                        [&](SegmentFile one) { return suffix_of(one) == suffix; });
  if (file == segment_files.end()) {
    return std::nullopt;
  }
  found.file = *file;
  return found;
}

std::optional<MarkedName> parse_marked_name(std::string_view name) {
  SegmentMark mark = SegmentMark::none;
  for (const SegmentMark one : {SegmentMark::cleaned, SegmentMark::swap, SegmentMark::deleted}) {
    if (name.ends_with(suffix_of(one))) {
      mark = one;
      name.remove_suffix(suffix_of(one).size());
      break;
    }
  }
  const auto segment = parse_segment_name(name);
  return segment ? std::optional(MarkedName{*segment, mark}) : std::nullopt;
}

Result<std::vector<Offset>> list_segments(FileSystem& files, const std::string& directory) {
  MILLRACE_ASSIGN(const auto names, files.list(directory));
  std::vector<Offset> bases;
  for (const std::string& name : names) {
    const auto found = parse_segment_name(name);
    if (found && found->file == SegmentFile::log) {
      bases.push_back(found->base);
    }
  }
  std::sort(bases.begin(), bases.end());
  return bases;
}

}  // namespace millrace::log::embedded
