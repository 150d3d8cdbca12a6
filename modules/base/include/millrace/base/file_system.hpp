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

/// An open file. Reads and writes at explicit offsets may run in several threads at once; closing
/// may not. Closed by its destructor. All failures name the path: errc::io_error, errc::disk_full,
/// errc::no_permission.
class File {
 public:
  virtual ~File() = default;
  /// Reads up to `size` bytes at `offset` into `out`; returns how many (fewer only at the end of
  /// the file).
  [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset, char* out,
                                                    std::size_t size) = 0;
  /// Writes all bytes at `offset` or fails; after a failure the range's content is unknown.
  [[nodiscard]] virtual Status write_at(std::uint64_t offset, std::string_view bytes) = 0;
  /// Makes written data durable (fdatasync).
  [[nodiscard]] virtual Status sync() = 0;
  /// Reserves room and sets the size to at least `size`; new bytes read as zero. errc::disk_full
  /// when there is none.
  [[nodiscard]] virtual Status allocate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Status truncate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
  /// Maps [0, size) shared and writable; the file must have been allocated to that size. Null for
  /// file systems that cannot (the caller falls back to reads). The mapping lives as long as the
  /// File.
  [[nodiscard]] virtual Result<char*> map(std::uint64_t size) = 0;
};

/// How to open a file. A symbolic link is followed for reading only.
enum class OpenMode {
  read,             ///< must exist; a directory can be opened so, for sync() alone
  read_write,       ///< must exist
  create,           ///< read and write, made when missing
  create_exclusive  ///< read and write, must not exist yet: errc::busy if it does
};

/// Directories and files. Paths are absolute or relative to the process. Thread-safe.
/// What is created can be used by its owner alone (files 0600, directories 0700; a umask can only
/// narrow it), unless the directory that holds it was opened to its group and to nobody else (0750,
/// 0770): then the group can use it in the same way. What root creates belongs to the owner of that
/// directory. Failures: errc::not_found, errc::no_permission, errc::io_error, errc::disk_full,
/// naming the path.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path,
                                                           OpenMode mode) = 0;
  /// Makes a directory and its missing parents, for the owner alone; those it made are durable on
  /// return. errc::invalid_argument for an empty path.
  [[nodiscard]] virtual Status create_directories(const std::string& path) = 0;
  /// Creates a directory in one that exists, for the users that may use that one; durable on
  /// return.
  [[nodiscard]] virtual Status create_subdirectory(const std::string& path) {
    return create_directories(path);
  }
  /// Names (not paths) in a directory, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  /// False when there is nothing of that name. True also when that cannot be known, for want of
  /// permission: then opening it reports so.
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  [[nodiscard]] virtual Status remove(const std::string& path) = 0;
  /// Replaces `to` atomically; durable only after sync_directory of its directory.
  [[nodiscard]] virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Makes the entries of a directory durable.
  [[nodiscard]] virtual Status sync_directory(const std::string& path) = 0;
};

/// The machine's file system. Descriptors are close-on-exec. Lives for the whole program.
[[nodiscard]] FileSystem& real_file_system();

/// Opens a file to append to it with write(2), created when missing as a FileSystem creates files.
/// Returns the descriptor, which the caller closes. For log files and the output of children.
[[nodiscard]] Result<int> open_to_append(const std::string& path);

/// Reads a whole file.
[[nodiscard]] Result<std::string> read_file(FileSystem& files, const std::string& path);

/// Replaces a file's content so that after a crash it has the old content or the new: writes a
/// temporary beside it,
/// (`<path>.tmp`), syncs it, renames it and syncs the directory. One writer per path at a time.
[[nodiscard]] Status write_file_atomically(FileSystem& files, const std::string& path,
                                           std::string_view content);

}  // namespace millrace
