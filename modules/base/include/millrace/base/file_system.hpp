// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace {

/// An open file; the destructor closes it. Several threads may read and write at the same time, but
/// the file must not be destroyed meanwhile. All errors name the path: errc::io_error,
/// errc::disk_full, errc::no_permission.
class File {
 public:
  virtual ~File() = default;
  /// Reads up to `size` bytes at `offset` into `out`; returns how many (fewer only at the end of
  /// the file).
  [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset, char* out,
                                                    std::size_t size) = 0;
  /// Writes all bytes at `offset`, or fails. After an error the content of this range is unknown.
  [[nodiscard]] virtual Status write_at(std::uint64_t offset, std::string_view bytes) = 0;
  /// Makes written data durable (fdatasync).
  [[nodiscard]] virtual Status sync() = 0;
  /// Reserves space on the disk and sets the size of the file to at least `size` bytes; new bytes
  /// are zero. errc::disk_full when there is not enough space.
  [[nodiscard]] virtual Status allocate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Status truncate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
  /// Maps the bytes [0, size) shared and writable; call allocate() with this size first. Null if
  /// the file system cannot map files; then the caller uses read_at(). The mapping lives as long as
  /// the File.
  [[nodiscard]] virtual Result<char*> map(std::uint64_t size) = 0;
};

/// How to open a file. A symbolic link is followed for reading only.
enum class OpenMode {
  read,             ///< must exist; a directory can be opened so, for sync() alone
  read_write,       ///< must exist
  create,           ///< read and write, created when missing
  create_exclusive  ///< read and write, must not exist yet: errc::busy if it does
};

/// Directories and files. Paths are absolute or relative to the process. Thread-safe. New files get
/// mode 0600 and new directories 0700; a umask can only remove permissions. There is one exception:
/// if the directory that contains them gives permissions to its group but not to other users (0750,
/// 0770), they get the same permissions for the group. What root creates belongs to the owner of
/// that directory. Errors name the path: errc::not_found, errc::no_permission, errc::io_error,
/// errc::disk_full.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path,
                                                           OpenMode mode) = 0;
  /// Creates a directory and its missing parents with mode 0700. The new directories are durable on
  /// return. errc::invalid_argument for an empty path.
  [[nodiscard]] virtual Status create_directories(const std::string& path) = 0;
  /// Creates a directory in an existing directory, with the permissions of the existing one. It is
  /// durable on return.
  [[nodiscard]] virtual Status create_subdirectory(const std::string& path) {
    return create_directories(path);
  }
  /// Names (not paths) in a directory, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  /// False when there is no file or directory with this path. Also true when a missing permission
  /// prevents the check; then opening it fails with errc::no_permission.
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  [[nodiscard]] virtual Status remove(const std::string& path) = 0;
  /// Replaces `to` atomically; durable only after sync_directory of its directory.
  [[nodiscard]] virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Makes the entries of a directory durable.
  [[nodiscard]] virtual Status sync_directory(const std::string& path) = 0;
};

/// The machine's file system. Descriptors are close-on-exec. Lives for the whole program.
[[nodiscard]] FileSystem& real_file_system();

/// Opens a file to append to it with write(2); creates it when missing, with the mode that a
/// FileSystem uses. Returns the descriptor, which the caller must close. For log files and the
/// output of child processes.
[[nodiscard]] Result<int> open_to_append(const std::string& path);

/// Reads a whole file.
[[nodiscard]] Result<std::string> read_file(FileSystem& files, const std::string& path);

/// Replaces the content of a file. After a crash the file has the old or the new content. Writes a
/// temporary file `<path>.tmp`, syncs it, renames it and syncs the directory. Only one writer for a
/// path at a time.
[[nodiscard]] Status write_file_atomically(FileSystem& files, const std::string& path,
                                           std::string_view content);

}  // namespace millrace
