// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "index_files.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_errors.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

// Of index files, at one checkpoint: more than the journal needs between two, so that an old log
// gets its files soon and no checkpoint waits for all of them. A file counts as this much at least.
constexpr std::uint64_t bytes_at_once = 1ULL << 28U;
constexpr std::uint64_t bytes_of_file = 1ULL << 16U;

/// Not synced: what a loss of power leaves of it does not check.
Status replace_file(FileSystem& files, const std::string& path, const std::string& content) {
  const std::string unfinished = path + ".tmp";
  MILLRACE_ASSIGN(const auto file, files.open(unfinished, OpenMode::create));
  Status written = file->truncate(0);
  if (written) {
    written = file->write_at(0, content);
  }
  MILLRACE_FAULT_POINT("index_file.inside");
  if (written) {
    return files.rename(unfinished, path);
  }
  // A full disk needs the room.
  static_cast<void>(files.remove(unfinished));
  return written;
}

}  // namespace

Status IndexFiles::write_up_to(std::uint64_t durable, std::uint64_t begin) {
  const Control& control = directory_.control();
  // Of a segment that was there when a log was opened that had settled, the index may lack batches.
  const bool had_settled = control.partitions[0].settled.load(std::memory_order_acquire) > 0;
  written_ = std::max({written_, begin, had_settled ? control.recovered : 0});
  const auto segments = journal_.segments();
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i + 1 < segments.size() && segments[i].end <= durable; ++i) {
    if (segments[i].start < written_) {
      continue;
    }
    if (!directory_.files().exists(journal_.index_path_of(segments[i].start))) {
      MILLRACE_ASSIGN(const std::uint64_t written, write(segments[i]));
      bytes += std::max(written, bytes_of_file);
      if (written == 0 || bytes >= bytes_at_once) {
        return {};
      }
    }
    written_ = segments[i].end;
  }
  return {};
}

/// The header of a frame that lies at the beginning of a segment; false while there is none.
Result<bool> IndexFiles::first_frame(std::uint64_t position, FrameHeader& header) {
  MILLRACE_ASSIGN(const std::size_t got,
                  journal_.read(position, reinterpret_cast<char*>(&header), sizeof header));
  return got == sizeof header &&
         frame_header_fault(header, directory_.log_id(), position) == nullptr;
}

Result<std::uint64_t> IndexFiles::write(const Journal::SegmentSpan& segment) {
  FrameHeader first;
  FrameHeader next;
  MILLRACE_ASSIGN(const bool begins, first_frame(segment.start, first));
  MILLRACE_ASSIGN(const bool follows, first_frame(segment.end, next));
  if (!begins || !follows) {
    return 0;
  }
  SegmentIndex made;
  made.log_id = directory_.log_id();
  made.start = segment.start;
  made.end = segment.end;
  made.previous = first.previous;
  made.checksum = next.previous;
  MILLRACE_TRY(collect(segment, made));
  MILLRACE_FAULT_POINT("index_file.before");
  const std::string content = made.encode();
  MILLRACE_TRY(replace_file(directory_.files(), journal_.index_path_of(segment.start), content));
  MILLRACE_FAULT_POINT("index_file.after");
  return content.size();
}

Status IndexFiles::collect(const Journal::SegmentSpan& segment, SegmentIndex& made) {
  const Catalog& catalog = topics_.catalog();
  const auto topics = static_cast<std::int32_t>(catalog.topic_count());
  for (TopicId id{{0}}; id.value < topics; ++id.value) {
    const CatalogTopic* topic = catalog.find(id);
    for (std::int32_t p = 0; is_indexed(id.value) && p < topic->topic.spec.partitions; ++p) {
      MILLRACE_ASSIGN(auto entries, entries_of(segment, topic->row(p)));
      if (!entries.empty()) {
        made.partitions.push_back({{id, partition(p)}, std::move(entries)});
      }
    }
  }
  return {};
}

Result<std::vector<IndexEntry>> IndexFiles::entries_of(const Journal::SegmentSpan& segment,
                                                       std::uint32_t number) {
  const PartitionRow& row = directory_.control().partitions[number];
  const std::uint64_t count = row.count.load(std::memory_order_seq_cst);
  std::uint64_t low = 0;
  for (std::uint64_t high = count; low < high;) {
    const std::uint64_t middle = low + (high - low) / 2;
    MILLRACE_ASSIGN(const IndexEntry entry, index_.at(row, middle));
    if (entry.position < segment.start) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  std::vector<IndexEntry> entries;
  for (; low < count; ++low) {
    MILLRACE_ASSIGN(const IndexEntry entry, index_.at(row, low));
    if (entry.position >= segment.end) {
      break;
    }
    entries.push_back(entry);
  }
  return entries;
}

/// Whether all partitions are known, and each continues where its index ends.
Result<bool> IndexFiles::fits(const Locked& locked, const SegmentIndex& read) {
  for (const SegmentIndex::Partition& partition : read.partitions) {
    const auto row = topics_.row_of_any(partition.id);
    if (!row || !is_indexed(partition.id.topic.value)) {
      return false;
    }
    MILLRACE_ASSIGN(std::int64_t end, index_.end(locked, **row));
    const std::int64_t settled = Index::base(**row);
    std::int64_t last = 0;
    std::uint64_t position = read.start;
    for (const IndexEntry& entry : partition.entries) {
      const bool follows = entry.end > last && (entry.end > end || entry.end <= settled);
      if (!follows || entry.position <= position || entry.position + entry.bytes > read.end) {
        return false;
      }
      last = entry.end;
      end = std::max(end, entry.end);
      position = entry.position;
    }
  }
  return true;
}

Result<bool> IndexFiles::load(const Locked& locked, const Journal::SegmentSpan& segment,
                              FrameWalker& walker) {
  const auto bytes = journal_.read_index_file(segment.start);
  if (!bytes && bytes.error().is(millrace::errc::too_many_files)) {
    return fail(bytes.error());
  }
  if (!bytes) {
    return false;
  }
  const auto read = SegmentIndex::decode(*bytes);
  FrameHeader first;
  FrameHeader next;
  MILLRACE_ASSIGN(const bool begins, first_frame(segment.start, first));
  MILLRACE_ASSIGN(const bool follows, first_frame(segment.end, next));
  if (!read || !begins || !follows || read->log_id != directory_.log_id() ||
      read->start != segment.start || read->end != segment.end ||
      walker.position() != segment.start || read->previous != walker.previous() ||
      first.previous != read->previous || next.previous != read->checksum) {
    return false;
  }
  MILLRACE_ASSIGN(const bool matches, fits(locked, *read));
  if (!matches) {
    return false;
  }
  for (const SegmentIndex::Partition& partition : read->partitions) {
    MILLRACE_ASSIGN(PartitionRow * row, topics_.row_of_any(partition.id));
    for (const IndexEntry& entry : partition.entries) {
      if (entry.end <= Index::base(*row)) {
        continue;
      }
      MILLRACE_TRY(index_.reserve(locked, *row));
      index_.append(locked, *row, entry);
    }
    row->next_offset = partition.entries.back().end;
  }
  walker.start_at(segment.end, read->checksum);
  return true;
}

Status remove_index_files(FileSystem& files, Journal& journal, std::uint64_t position) {
  bool removed = false;
  for (const Journal::SegmentSpan& segment : journal.segments()) {
    const std::string path = journal.index_path_of(segment.start);
    if (segment.end > position && files.exists(path)) {
      MILLRACE_TRY(files.remove(path));
      removed = true;
    }
  }
  return removed ? journal.sync_names() : Status{};
}

}  // namespace millrace::log::embedded
