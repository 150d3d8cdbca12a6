// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "millrace/base/bulk_sync.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/random.hpp"

namespace millrace {

/// A file system in memory that simulates the failures of disks: it loses unsynced data, tears the
/// last writes, runs full, and fails on demand. Thread-safe. Open files share its state and stay
/// valid after it is destroyed.
class FaultFileSystem final : public FileSystem, public BulkSync {
 public:
  FaultFileSystem();
  ~FaultFileSystem() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status create_directories(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  bool exists(const std::string& path) override;
  Status remove(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status sync_directory(const std::string& path) override;
  /// As BulkSync::open_all(). The handle's sync() also fails if another sync lost pages of any file
  /// since the handle was opened.
  Result<std::unique_ptr<File>> open_all(const std::string& directory) override;

  /// Simulates a power cut. `random` decides for each unsynced 512-byte sector whether it survives,
  /// so writes are lost, reordered and torn. `random` also decides which creations, renames and
  /// removals of files survive, if their directory was not synced since. The surviving changes are
  /// applied in their order; a change to a file that does not exist then is dropped. A rename
  /// survives as a whole or not at all. Files that were open before return io_error from now on.
  void lose_power(Random& random);
  /// Simulates a power cut in which all unsynced data is lost.
  void lose_power();

  /// Sets the size of the disk for file data, in bytes, including allocated bytes. Writes and
  /// allocations beyond it fail with disk_full.
  void set_capacity(std::uint64_t bytes);
  /// With true, all following writes or syncs fail with io_error, until it is called with false.
  void fail_writes(bool fail);
  void fail_syncs(bool fail);
  /// With true, every call that would change a file or a directory fails with no_permission, as on
  /// a file system that became read-only, until it is called with false.
  void set_read_only(bool read_only);
  /// Flips one bit of a stored file, in the cache and on the disk.
  Status flip_bit(const std::string& path, std::uint64_t offset, int bit);
  /// The number of successful syncs, for tests of group commit.
  [[nodiscard]] std::uint64_t syncs() const;
  /// The number of successful syncs of all files below a directory. syncs() does not count them.
  [[nodiscard]] std::uint64_t bulk_syncs() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace
