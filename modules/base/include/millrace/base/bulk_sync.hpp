// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>

#include "millrace/base/file_system.hpp"

namespace millrace {

/// An additional interface of a FileSystem that can make many files durable at once. Thread-safe.
class BulkSync {
 public:
  virtual ~BulkSync() = default;
  /// Returns a handle for sync() only. Its sync() makes durable all data that was written to files
  /// below the directory since the handle was opened, and the names of these files (syncfs). It may
  /// take long, because it also writes the pending data of other programs. Errors are those of
  /// open().
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open_all(const std::string& directory) = 0;
};

}  // namespace millrace
