// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "run_file.hpp"

#include "millrace/base/json_writer.hpp"

namespace millrace::service {

RunFile::~RunFile() {
  if (content_.empty()) {
    return;
  }
  const auto found = read_file(files_, path_);
  if (found && *found == content_) static_cast<void>(files_.remove(path_));
}

Status RunFile::write(std::int64_t pid, std::uint16_t port, std::string_view version) {
  const std::size_t slash = path_.rfind('/');
  if (slash != std::string::npos && slash != 0) {
    MILLRACE_TRY(files_.create_directories(path_.substr(0, slash)));
  }
  std::string content;
  JsonWriter(content)
      .begin_object()
      .field("pid", pid)
      .field("port", port)
      .field("version", version)
      .end_object();
  content += '\n';
  MILLRACE_TRY(write_file_atomically(files_, path_, content));
  content_ = std::move(content);
  return {};
}

}  // namespace millrace::service
