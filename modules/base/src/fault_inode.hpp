// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/base/random.hpp"
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
  void resize(std::uint64_t to);
  void mark_dirty(std::uint64_t begin, std::uint64_t end);
  /// Everything written reaches the disk.
  void sync();
  /// A sync failed: as on Linux the pages count as clean from now on though the disk never saw
  /// them.
  void forget_dirty();
  /// The file as found after a power cut. Without a random source nothing unsynced survives.
  [[nodiscard]] std::shared_ptr<FaultInode> after_power_loss(Random* random) const;
};

}  // namespace millrace
