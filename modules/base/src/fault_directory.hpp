// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "millrace/base/file_system.hpp"

namespace millrace {

/// An open directory of a FaultFileSystem: of use for sync() alone, which is a function of its
/// owner.
class FaultDirectory final : public File {
 public:
  FaultDirectory(std::string path, std::function<Status()> sync)
      : path_(std::move(path)), sync_(std::move(sync)) {}

  Result<std::size_t> read_at(std::uint64_t, char*, std::size_t) override { return refused(); }
  Status write_at(std::uint64_t, std::string_view) override { return refused(); }
  Status sync() override { return sync_(); }
  Status allocate(std::uint64_t) override { return refused(); }
  Status truncate(std::uint64_t) override { return refused(); }
  Result<std::uint64_t> size() override { return refused(); }
  Result<char*> map(std::uint64_t) override { return refused(); }

 private:
  [[nodiscard]] std::unexpected<Error> refused() const {
    return fail(errc::io_error, "cannot use {} as a file: is a directory", path_);
  }

  std::string path_;
  std::function<Status()> sync_;
};

}  // namespace millrace
