// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "millrace/base/file_system.hpp"

namespace millrace {

/// What a File can do besides that knows where it was never written, such as in room that was
/// reserved. Thread-safe.
class SparseFile {
 public:
  /// Bytes of a file; empty when begin is end.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  virtual ~SparseFile() = default;
  /// The first bytes at or behind `offset` that may not be zero; empty, at the end of the file,
  /// when all from there on are zero. errc::io_error.
  [[nodiscard]] virtual Result<Range> data_from(std::uint64_t offset) = 0;
};

/// The same of any file: of one that does not know it, all from `offset` to its end may be data.
///
///     MILLRACE_ASSIGN(const SparseFile::Range data, data_from(*file, 0));
[[nodiscard]] Result<SparseFile::Range> data_from(File& file, std::uint64_t offset);

}  // namespace millrace
