// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/file_system.hpp"

namespace millrace::log {

/// Another file system, whose calls fail as a test says, or do more before they succeed.
/// One thread.
class RefusingFiles final : public FileSystem {
 public:
  /// Whether a call fails, by its name and path.
  using Refusal = std::function<Status(std::string_view call, const std::string& path)>;

  explicit RefusingFiles(FileSystem& files) : files_(files) {}
  void refuse(Refusal refusal) { refusal_ = std::move(refusal); }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    MILLRACE_TRY(check("open", path));
    return files_.open(path, mode);
  }
  Status create_directories(const std::string& path) override {
    return files_.create_directories(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    MILLRACE_TRY(check("list", path));
    return files_.list(path);
  }
  bool exists(const std::string& path) override { return files_.exists(path); }
  Status remove(const std::string& path) override {
    MILLRACE_TRY(check("remove", path));
    return files_.remove(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    MILLRACE_TRY(check("rename", from));
    return files_.rename(from, to);
  }
  Status sync_directory(const std::string& path) override {
    MILLRACE_TRY(check("sync_directory", path));
    return files_.sync_directory(path);
  }

 private:
  [[nodiscard]] Status check(std::string_view call, const std::string& path) const {
    return refusal_ ? refusal_(call, path) : Status{};
  }

  FileSystem& files_;
  Refusal refusal_;
};

}  // namespace millrace::log
