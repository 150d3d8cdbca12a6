// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "frame.hpp"
#include "journal.hpp"

namespace millrace::log::embedded {

/// A valid frame that the walker found.
struct WalkedFrame {
  std::uint64_t position = 0;
  FrameHeader header;
  std::string_view table;  ///< header and entries; valid until the next step
};

/// Walks through the frames of the journal, reading ahead. Writes nothing.
class FrameWalker {
 public:
  FrameWalker(Journal& journal, std::uint64_t log_id) : journal_(journal), log_id_(log_id) {}

  /// The position at which the next frame should begin, and the checksum that it should repeat.
  void start_at(std::uint64_t position, std::uint32_t previous) {
    position_ = position;
    previous_ = previous;
  }
  /// Makes one step. Returns true with the frame, or false with the reason why there is no valid
  /// frame at position(). Batches are checked from `check_from` on. Errors are those of reading;
  /// errc::incompatible when a newer build wrote the frame.
  [[nodiscard]] Result<bool> next(std::uint64_t check_from, WalkedFrame& frame);
  /// Drops the bytes that were read ahead, so that next() sees bytes that were written meanwhile.
  void read_again() { buffer_.clear(); }
  /// The whole frame that next() just returned.
  [[nodiscard]] Result<std::string_view> whole(const WalkedFrame& frame);
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint32_t previous() const { return previous_; }
  [[nodiscard]] const char* reason() const { return reason_; }

  /// The highest durable position in any valid frame header after `position`; 0 if there is none.
  [[nodiscard]] Result<std::uint64_t> proven_after(std::uint64_t position);

 private:
  [[nodiscard]] Status refuse_newer(const FrameHeader& header, std::uint64_t position);
  [[nodiscard]] Result<std::uint64_t> proven_between(std::uint64_t from, std::uint64_t to);
  [[nodiscard]] Result<std::string_view> window(std::uint64_t position, std::uint64_t bytes);

  Journal& journal_;
  std::uint64_t log_id_;
  std::uint64_t position_ = 0;
  std::uint32_t previous_ = 0;
  const char* reason_ = "";
  std::string buffer_;
  std::uint64_t buffer_start_ = 0;
};

/// Checks that the journal may be cut at `position`: the bytes there, and each later segment, must
/// begin with a frame of this log or with zeros. errc::corrupt names a file that does not belong to
/// this log.
[[nodiscard]] Status check_may_cut(Journal& journal, std::uint64_t log_id, std::uint64_t position);

}  // namespace millrace::log::embedded
