// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "ballast.hpp"

#include <cstdint>
#include <memory>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace::log::embedded {
namespace {

/// Under a name of this member alone, so that nobody takes a file for whole that is not.
Status make(LogDirectory& directory, const std::string& path, std::uint64_t bytes) {
  FileSystem& files = directory.files();
  const std::string unfinished = path + "." + std::to_string(directory.slot()) + ".tmp";
  // What a dead member of this slot left.
  static_cast<void>(files.remove(unfinished));
  const auto allocated = [&]() -> Status {
    MILLRACE_ASSIGN(const auto file, files.open(unfinished, OpenMode::create_exclusive));
    MILLRACE_TRY(file->allocate(bytes));
    return file->sync();
  };
  Status made = allocated();
  if (made) {
    made = files.rename(unfinished, path);
  }
  if (!made) {
    static_cast<void>(files.remove(unfinished));
  }
  return made;
}

}  // namespace

void keep_ballast(LogDirectory& directory) {
  FileSystem& files = directory.files();
  const std::string path = directory.path() + "/" + ballast_name;
  const std::uint64_t bytes = directory.embedded_options().segment_bytes / 2;
  if (!files.exists(path)) {
    static_cast<void>(make(directory, path, bytes));
    return;
  }
  const auto file = files.open(path, OpenMode::read_write);
  // A copy of a log may have fewer bytes on the disk, and then there is perhaps no room for the
  // others.
  if (file && !(*file)->allocate(bytes)) {
    static_cast<void>(files.remove(path));
  }
}

bool release_ballast(FileSystem& files, const std::string& directory) {
  bool removed = false;
  for (const std::string& one : files.list(directory).value_or(std::vector<std::string>{})) {
    if (one.starts_with(ballast_name)) {
      removed = files.remove(directory + "/" + one).has_value() || removed;
    }
  }
  return removed;
}

}  // namespace millrace::log::embedded
