// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log/record_batch.hpp"

namespace millrace::log {

/// A batch that a walker found.
struct WalkedBatch {
  std::uint64_t position = 0;  ///< the position of its first byte in the file
  std::string_view bytes;      ///< valid until the walker's next call
  RecordBatchHeader header;
  bool checksum_holds = false;
  /// The offset of its last record. Compaction does not change it, even if it removes that record.
  [[nodiscard]] Offset last_offset() const {
    return offset(header.base_offset.value + header.last_offset_delta);
  }
};

/// Reads the RecordBatches of a file one after the other, as in Kafka's `.log` files. It has one
/// batch in memory, or the bytes that it reads ahead if these are more. Not thread-safe. The file
/// must outlive the walker.
///
///     BatchWalker walker(*file, path, 0, size);
///     WalkedBatch batch;
///     while (true) {
///       MILLRACE_ASSIGN(const bool found, walker.next(batch));
///       if (!found) break;
///     }
class BatchWalker {
 public:
  /// Reads the bytes [position, end) of the file; `path` is for error messages. A batch of more
  /// than `batch_bytes_max` is refused before memory is allocated for it.
  BatchWalker(File& file, std::string path, std::uint64_t position, std::uint64_t end,
              std::uint64_t batch_bytes_max = UINT64_MAX);
  /// The same, but reads `ahead_bytes` at once (at least 64 KiB) into `memory`. `memory` must
  /// outlive the walker; its content is overwritten.
  BatchWalker(File& file, std::string path, std::uint64_t position, std::uint64_t end,
              std::string& memory, std::uint64_t ahead_bytes);

  /// Moves to the next batch; false at the end. A batch with a wrong checksum is returned too,
  /// because the batches after it can still be read. errc::corrupt, with file and byte, when the
  /// bytes at position() are not a whole batch; errc::too_large when the batch is too large. Later
  /// calls fail again.
  [[nodiscard]] Result<bool> next(WalkedBatch& batch);
  /// Where the next batch begins.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  /// True if next() will not read from the file, so that the batches that it returned before stay
  /// valid.
  [[nodiscard]] bool has_read_next();
  /// The position in the file at which the memory begins.
  [[nodiscard]] std::uint64_t memory_at() const { return buffer_at_; }

 private:
  [[nodiscard]] Result<std::string_view> look(std::uint64_t bytes);
  [[nodiscard]] std::string& buffer() { return memory_ == nullptr ? own_ : *memory_; }

  File& file_;
  std::string path_;
  std::uint64_t position_;
  std::uint64_t end_;
  std::uint64_t batch_bytes_max_;
  std::uint64_t ahead_bytes_;
  std::string own_;
  std::string* memory_ = nullptr;  // the buffer, when it is the caller's
  std::uint64_t buffer_at_;        // position of the buffer in the file
};

/// Makes an error errc::corrupt that names a file and a byte in it.
[[nodiscard]] std::unexpected<Error> corrupt_at(const std::string& path, std::uint64_t position,
                                                std::string_view reason);

}  // namespace millrace::log
