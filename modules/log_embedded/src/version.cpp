// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "version.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "millrace/base/format_version.hpp"
#include "millrace/base/text.hpp"
#include "millrace/log/errors.hpp"
#include "small_file.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::string_view title = "millrace-log ";

std::string path_of(const std::string& directory) { return directory + "/version"; }

constexpr const char* failed_name = "/FAILED";
constexpr const char* reserve_name = "/FAILED.room";
constexpr std::size_t reserve_bytes = 512;

}  // namespace

Status check_room_for_new_log(FileSystem& files, const std::string& directory) {
  if (!files.exists(directory)) {
    return {};
  }
  // `version` may appear at any time: others make the log. `lost+found` belongs to the mount.
  const std::string_view expected[] = {"LOCK",    "members",     "index",     "journal",
                                       "version", "version.tmp", "lost+found"};
  MILLRACE_ASSIGN(const auto names, files.list(directory));
  if (std::find(names.begin(), names.end(), "version") != names.end()) {
    return {};
  }
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (has("journal") && (has("checkpoint") || has("settled"))) {
    return fail(errc::corrupt,
                "{}: missing beside a journal and its checkpoint; restore it from a backup",
                path_of(directory));
  }
  for (const std::string& name : names) {
    if (std::find(std::begin(expected), std::end(expected), name) == std::end(expected)) {
      return fail(errc::invalid_argument,
                  "{}: holds '{}' and is no log; a log needs a directory of its own: name an empty "
                  "one or one that does not exist",
                  directory, name);
    }
  }
  return {};
}

Result<Version> read_version_file(FileSystem& files, const std::string& directory) {
  if (directory.empty()) {
    return fail(errc::invalid_argument, "the path of the log's directory is empty: name it");
  }
  MILLRACE_ASSIGN(const std::string text, read_small_file(files, path_of(directory)));
  Version version;
  const char* const end = text.data() + text.size();
  std::from_chars_result read{text.data(), std::errc::invalid_argument};
  if (text.starts_with(title)) {
    read = std::from_chars(text.data() + title.size(), end, version.format);
  }
  if (read.ec == std::errc{} && version.format > format_version) {
    return fail(errc::incompatible,
                newer_format(path_of(directory), "the log", version.format, format_version));
  }
  if (read.ec == std::errc{} && read.ptr != end) {
    read = std::from_chars(read.ptr + 1, end, version.log_id, 16);
  }
  if (read.ec != std::errc{} || version.log_id == 0) {
    return fail(errc::corrupt, "{}: makes no sense; restore it from a backup", path_of(directory));
  }
  return version;
}

Status write_version_file(FileSystem& files, const std::string& directory, Version version) {
  std::string text = std::string(title) + std::to_string(version.format) + " ";
  append_short_hex(text, version.log_id);
  text += '\n';
  return write_file_atomically(files, path_of(directory), text);
}

Result<bool> raise_version(FileSystem& files, const std::string& directory, std::uint32_t format) {
  MILLRACE_ASSIGN(Version version, read_version_file(files, directory));
  if (version.format >= format) {
    // The process that raised it may have died, or failed, before the new file was durable.
    MILLRACE_TRY(files.sync_directory(directory));
    return false;
  }
  version.format = format;
  MILLRACE_TRY(write_version_file(files, directory, version));
  return true;
}

Status reserve_failure_file(FileSystem& files, const std::string& directory) {
  const std::string path = directory + reserve_name;
  return files.exists(path) ? Status{}
                            : write_file_atomically(files, path, std::string(reserve_bytes, ' '));
}

Status write_failure_file(FileSystem& files, const std::string& directory,
                          const std::string& reason) {
  if (write_file_atomically(files, directory + failed_name, reason)) {
    return {};
  }
  // The disk may be full, or fail this sync as well. A mark that is not durable still counts until
  // the power goes, and one without its reason too.
  const std::string reserved = directory + reserve_name;
  MILLRACE_ASSIGN(const auto file, files.open(reserved, OpenMode::read_write));
  std::string padded = reason;
  padded.resize(reserve_bytes, ' ');
  static_cast<void>(file->write_at(0, padded));
  static_cast<void>(file->sync());
  MILLRACE_TRY(files.rename(reserved, directory + failed_name));
  return files.sync_directory(directory);
}

std::string read_failure_file(FileSystem& files, const std::string& directory) {
  if (!files.exists(directory + failed_name)) {
    return {};
  }
  const auto text = read_small_file(files, directory + failed_name);
  const std::size_t last = text ? text->find_last_not_of(' ') : std::string::npos;
  return last == std::string::npos ? "reason unknown" : text->substr(0, last + 1);
}

}  // namespace millrace::log::embedded
