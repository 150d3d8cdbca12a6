// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "small_file.hpp"

#include <memory>

#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {

Result<std::string> read_small_file(FileSystem& files, const std::string& path) {
  {
    MILLRACE_ASSIGN(const std::unique_ptr<File> file, files.open(path, OpenMode::read));
    MILLRACE_ASSIGN(const std::uint64_t size, file->size());
    if (size > small_file_bytes_max) {
      return fail(errc::corrupt, "{}: corrupt: its size is {} bytes; put it back from a backup",
                  path, size);
    }
  }
  return read_file(files, path);
}

}  // namespace millrace::log::embedded
