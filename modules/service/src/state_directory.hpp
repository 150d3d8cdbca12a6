// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"

namespace millrace::service {

/// The directory for the snapshots of one instance, `<state directory>/<service>/<number>`. Its
/// file `lock` is locked while this object lives, and no longer than the process, so that no two
/// instances write to one directory.
class StateDirectory {
 public:
  /// Creates the directory if need be. Without a number it is the lowest one whose lock is free;
  /// a number that is given is the instance's own: errc::busy when another process has it.
  /// Snapshots of earlier versions, which lie in `service_directory` itself, are moved to number 1.
  /// Other failures are those of the file system.
  [[nodiscard]] static Result<std::unique_ptr<StateDirectory>> take(
      FileSystem& files, const std::string& service_directory, std::optional<std::int64_t> number);
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  StateDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_;
};

}  // namespace millrace::service
