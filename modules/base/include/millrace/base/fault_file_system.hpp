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

/// A file system in memory that can do what disks do: forget unsynced data, tear the last writes,
/// run full, and fail on demand. Thread-safe. Files opened from it share its state and stay valid
/// after it is destroyed.
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
  /// Its sync() also reports pages of any file that another sync lost since it was opened.
  Result<std::unique_ptr<File>> open_all(const std::string& directory) override;

  /// The power goes: of what was written and not synced, each 512-byte sector survives or not as
  /// `random` says (so that writes are lost, reordered and torn), and so does each file that was
  /// created, renamed or removed since its directory was synced: the changes that survive happened
  /// in their order, and one whose file is not there then did not happen. A rename is whole or not
  /// there. Files open from before return io_error from now on.
  void lose_power(Random& random);
  /// The power goes and everything unsynced is lost.
  void lose_power();

  /// Room for file data in bytes, allocated ones included; writes and allocations beyond it fail
  /// with disk_full.
  void set_capacity(std::uint64_t bytes);
  /// Each following write / sync fails with io_error, until set back to false.
  void fail_writes(bool fail);
  void fail_syncs(bool fail);
  /// Everything that would change a file or a directory fails with no_permission, until set back to
  /// false: as on a mount that became read-only.
  void set_read_only(bool read_only);
  /// Flips one bit of a stored file, in the cache and on the disk.
  Status flip_bit(const std::string& path, std::uint64_t offset, int bit);
  /// How often a sync succeeded, for tests of group commit.
  [[nodiscard]] std::uint64_t syncs() const;
  /// How often a sync of all files below a directory succeeded; those do not count as syncs().
  [[nodiscard]] std::uint64_t bulk_syncs() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace
