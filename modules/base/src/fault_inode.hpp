// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/base/random.hpp"
#include "millrace/base/sparse_file.hpp"
#include "stable_bytes.hpp"

namespace millrace {

/// One file of a FaultFileSystem: what readers see, and what is on the disk. Not thread-safe.
struct FaultInode {
  StableBytes cache;
  std::uint64_t size = 0;
  std::string disk;

  /// The range that was written since the last sync and may differ from the disk.
  std::uint64_t dirty_begin = UINT64_MAX;
  std::uint64_t dirty_end = 0;

  void write(std::uint64_t offset, std::string_view bytes);
  /// SparseFile::data_from(): whole blocks in which a byte is not zero.
  [[nodiscard]] SparseFile::Range data_from(std::uint64_t offset) const;
  void resize(std::uint64_t to);
  void mark_dirty(std::uint64_t begin, std::uint64_t end);
  /// Everything written reaches the disk.
  void sync();
  /// When a sync fails: as on Linux the pages count as clean from now on though the disk never saw
  /// them. False when there were none.
  bool lose_dirty();
  /// In the cache and on the disk.
  void flip_bit(std::uint64_t offset, int bit);
  /// How often written pages were lost. Each open file reports once what was lost since it was
  /// opened.
  std::uint64_t losses = 0;
  /// The file as found after a power cut. Without a random source nothing unsynced survives.
  [[nodiscard]] std::shared_ptr<FaultInode> after_power_loss(Random* random) const;

 private:
  void forget_dirty();
};

}  // namespace millrace
