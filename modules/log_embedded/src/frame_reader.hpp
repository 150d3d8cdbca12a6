// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "frame.hpp"
#include "index.hpp"
#include "journal.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/types.hpp"

namespace millrace::log::embedded {

/// Reads frames of the journal at known positions, and their batches. errc::corrupt names the file
/// and the position of wrong bytes. It keeps the bytes that it read last. Not thread-safe. The
/// journal must outlive it.
class FrameReader {
 public:
  /// Reads up to `ahead` bytes at once. It adapts to the use: many bytes for batches that follow
  /// each other, few for batches that are far apart.
  FrameReader(Journal& journal, std::uint64_t log_id, std::uint64_t ahead = 4096)
      : journal_(journal), log_id_(log_id), ahead_(ahead) {}

  /// Header and entries of the frame that begins at this position. Their checksum was checked.
  /// Valid until the next call.
  [[nodiscard]] Result<FrameView> table(std::uint64_t position);

  struct Batch {
    std::string_view bytes;  ///< valid until the next call
    FrameHeader frame;       ///< of the commit that it is part of
    std::int64_t base_offset = 0;
  };
  /// Reads a batch of the index, and checks that the entry of its frame is the same. The caller
  /// must check the checksum of the batch.
  [[nodiscard]] Result<Batch> batch(TopicPartition partition, const IndexEntry& entry);

 private:
  [[nodiscard]] Result<std::string_view> read(std::uint64_t position, std::uint64_t bytes);
  [[nodiscard]] std::unexpected<Error> damaged(std::uint64_t position, std::string_view reason);

  Journal& journal_;
  std::uint64_t log_id_;
  std::uint64_t ahead_;
  std::uint64_t used_ = 0;  ///< bytes that were asked for since the last read
  std::string buffer_;      ///< of the journal, from `start_` on
  std::uint64_t start_ = 0;
};

}  // namespace millrace::log::embedded
