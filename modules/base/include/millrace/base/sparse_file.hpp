// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "millrace/base/file_system.hpp"

namespace millrace {

/// An additional interface of a File that knows which parts were never written, such as reserved
/// space. Thread-safe.
class SparseFile {
 public:
  /// A range of bytes of a file: [begin, end).
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  virtual ~SparseFile() = default;
  /// The first range at or after `offset` that may contain bytes other than zero. If all bytes from
  /// there on are zero, an empty range at the end of the file. errc::io_error.
  [[nodiscard]] virtual Result<Range> data_from(std::uint64_t offset) = 0;
};

/// The same for any file. If the file does not implement SparseFile, returns all bytes from
/// `offset` to the end.
///
///     MILLRACE_ASSIGN(const SparseFile::Range data, data_from(*file, 0));
[[nodiscard]] Result<SparseFile::Range> data_from(File& file, std::uint64_t offset);

}  // namespace millrace
