// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "frame_reader.hpp"

#include <algorithm>

#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint64_t least_ahead = 4096;

}  // namespace

std::unexpected<Error> FrameReader::damaged(std::uint64_t position, std::string_view reason) {
  return fail(errc::corrupt, "{}: corrupt at position {}: {}; run `millrace log verify`",
              journal_.path_of(position), position, reason);
}

/// Fewer bytes at the end of a segment.
Result<std::string_view> FrameReader::read(std::uint64_t position, std::uint64_t bytes) {
  if (position < start_ || position + bytes > start_ + buffer_.size()) {
    buffer_.resize(
        std::max(bytes, std::clamp(2 * used_, least_ahead, std::max(ahead_, least_ahead))));
    used_ = 0;
    start_ = position;
    auto got = journal_.read(position, buffer_.data(), buffer_.size());
    buffer_.resize(got ? *got : 0);
    MILLRACE_TRY(got);
  }
  used_ += bytes;
  return std::string_view(buffer_).substr(position - start_, bytes);
}

Result<FrameView> FrameReader::table(std::uint64_t position) {
  MILLRACE_ASSIGN(std::string_view bytes, read(position, frame_header_bytes));
  if (bytes.size() < frame_header_bytes) {
    return damaged(position, "the segment ends here");
  }
  const FrameHeader header = FrameView(bytes).header();
  if (const char* const fault = frame_header_fault(header, log_id_, position)) {
    return damaged(position, fault);
  }
  MILLRACE_ASSIGN(bytes, read(position, table_bytes(header)));
  if (bytes.size() < table_bytes(header)) {
    return damaged(position, "the segment ends within the frame");
  }
  if (const char* const fault = frame_table_fault(bytes)) {
    return damaged(position, fault);
  }
  return FrameView(bytes);
}

Result<FrameReader::Batch> FrameReader::batch(TopicPartition partition, const IndexEntry& entry) {
  const std::uint64_t frame = entry.position - entry.frame_offset;
  MILLRACE_ASSIGN(const FrameView view, table(frame));
  Batch found;
  found.frame = view.header();
  FrameEntry named;
  for (std::uint32_t i = 0; i < found.frame.entries && named.frame_offset != entry.frame_offset;
       ++i) {
    named = view.entry(i);
  }
  if (named.frame_offset != entry.frame_offset || named.topic != partition.topic.value ||
      named.partition != partition.partition.value || named.bytes != entry.bytes ||
      named.base_offset + named.offsets != entry.end) {
    return damaged(frame, "the frame does not have the batch that the index names");
  }
  MILLRACE_ASSIGN(found.bytes, read(entry.position, entry.bytes));
  const auto header = read_batch_header(found.bytes);
  if (!header || header->bytes != named.bytes || header->crc != named.crc ||
      header->base_offset.value != named.base_offset ||
      static_cast<std::uint32_t>(header->last_offset_delta) + 1 != named.offsets) {
    return damaged(frame, "a batch does not match the frame's entry");
  }
  found.base_offset = named.base_offset;
  return found;
}

}  // namespace millrace::log::embedded
