// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/file_system.hpp"
#include "runtime/store_set.hpp"

namespace millrace::stream::runtime {

/// What a snapshot says beside its stores' entries; docs/formats/snapshot.md.
struct SnapshotHead {
  std::string log;            ///< identity of the log it speaks of
  log::Lineage lineage;       ///< in which the stamp was seen; 0: not known
  log::LogPosition stamp;     ///< the last commit it holds
  std::int64_t as_of_ms = 0;  ///< wall time at which it held all commits; 0: not known
  log::Offset system_next;    ///< of the task state's changelog
  std::string task_state;     ///< as encode_task_state; empty: none
};

/// Appends the whole file: the head and the committed content of the stores.
void encode_snapshot(const SnapshotHead& head, StoreSet& stores, std::string& out);
/// Fills the stores, and the offsets from which their changelogs continue. Stores that the snapshot
/// does not know stay as they are. base's errc::invalid_argument when the bytes do not check or are
/// of an earlier version, errc::incompatible when a newer build wrote them; the stores may then be
/// half full.
[[nodiscard]] Result<SnapshotHead> decode_snapshot(std::string_view bytes, StoreSet& stores);

/// Where a task's snapshot lives: written aside first, published by renaming once its stamp is
/// durable.
class SnapshotFile {
 public:
  /// An empty directory: no snapshots at all.
  SnapshotFile(FileSystem& files, const std::string& directory, std::string_view task);

  [[nodiscard]] bool enabled() const { return !path_.empty(); }
  [[nodiscard]] bool exists() const { return enabled() && files_->exists(path_); }
  [[nodiscard]] Result<std::string> read() const { return read_file(*files_, path_); }
  /// Writes and syncs the temporary; it waits for publish(). errc::invalid_argument when a file
  /// that is no snapshot has the name: it is not replaced.
  [[nodiscard]] Status write_aside(std::string_view content, log::LogPosition stamp);
  [[nodiscard]] const std::optional<log::LogPosition>& waiting() const { return waiting_; }
  [[nodiscard]] Status publish();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  [[nodiscard]] bool holds_snapshot() const;

  FileSystem* files_;
  std::string directory_;
  std::string path_;
  std::optional<log::LogPosition> waiting_;
};

}  // namespace millrace::stream::runtime
