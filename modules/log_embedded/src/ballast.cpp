// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "ballast.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/fault_point.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::string_view tmp_suffix = ".tmp";

std::string unfinished_name(int slot) {
  return std::string(ballast_name) + "." + std::to_string(slot).append(tmp_suffix);
}

/// The slot of the member that makes a ballast under that name; nullopt for any other name.
std::optional<int> slot_of(std::string_view name) {
  int slot = 0;
  const auto prefix = std::string_view(ballast_name).size() + 1;
  if (name.size() <= prefix) {
    return std::nullopt;
  }
  std::from_chars(name.data() + prefix, name.data() + name.size(), slot);
  return slot >= 0 && name == unfinished_name(slot) ? std::optional(slot) : std::nullopt;
}

bool is_of_others(int slot, LogDirectory& directory) {
  return slot < static_cast<int>(max_members) && slot != directory.slot() &&
         directory.region().alive(slot);
}

/// Under a name of this member alone, so that nobody takes a file for whole that is not.
Status make(LogDirectory& directory, const std::string& path, std::uint64_t bytes) {
  FileSystem& files = directory.files();
  const std::string unfinished = directory.path() + "/" + unfinished_name(directory.slot());
  const auto allocated = [&]() -> Status {
    MILLRACE_ASSIGN(const auto file, files.open(unfinished, OpenMode::create_exclusive));
    MILLRACE_TRY(file->allocate(bytes));
    MILLRACE_FAULT_POINT("ballast.inside");
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

bool is_ballast(std::string_view name) { return name == ballast_name || slot_of(name); }

// Should another member take the slot of a dead one meanwhile, it can lose its file: then a later
// checkpoint makes the ballast.
void remove_unfinished_ballasts(LogDirectory& directory) {
  const auto names = directory.files().list(directory.path());
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
    const auto slot = slot_of(name);
    if (slot && !is_of_others(*slot, directory)) {
      static_cast<void>(directory.files().remove(directory.path() + "/" + name));
    }
  }
}

void keep_ballast(LogDirectory& directory) {
  FileSystem& files = directory.files();
  const std::string path = directory.path() + "/" + ballast_name;
  const std::uint64_t bytes = directory.embedded_options().segment_bytes / 2;
  if (!files.exists(path)) {
    static_cast<void>(make(directory, path, bytes));
    return;
  }
  const auto file = files.open(path, OpenMode::read_write);
  const auto size = file ? (*file)->size() : Result<std::uint64_t>(bytes);
  if (!size || *size >= bytes) {
    return;
  }
  if (!(*file)->allocate(bytes)) {
    // Some file systems leave what they reserved.
    static_cast<void>((*file)->truncate(*size));
  }
  MILLRACE_FAULT_POINT("ballast.grown");
}

bool shrink_ballast(LogDirectory& directory, std::uint64_t bytes) {
  const auto file =
      directory.files().open(directory.path() + "/" + ballast_name, OpenMode::read_write);
  if (!file) {
    return false;
  }
  const std::uint64_t size = (*file)->size().value_or(0);
  return size > 0 && (*file)->truncate(size - std::min(size, bytes)).has_value();
}

void reserve_ballast(LogDirectory& directory) {
  const std::string path = directory.path() + "/" + ballast_name;
  if (!directory.files().exists(path)) {
    return;
  }
  if (const auto file = directory.files().open(path, OpenMode::read_write)) {
    // XFS refuses it without so much room beside the file, even if the file has all its blocks. So
    // a failure says nothing of the ballast.
    static_cast<void>((*file)->allocate(directory.embedded_options().segment_bytes / 2));
  }
}

bool release_ballast(FileSystem& files, const std::string& directory) {
  bool removed = false;
  for (const std::string& one : files.list(directory).value_or(std::vector<std::string>{})) {
    if (is_ballast(one)) {
      removed = files.remove(directory + "/" + one).has_value() || removed;
    }
  }
  return removed;
}

}  // namespace millrace::log::embedded
