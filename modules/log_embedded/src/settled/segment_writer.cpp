// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled/segment_writer.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "log_directory.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "settled/segment_changes.hpp"
#include "settled/segment_scan.hpp"
#include "settled/settled_segment.hpp"

namespace millrace::log::embedded {
namespace {

// Waiting bytes beyond this are written.
constexpr std::uint64_t buffer_bytes = 256U << 10U;
constexpr std::uint64_t segment_bytes_max = std::numeric_limits<std::int32_t>::max();

/// Removes what a crash left of a new segment, behind all others, whose `.log` was not made yet.
/// Files without a `.log` elsewhere are those of a segment that was lost: errc::corrupt.
Status remove_leftovers(FileSystem& files, const std::string& directory,
                        const std::vector<Offset>& bases) {
  MILLRACE_ASSIGN(const auto names, files.list(directory));
  for (const std::string& name : names) {
    const auto found = parse_segment_name(name);
    if (!found || std::binary_search(bases.begin(), bases.end(), found->base)) {
      continue;
    }
    if (!bases.empty() && found->base < bases.back()) {
      return fail(errc::corrupt,
                  "{}: the file is missing, but {} is there; restore it from a backup",
                  segment_path(directory, found->base, SegmentFile::log), name);
    }
    MILLRACE_TRY(files.remove(directory + "/" + name));
  }
  return {};
}

Result<RecordBatchHeader> check_batch(std::string_view bytes, Offset next) {
  const auto header = read_batch_header(bytes);
  if (!header || header->bytes != bytes.size()) {
    return fail(errc::invalid_argument,
                header ? "the bytes of a batch end before or behind it" : header.error().message());
  }
  const std::string name = "the batch at offset " + std::to_string(header->base_offset.value);
  if (!batch_checksum_holds(bytes)) {
    return fail(errc::invalid_argument, "{} does not match its checksum", name);
  }
  if (load_big<std::int32_t>(bytes.data() + batch_layout::leader_epoch) != 0) {
    return fail(errc::invalid_argument, "{} has a leader epoch other than 0", name);
  }
  if (header->base_offset < next) {
    return fail(errc::invalid_argument, "{} lies before offset {}, where its segment continues",
                name, next.value);
  }
  if (bytes.size() > segment_bytes_max) {
    return fail(errc::too_large, "{} has {} bytes, a segment takes at most {}", name, bytes.size(),
                segment_bytes_max);
  }
  return *header;
}

}  // namespace

Result<SegmentWriter> SegmentWriter::open(FileSystem& files, std::string directory, Offset synced,
                                          SegmentOptions options) {
  if (options.segment_bytes == 0 || options.segment_bytes > segment_bytes_max) {
    return fail(errc::invalid_argument, "segment_bytes must be from 1 to {}", segment_bytes_max);
  }
  MILLRACE_TRY(files.create_directories(directory));
  SegmentWriter writer(files, std::move(directory), options);
  MILLRACE_TRY(writer.recover(synced));
  return writer;
}

Status SegmentWriter::recover(Offset synced) {
  MILLRACE_TRY(finish_changes(*files_, directory_));
  MILLRACE_ASSIGN(const auto bases, list_segments(*files_, directory_));
  if (bases.empty() && synced.value > 0) {
    return fail(
        errc::corrupt,
        "{}: holds no segment, but offsets up to {} were on the disk; restore it from a backup",
        directory_, synced.value);
  }
  MILLRACE_TRY(remove_leftovers(*files_, directory_, bases));
  if (bases.empty()) {
    return {};
  }
  const Offset base = bases.back();
  MILLRACE_ASSIGN(SegmentScan scan,
                  scan_segment(*files_, directory_, base, synced, options_.index_interval_bytes));
  Offset end_in_front;
  if (scan.next == base && bases.size() > 1) {
    MILLRACE_ASSIGN(const auto before,
                    SettledSegment::open(*files_, directory_, bases[bases.size() - 2]));
    MILLRACE_ASSIGN(end_in_front, before.end());
  }
  MILLRACE_ASSIGN(active_,
                  ActiveSegment::recover(*files_, directory_, base, end_in_front, std::move(scan)));
  next_ = active_->next();
  synced_ = synced;
  // The crash may have come before the name was durable.
  names_durable_ = false;
  return {};
}

/// Begins a new segment where the batch does not fit.
Status SegmentWriter::make_room(const RecordBatchHeader& header, std::int64_t append_time_ms) {
  if (active_) {
    const std::uint64_t bytes = active_->log_bytes();
    // Either way: the clock may have been wrong when the first one was appended.
    const bool old = options_.segment_ms &&
                     std::abs(append_time_ms - active_->first_append_ms()) >= *options_.segment_ms;
    const bool fits = bytes == 0 || (bytes + header.bytes <= options_.segment_bytes && !old);
    if (fits && active_->reaches(header)) {
      return active_->waiting_bytes() + header.bytes > buffer_bytes ? active_->flush() : Status{};
    }
    // A segment is whole and durable before the next one gets its name: so only the last one can
    // have a torn tail.
    active_->close();
    MILLRACE_TRY(sync());
  }
  MILLRACE_ASSIGN(auto made, ActiveSegment::create(*files_, directory_, header.base_offset,
                                                   active_ ? active_->end() : Offset(),
                                                   options_.index_interval_bytes));
  active_ = std::move(made);
  names_durable_ = false;
  return {};
}

Status SegmentWriter::append(const CommittedBatch& batch) {
  if (failed_) {
    return fail(*failed_);
  }
  MILLRACE_ASSIGN(const RecordBatchHeader header, check_batch(batch.bytes, next_));
  if (Status room = make_room(header, batch.append_time_ms); !room) {
    return fail(log_error(std::move(room).error()));
  }
  active_->add(header, batch);
  next_ = active_->next();
  return {};
}

Status SegmentWriter::flush() {
  if (failed_) {
    return fail(*failed_);
  }
  Status written = active_ ? active_->flush() : Status{};
  return written ? Status{} : fail(log_error(std::move(written).error()));
}

Status SegmentWriter::sync() {
  if (failed_) {
    return fail(*failed_);
  }
  if (!active_) {
    return {};
  }
  // A write that fails can be repeated, a sync cannot.
  if (Status written = active_->flush(); !written) {
    return fail(log_error(std::move(written).error()));
  }
  Status done = active_->sync();
  if (done && !names_durable_) {
    done = files_->sync_directory(directory_);
  }
  if (!done) {
    failed_ = done.error();
    return done;
  }
  names_durable_ = true;
  synced_ = next_;
  return {};
}

}  // namespace millrace::log::embedded
