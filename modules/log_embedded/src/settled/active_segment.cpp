// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/active_segment.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "millrace/base/fault_point.hpp"
#include "settled/segment_entries.hpp"

namespace millrace::log::embedded {

Result<ActiveSegment> ActiveSegment::create(FileSystem& files, const std::string& directory,
                                            Offset base, Offset end_in_front,
                                            std::uint64_t interval_bytes, SegmentMark mark,
                                            std::uint32_t generation) {
  ActiveSegment segment(base, base, end_in_front, IndexBuilder(base, interval_bytes));
  for (auto file = segment_files.rbegin(); file != segment_files.rend(); ++file) {
    Stream& stream = segment.stream(*file);
    MILLRACE_ASSIGN(stream.file,
                    files.open(segment_path(directory, base, *file, mark), OpenMode::create));
    // An earlier attempt may have left something.
    MILLRACE_TRY(stream.file->truncate(0));
    MILLRACE_FAULT_POINT("settle.file_made");
  }
  segment.stream(SegmentFile::commits).waiting = commits_header(base, end_in_front, generation);
  return segment;
}

Result<ActiveSegment> ActiveSegment::recover(FileSystem& files, const std::string& directory,
                                             Offset base, Offset end_in_front, SegmentScan scan) {
  ActiveSegment segment(base, scan.next, end_in_front, scan.builder);
  segment.first_append_ms_ = scan.first_append_ms;
  for (const SegmentFile file : segment_files) {
    Stream& stream = segment.stream(file);
    MILLRACE_ASSIGN(stream.file, files.open(segment_path(directory, base, file), OpenMode::create));
    stream.written = scan.kept[static_cast<std::size_t>(file)];
    MILLRACE_ASSIGN(const std::uint64_t size, stream.file->size());
    if (size != stream.written) {
      MILLRACE_TRY(stream.file->truncate(stream.written));
      MILLRACE_FAULT_POINT("settle.cut");
    }
  }
  segment.stream(SegmentFile::index).waiting = std::move(scan.index);
  segment.stream(SegmentFile::time_index).waiting = std::move(scan.times);
  if (segment.stream(SegmentFile::commits).written == 0) {
    segment.stream(SegmentFile::commits).waiting = commits_header(base, end_in_front);
  }
  return segment;
}

std::uint64_t ActiveSegment::log_bytes() const {
  const Stream& log = stream(SegmentFile::log);
  return log.written + log.waiting.size();
}

bool ActiveSegment::reaches(const RecordBatchHeader& header) const {
  return header.base_offset.value + header.last_offset_delta - base_.value <=
         std::numeric_limits<std::int32_t>::max();
}

void ActiveSegment::add(const RecordBatchHeader& header, const CommittedBatch& batch) {
  if (log_bytes() == 0) {
    first_append_ms_ = batch.append_time_ms;
  }
  builder_.add(header, log_bytes(), stream(SegmentFile::index).waiting,
               stream(SegmentFile::time_index).waiting);
  stream(SegmentFile::log).waiting.append(batch.bytes);
  CommitEntry{header.base_offset, batch.position, batch.append_time_ms}.append_to(
      stream(SegmentFile::commits).waiting);
  next_ = offset(header.base_offset.value + header.last_offset_delta).next();
}

Status ActiveSegment::flush() {
  for (Stream& stream : streams_) {
    if (!stream.waiting.empty()) {
      MILLRACE_TRY(stream.file->write_at(stream.written, stream.waiting));
      MILLRACE_FAULT_POINT("settle.written");
    }
  }
  for (Stream& stream : streams_) {
    stream.written += stream.waiting.size();
    stream.waiting.clear();
  }
  return {};
}

Status ActiveSegment::sync() {
  MILLRACE_TRY(flush());
  for (Stream& stream : streams_) {
    MILLRACE_TRY(stream.file->sync());
    MILLRACE_FAULT_POINT("settle.synced");
  }
  return {};
}

}  // namespace millrace::log::embedded
