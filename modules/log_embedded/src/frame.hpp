// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/log/types.hpp"

// A commit in the journal: docs/formats/journal.md.
namespace millrace::log::embedded {

inline constexpr std::uint32_t frame_magic = 0x5246524dU;  // "MRFR"
/// The highest version that this build knows: for frames about partitions that were added to a
/// topic.
inline constexpr std::uint16_t frame_version = 4;
/// For frames about a topic that was deleted.
inline constexpr std::uint16_t frame_version_deletion = 3;
/// For frames with settings of topics.
inline constexpr std::uint16_t frame_version_settings = 2;
/// For all other frames, so that older builds can read them.
inline constexpr std::uint16_t frame_version_plain = 1;
inline constexpr std::size_t frame_header_bytes = 80;
inline constexpr std::size_t frame_entry_bytes = 32;
/// In front of each batch: its distance to the end of the frame, and the complement of this number.
inline constexpr std::size_t batch_prefix_bytes = 8;
/// Positions and sizes of frames are multiples of this.
inline constexpr std::uint64_t frame_alignment = 8;
/// No frame ends after this position, so that the sum of a position and a size cannot overflow.
inline constexpr std::uint64_t max_position = 1ULL << 63U;
/// The maximum size of a frame: a larger length is damage.
inline constexpr std::uint64_t max_frame_bytes = (1ULL << 30U) + (64ULL << 20U);

/// The fixed part of a frame; in memory as on the disk (little-endian).
struct FrameHeader {
  std::uint32_t magic = frame_magic;
  std::uint16_t version = frame_version_plain;
  std::uint16_t header_bytes = frame_header_bytes;
  std::uint32_t bytes = 0;  ///< of the whole frame, a multiple of 8
  std::uint32_t entries = 0;
  std::uint64_t position = 0;
  std::uint64_t durable = 0;  ///< the durable position that the writer knew
  std::uint64_t log_id = 0;
  /// epoch of the first claim it was written under, with `claim_incarnation`
  std::uint64_t claim_number = 0;
  std::int64_t append_time_ms = 0;
  std::uint32_t claim_incarnation = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t member = 0;
  std::uint32_t previous = 0;  ///< checksum of the frame before
  std::uint32_t reserved = 0;
  std::uint32_t checksum = 0;  ///< CRC-32C of this header, with this field zero, and the entries
};
static_assert(sizeof(FrameHeader) == frame_header_bytes);

/// The entry of a frame about one of its batches.
struct FrameEntry {
  std::int32_t topic = 0;
  std::int32_t partition = 0;
  std::int64_t base_offset = 0;
  std::uint32_t bytes = 0;         ///< of the batch
  std::uint32_t crc = 0;           ///< the batch's own checksum
  std::uint32_t offsets = 0;       ///< the number of its offsets
  std::uint32_t frame_offset = 0;  ///< of the batch in the frame
};
static_assert(sizeof(FrameEntry) == frame_entry_bytes);

/// Builds a frame in memory, which is used again for the next frame. All steps that do not depend
/// on the order of commits can be done before the writer lock is taken; seal() does the rest. Not
/// thread-safe.
class FrameBuilder {
 public:
  /// Begins a new frame, for exactly this many batches.
  void start(std::size_t entries);
  /// Copies a finished batch (a complete RecordBatch v2).
  void add(TopicPartition partition, std::string_view batch, std::uint32_t offsets);
  /// Completes the size. Add no more batches after this call.
  void close();
  [[nodiscard]] std::uint64_t bytes() const { return buffer_.size(); }
  [[nodiscard]] std::size_t entries() const { return used_; }
  [[nodiscard]] FrameEntry& entry(std::size_t index);
  /// Call it after the base offsets were set in the entries: writes them into the batches, and
  /// completes the header and its checksum.
  void seal(FrameHeader header);
  [[nodiscard]] std::string_view view() const { return buffer_; }
  [[nodiscard]] std::uint32_t checksum() const;

 private:
  std::string buffer_;
  std::size_t used_ = 0;
};

/// A frame that was read. A cheap view.
class FrameView {
 public:
  FrameView() = default;
  explicit FrameView(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] FrameHeader header() const;
  [[nodiscard]] FrameEntry entry(std::size_t index) const;
  /// The batch; the view must have the whole frame.
  [[nodiscard]] std::string_view batch(const FrameEntry& entry) const {
    return bytes_.substr(entry.frame_offset, entry.bytes);
  }

 private:
  std::string_view bytes_;
};

/// Bytes of header and entries.
[[nodiscard]] inline std::uint64_t table_bytes(const FrameHeader& header) {
  return frame_header_bytes + static_cast<std::uint64_t>(header.entries) * frame_entry_bytes;
}

/// True if a header is of a later version than this build knows, of this log and at this position.
/// In every version, magic, version, header size, frame size, number of entries, position and id of
/// the log are at the same offsets, and the checksum is in the last bytes of the header.
[[nodiscard]] bool claims_newer_version(const FrameHeader& header, std::uint64_t log_id,
                                        std::uint64_t position);
/// Bytes of header and entries of a frame whose header claims_newer_version().
[[nodiscard]] inline std::uint64_t newer_table_bytes(const FrameHeader& header) {
  return header.header_bytes + static_cast<std::uint64_t>(header.entries) * frame_entry_bytes;
}
/// True if the checksum of these bytes is right: a newer build wrote them, and they are not
/// damaged.
[[nodiscard]] bool newer_table_holds(std::string_view table);
/// errc::incompatible, naming `where`.
[[nodiscard]] std::unexpected<Error> newer_frame(const std::string& where,
                                                 const FrameHeader& header);

/// The reason why the bytes are not the header of a frame of this log at this position; empty when
/// its fields are valid. Does not check the checksum.
[[nodiscard]] const char* frame_header_fault(const FrameHeader& header, std::uint64_t log_id,
                                             std::uint64_t position);
/// Checks the checksum over header and entries and that the entries lie in the frame. `table` holds
/// table_bytes().
[[nodiscard]] const char* frame_table_fault(std::string_view table);
/// Checks the batches of a whole frame against its entries. Null when they are right.
[[nodiscard]] const char* frame_batches_fault(std::string_view frame);

}  // namespace millrace::log::embedded
