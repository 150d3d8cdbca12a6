// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"

namespace millrace::service {

/// Tells others where a service is: `<directory>/<name>.json` {"pid", "port", "version"}, written
/// atomically. The destructor removes it, unless another instance replaced it.
class RunFile {
 public:
  RunFile(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  ~RunFile();
  RunFile(const RunFile&) = delete;
  RunFile& operator=(const RunFile&) = delete;

  [[nodiscard]] Status write(std::int64_t pid, std::uint16_t port, std::string_view version);

 private:
  FileSystem& files_;
  std::string path_;
  std::string content_;  // what was written; empty: nothing yet
};

}  // namespace millrace::service
