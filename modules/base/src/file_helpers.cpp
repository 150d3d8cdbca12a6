// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>

#include "millrace/base/file_system.hpp"
#include "millrace/base/ownership.hpp"
#include "millrace/base/sparse_file.hpp"

namespace millrace {

Result<std::string> read_file(FileSystem& files, const std::string& path) {
  MILLRACE_ASSIGN(const std::unique_ptr<File> file, files.open(path, OpenMode::read));
  MILLRACE_ASSIGN(const std::uint64_t size, file->size());
  std::string content(static_cast<std::size_t>(size), '\0');
  MILLRACE_ASSIGN(const std::size_t got, file->read_at(0, content.data(), content.size()));
  content.resize(got);
  return content;
}

Status write_file_atomically(FileSystem& files, const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  {
    auto file = files.open(temporary, OpenMode::create_exclusive);
    if (!file && file.error().is(errc::busy)) {
      // Left by a writer that died. It may be another user's, or a link to somewhere else.
      MILLRACE_TRY(files.remove(temporary));
      file = files.open(temporary, OpenMode::create_exclusive);
    }
    if (!file) {
      return fail(std::move(file).error());
    }
    MILLRACE_TRY((*file)->write_at(0, content));
    MILLRACE_TRY((*file)->sync());
  }
  MILLRACE_TRY(files.rename(temporary, path));
  return files.sync_directory(directory_of(path));
}

Result<SparseFile::Range> data_from(File& file, std::uint64_t offset) {
  if (auto* const sparse = dynamic_cast<SparseFile*>(&file)) {
    return sparse->data_from(offset);
  }
  MILLRACE_ASSIGN(const std::uint64_t size, file.size());
  return SparseFile::Range{std::min(offset, size), size};
}

}  // namespace millrace
