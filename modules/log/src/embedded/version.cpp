// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "embedded/version.hpp"

#include <charconv>

#include "millrace/log/errors.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::string_view title = "millrace-log ";

std::string path_of(const std::string& directory) { return directory + "/version"; }

}  // namespace

Result<Version> read_version_file(FileSystem& files, const std::string& directory) {
  MILLRACE_ASSIGN(const std::string text, read_file(files, path_of(directory)));
  Version version;
  const char* const end = text.data() + text.size();
  std::from_chars_result read{text.data(), std::errc::invalid_argument};
  if (text.starts_with(title)) {
    read = std::from_chars(text.data() + title.size(), end, version.format);
  }
  if (read.ec == std::errc{} && version.format > format_version) {
    return fail(errc::incompatible, path_of(directory) + ": the log has format " +
                                        std::to_string(version.format) +
                                        ", this program knows formats up to " +
                                        std::to_string(format_version) + "; use a newer Millrace");
  }
  if (read.ec == std::errc{} && read.ptr != end) {
    read = std::from_chars(read.ptr + 1, end, version.log_id, 16);
  }
  if (read.ec != std::errc{} || version.log_id == 0) {
    return fail(errc::corrupt, path_of(directory) + ": makes no sense; restore it from a backup");
  }
  return version;
}

Status write_version_file(FileSystem& files, const std::string& directory, Version version) {
  char digits[16];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, version.log_id, 16);
  static_cast<void>(error);
  std::string text(title);
  text += std::to_string(version.format) + " " + std::string(digits, end) + "\n";
  return write_file_atomically(files, path_of(directory), text);
}

}  // namespace millrace::log::embedded
