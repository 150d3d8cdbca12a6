// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/base/error.hpp"
#include "options.hpp"

namespace retail {

/// The directory of a run, held by one `./run` at a time. The lock ends with the object or the
/// process.
class EstateDirectory {
 public:
  /// Makes or opens the directory, empties it when `fresh` is asked for, and takes its lock.
  /// errc::busy: another run works there. errc::invalid_argument: it was begun with other settings.
  [[nodiscard]] static millrace::Result<EstateDirectory> open(const RunOptions& options);
  EstateDirectory(EstateDirectory&& other) noexcept;
  EstateDirectory& operator=(EstateDirectory&&) = delete;
  ~EstateDirectory();

  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }

 private:
  EstateDirectory(std::string root, int lock) : root_(std::move(root)), lock_(lock) {}
  std::string root_;
  int lock_;
};

}  // namespace retail
