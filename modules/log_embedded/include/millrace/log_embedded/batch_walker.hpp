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

/// A batch that a walk came to.
struct WalkedBatch {
  std::uint64_t position = 0;  ///< of its first byte in the file
  std::string_view bytes;      ///< valid until the walker's next call
  RecordBatchHeader header;
  bool checksum_holds = false;
  /// Of the last record; compaction keeps it, also when that record is gone.
  [[nodiscard]] Offset last_offset() const {
    return offset(header.base_offset.value + header.last_offset_delta);
  }
};

/// Reads RecordBatches that lie one behind the other in a file, as in Kafka's `.log` files. Holds
/// one batch in memory, or as much as it reads ahead when that is more. Not thread-safe; the file
/// outlives the walker.
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
  /// than `batch_bytes_max` is refused before room is made for it.
  BatchWalker(File& file, std::string path, std::uint64_t position, std::uint64_t end,
              std::uint64_t batch_bytes_max = UINT64_MAX);
  /// The same, which reads `ahead_bytes` at once, or 64 KiB when that is more, into `memory`. That
  /// outlives the walker; its content is dropped.
  BatchWalker(File& file, std::string path, std::uint64_t position, std::uint64_t end,
              std::string& memory, std::uint64_t ahead_bytes);

  /// Moves to the next batch; false at the end. A batch whose checksum does not hold is returned
  /// too, for what lies behind it can still be read. errc::corrupt, naming file and byte, when the
  /// bytes at position() are no whole batch, errc::too_large when they are one that is refused; a
  /// further call fails again.
  [[nodiscard]] Result<bool> next(WalkedBatch& batch);
  /// Where the next batch begins.
  [[nodiscard]] std::uint64_t position() const { return position_; }

  /// Whether next() reads nothing of the file, so that batches it returned before stay valid.
  [[nodiscard]] bool has_read_next();
  /// Where the memory begins in the file.
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

/// errc::corrupt that names a file and a byte in it.
[[nodiscard]] std::unexpected<Error> corrupt_at(const std::string& path, std::uint64_t position,
                                                std::string_view reason);

}  // namespace millrace::log
