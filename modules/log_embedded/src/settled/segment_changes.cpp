// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/segment_changes.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include "millrace/base/fault_point.hpp"
#include "millrace/log/errors.hpp"
#include "settled/compaction_state.hpp"
#include "settled/segment_files.hpp"
#include "settled/settled_segment.hpp"

namespace millrace::log::embedded {
namespace {

bool has_name(const MarkedName& name, SegmentFile file, SegmentMark mark) {
  return name.segment.file == file && name.mark == mark;
}

Result<std::vector<MarkedName>> list_marked(FileSystem& files, const std::string& directory) {
  MILLRACE_ASSIGN(const auto names, files.list(directory));
  std::vector<MarkedName> found;
  for (const std::string& name : names) {
    if (const auto marked = parse_marked_name(name)) {
      found.push_back(*marked);
    }
  }
  return found;
}

/// The last segment that is being removed.
std::optional<Offset> last_removed(const std::vector<MarkedName>& names) {
  std::optional<Offset> last;
  for (const MarkedName& name : names) {
    if (has_name(name, SegmentFile::log, SegmentMark::deleted)) {
      last = std::max(last, std::optional(name.segment.base));
    }
  }
  return last;
}

/// What is not found of a segment that replaces others is lost.
Error lost_if_missing(const Error& error) {
  return error.is(errc::not_found)
             ? Error(
                   errc::corrupt,
                   error.message() + ", but its segment replaces others; restore it from a backup")
             : error;
}

class Changes {
 public:
  Changes(FileSystem& files, const std::string& directory) : files_(files), directory_(directory) {}

  Status remove_up_to(Offset last) {
    MILLRACE_ASSIGN(auto names, list_marked(files_, directory_));
    std::erase_if(names, [last](const MarkedName& name) { return name.segment.base > last; });
    for (const MarkedName& name : names) {
      if (has_name(name, SegmentFile::log, SegmentMark::none)) {
        MILLRACE_TRY(
            rename(name.segment.base, SegmentFile::log, SegmentMark::none, SegmentMark::deleted));
      }
    }
    const auto is_marker = [](const MarkedName& name) {
      return has_name(name, SegmentFile::log, SegmentMark::none) ||
             has_name(name, SegmentFile::log, SegmentMark::deleted);
    };
    // Not before all names are durable: a `.log` without its other files would be damage.
    MILLRACE_TRY(sync());
    for (const MarkedName& name : names) {
      if (!is_marker(name)) {
        MILLRACE_TRY(remove(name));
      }
    }
    // And a mark goes when nothing is left that it speaks of.
    MILLRACE_TRY(sync());
    for (const MarkedName& name : names) {
      if (is_marker(name)) {
        MILLRACE_TRY(remove({name.segment, SegmentMark::deleted}));
      }
    }
    return {};
  }

  /// The segment at `base` counts, and those before `end` do not.
  Status complete_swap(Offset base, Offset end) {
    MILLRACE_TRY(sync());
    MILLRACE_ASSIGN(const auto names, list_marked(files_, directory_));
    // First: a reader that finds it at the end of an opening has seen no other file change.
    for (const MarkedName& name : names) {
      if (name.segment.base == base && has_name(name, SegmentFile::commits, SegmentMark::none)) {
        MILLRACE_TRY(remove(name));
      }
    }
    for (const MarkedName& name : names) {
      if (name.segment.base > base && name.segment.base < end) {
        MILLRACE_TRY(remove(name));
      }
      if (name.segment.base == base && name.mark == SegmentMark::cleaned) {
        MILLRACE_TRY(rename(base, name.segment.file, SegmentMark::cleaned, SegmentMark::none));
      }
    }
    MILLRACE_TRY(sync());
    MILLRACE_TRY(rename(base, SegmentFile::commits, SegmentMark::swap, SegmentMark::none));
    return sync();
  }

  Status finish() {
    MILLRACE_ASSIGN(auto names, list_marked(files_, directory_));
    for (const MarkedName& name : names) {
      if (has_name(name, SegmentFile::commits, SegmentMark::swap)) {
        const Offset base = name.segment.base;
        const auto segment = SettledSegment::open(files_, directory_, base, true);
        if (!segment) {
          return fail(lost_if_missing(segment.error()));
        }
        MILLRACE_ASSIGN(const Offset end, segment->end());
        MILLRACE_TRY(complete_swap(base, end));
      }
    }
    if (const auto last = last_removed(names)) {
      MILLRACE_TRY(remove_up_to(*last));
    }
    MILLRACE_ASSIGN(names, list_marked(files_, directory_));
    for (const MarkedName& name : names) {
      if (name.mark == SegmentMark::cleaned) {
        MILLRACE_TRY(remove(name));
      }
    }
    return {};
  }

