// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>

#include "millrace/base/file_system.hpp"

namespace millrace {

/// What a FileSystem can do besides that makes many files durable at once. Thread-safe.
class BulkSync {
 public:
  virtual ~BulkSync() = default;
  /// A handle whose sync() makes all durable that was written to the files below the directory
  /// since it was opened, their names included (syncfs). It is of use for sync() alone, and may
  /// take as long as the system needs for whatever else waits to be written. Failures as of open().
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open_all(const std::string& directory) = 0;
};

}  // namespace millrace
