// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "frame.hpp"

#include <bit>
#include <cstddef>
#include <cstring>

#include "millrace/base/endian.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log::embedded {
namespace {

static_assert(std::endian::native == std::endian::little,
              "frames are written as they lie in memory");

constexpr std::size_t aligned(std::size_t size) {
  return (size + frame_alignment - 1) & ~(frame_alignment - 1);
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

std::uint32_t table_checksum(std::string_view table,
                             std::size_t at = offsetof(FrameHeader, checksum)) {
  constexpr char zero[4] = {};
  std::uint32_t sum = crc32c(table.substr(0, at));
  sum = crc32c({zero, sizeof zero}, sum);
  return crc32c(table.substr(at + sizeof zero), sum);
}

}  // namespace

void FrameBuilder::start(std::size_t entries) {
  used_ = 0;
  buffer_.clear();
  buffer_.resize(frame_header_bytes + entries * frame_entry_bytes);
}

FrameEntry& FrameBuilder::entry(std::size_t index) {
  return *reinterpret_cast<FrameEntry*>(buffer_.data() + frame_header_bytes +
                                        index * frame_entry_bytes);
}

void FrameBuilder::add(TopicPartition partition, std::string_view batch, std::uint32_t offsets) {
  const std::size_t at = aligned(buffer_.size()) + batch_prefix_bytes;
  buffer_.resize(at);
  buffer_.append(batch);
  FrameEntry& made = entry(used_++);
  made.topic = partition.topic.value;
  made.partition = partition.partition.value;
  made.bytes = static_cast<std::uint32_t>(batch.size());
  made.crc = load_big<std::uint32_t>(batch.data() + batch_layout::crc);
  made.offsets = offsets;
  made.frame_offset = static_cast<std::uint32_t>(at);
}

void FrameBuilder::close() {
  buffer_.resize(aligned(buffer_.size()));
  for (std::size_t i = 0; i < used_; ++i) {
    const std::uint32_t at = entry(i).frame_offset;
    const auto distance = static_cast<std::uint32_t>(buffer_.size() - at);
    const std::uint32_t prefix[2] = {distance, ~distance};
    std::memcpy(buffer_.data() + at - batch_prefix_bytes, prefix, sizeof prefix);
  }
}

void FrameBuilder::seal(FrameHeader header) {
  for (std::size_t i = 0; i < used_; ++i) {
    const FrameEntry& made = entry(i);
    set_base_offset(buffer_.data() + made.frame_offset, offset(made.base_offset));
  }
  header.bytes = static_cast<std::uint32_t>(buffer_.size());
  header.entries = static_cast<std::uint32_t>(used_);
  header.checksum = 0;
  std::memcpy(buffer_.data(), &header, sizeof header);
  header.checksum = table_checksum(std::string_view(buffer_).substr(0, table_bytes(header)));
  std::memcpy(buffer_.data(), &header, sizeof header);
}

std::uint32_t FrameBuilder::checksum() const { return FrameView(buffer_).header().checksum; }

FrameHeader FrameView::header() const {
  FrameHeader header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  return header;
}

FrameEntry FrameView::entry(std::size_t index) const {
  FrameEntry entry;
  std::memcpy(&entry, bytes_.data() + frame_header_bytes + index * frame_entry_bytes, sizeof entry);
  return entry;
}

bool claims_newer_version(const FrameHeader& header, std::uint64_t log_id, std::uint64_t position) {
  return header.magic == frame_magic && header.version > frame_version && header.log_id == log_id &&
         header.position == position && header.header_bytes >= frame_header_bytes &&
         header.bytes <= max_frame_bytes && newer_table_bytes(header) <= header.bytes;
}

bool newer_table_holds(std::string_view table) {
  const std::size_t at = FrameView(table).header().header_bytes - sizeof(std::uint32_t);
  std::uint32_t checksum = 0;
  std::memcpy(&checksum, table.data() + at, sizeof checksum);
  return table_checksum(table, at) == checksum;
}

std::unexpected<Error> newer_frame(const std::string& where, const FrameHeader& header) {
  return fail(errc::incompatible,
              newer_format(where + ": position " + std::to_string(header.position),
                           "the frame of the journal", header.version, frame_version));
}

const char* frame_header_fault(const FrameHeader& header, std::uint64_t log_id,
                               std::uint64_t position) {
  if (header.magic != frame_magic) {
    return "no frame begins here";
  }
  if (header.version < frame_version_plain || header.version > frame_version ||
      header.header_bytes != frame_header_bytes) {
    return "the frame has an unknown version";
  }
  if (header.log_id != log_id) {
    return "the frame belongs to another log";
  }
  if (header.position != position) {
    return "the frame belongs to another position";
  }
  if (header.bytes < frame_header_bytes || header.bytes % 8 != 0 ||
      header.bytes > max_frame_bytes || header.entries == 0 || table_bytes(header) > header.bytes) {
    return "the frame's length makes no sense";
  }
  if (header.durable > position) {
    return "the frame's durable position makes no sense";
  }
  return nullptr;
}

const char* frame_table_fault(std::string_view table) {
  const FrameView view(table);
  const FrameHeader header = view.header();
  if (table_checksum(table) != header.checksum) {
    return "the checksum of the frame's header does not hold";
  }
  std::uint64_t at = table_bytes(header);
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const FrameEntry entry = view.entry(i);
    if (entry.frame_offset < at + batch_prefix_bytes || entry.bytes < record_batch_header_bytes ||
        entry.offsets == 0 ||
        static_cast<std::uint64_t>(entry.frame_offset) + entry.bytes > header.bytes) {
      return "the frame's entries make no sense";
    }
    at = static_cast<std::uint64_t>(entry.frame_offset) + entry.bytes;
  }
  return nullptr;
}

const char* frame_batches_fault(std::string_view frame) {
  const FrameView view(frame);
  const FrameHeader header = view.header();
  std::size_t end = table_bytes(header);
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const FrameEntry entry = view.entry(i);
    if (!is_zero(frame.substr(end, entry.frame_offset - batch_prefix_bytes - end))) {
      return "there is something between the batches";
    }
    end = entry.frame_offset + entry.bytes;
    const std::string_view batch = view.batch(entry);
    const auto found = read_batch_header(batch);
    std::uint32_t prefix[2];
    std::memcpy(prefix, frame.data() + entry.frame_offset - batch_prefix_bytes, sizeof prefix);
    if (!found || found->bytes != entry.bytes || found->crc != entry.crc ||
        found->base_offset.value != entry.base_offset ||
        static_cast<std::uint32_t>(found->last_offset_delta) + 1 != entry.offsets ||
        prefix[0] != header.bytes - entry.frame_offset || prefix[1] != ~prefix[0] ||
        load_big<std::uint32_t>(batch.data() + batch_layout::leader_epoch) != 0) {
      return "a batch does not match the frame's entry";
    }
    if (!batch_checksum_holds(batch)) {
      return "the checksum of a batch does not hold";
    }
  }
  return is_zero(frame.substr(end)) ? nullptr : "there is something behind the batches";
}

}  // namespace millrace::log::embedded