  Status cut(Offset end) {
    MILLRACE_ASSIGN(auto names, list_marked(files_, directory_));
    std::erase_if(names, [end](const MarkedName& name) { return name.segment.base < end; });
    // What replaces others goes first, and of a segment the `.log`, from the back: what a crash
    // leaves is in order, and files of segments that do not count.
    const auto rank = [](const MarkedName& name) {
      return std::tuple(name.mark != SegmentMark::swap, -name.segment.base.value,
                        name.segment.file);
    };
    std::sort(names.begin(), names.end(),
              [&](const MarkedName& a, const MarkedName& b) { return rank(a) < rank(b); });
    for (const MarkedName& name : names) {
      if (name.segment.file == SegmentFile::log) {
        MILLRACE_TRY(sync());
      }
      MILLRACE_TRY(remove(name));
    }
    return names.empty() ? Status{} : sync();
  }

  Status mark_swapped(Offset base) {
    return rename(base, SegmentFile::commits, SegmentMark::cleaned, SegmentMark::swap);
  }

 private:
  Status rename(Offset base, SegmentFile file, SegmentMark from, SegmentMark to) {
    MILLRACE_FAULT_POINT("settle.change");
    return files_.rename(segment_path(directory_, base, file, from),
                         segment_path(directory_, base, file, to));
  }
  Status remove(const MarkedName& name) {
    MILLRACE_FAULT_POINT("settle.change");
    return files_.remove(segment_path(directory_, name.segment.base, name.segment.file, name.mark));
  }
  Status sync() {
    MILLRACE_FAULT_POINT("settle.change");
    return files_.sync_directory(directory_);
  }

  FileSystem& files_;
  const std::string& directory_;
};

/// As one listing shows them; the error of a segment that replaces others when it cannot be read.
Result<std::vector<ListedSegment>> view_once(FileSystem& files, const std::string& directory) {
  MILLRACE_ASSIGN(const auto names, list_marked(files, directory));
  const auto removed = last_removed(names);
  std::vector<ListedSegment> view;
  for (const MarkedName& name : names) {
    if (has_name(name, SegmentFile::log, SegmentMark::none) &&
        (!removed || name.segment.base > *removed)) {
      view.push_back({name.segment.base, false});
    }
  }
  for (const MarkedName& name : names) {
    if (!has_name(name, SegmentFile::commits, SegmentMark::swap)) {
      continue;
    }
    const Offset base = name.segment.base;
    MILLRACE_ASSIGN(const auto segment, SettledSegment::open(files, directory, base, true));
    MILLRACE_ASSIGN(const Offset end, segment.end());
    std::erase_if(view,
                  [&](const ListedSegment& one) { return one.base >= base && one.base < end; });
    view.push_back({base, true});
  }
  std::sort(view.begin(), view.end(),
            [](const ListedSegment& a, const ListedSegment& b) { return a.base < b.base; });
  return view;
}

}  // namespace

Result<std::vector<ListedSegment>> view_segments(FileSystem& files, const std::string& directory) {
  // One that was listed may have been completed before it was opened.
  constexpr int attempts_max = 8;
  auto view = view_once(files, directory);
  for (int attempt = 1; attempt < attempts_max; ++attempt) {
    if (view || !view.error().is(errc::not_found) || !files.exists(directory)) {
      return view;
    }
    view = view_once(files, directory);
  }
  if (!view) {
    return fail(lost_if_missing(view.error()));
  }
  return view;
}

Status finish_changes(FileSystem& files, const std::string& directory) {
  return Changes(files, directory).finish();
}

Status cut_segments(FileSystem& files, const std::string& directory, Offset end) {
  MILLRACE_TRY(Changes(files, directory).cut(end));
  auto state = load_compaction_state(files, directory);
  // A compaction refuses a state that is damaged.
  if (!state || state->clean_until <= end) {
    return {};
  }
  state->clean_until = end;
  return save_compaction_state(files, directory, *state);
}

Status remove_segments(FileSystem& files, const std::string& directory, Offset last) {
  return Changes(files, directory).remove_up_to(last);
}

Status replace_segments(FileSystem& files, const std::string& directory, Offset base, Offset end) {
  Changes changes(files, directory);
  MILLRACE_TRY(changes.mark_swapped(base));
  return changes.complete_swap(base, end);
}

}  // namespace millrace::log::embedded
