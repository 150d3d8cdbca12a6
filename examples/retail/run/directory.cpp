// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "fresh.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/ownership.hpp"

namespace retail {

using millrace::fail;
using millrace::Result;
using millrace::Status;

namespace {

constexpr const char* lock_file = "lock";

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names)
    all += (all.empty() ? "" : ", ") + name;
  return all;
}

// The marker of the directory; no value when it is missing or empty and a run may begin there.
Result<std::optional<Marker>> look_at(millrace::FileSystem& files, const std::string& root) {
  struct stat found{};
  if (::stat(root.c_str(), &found) != 0 && errno == ENOENT) return std::nullopt;
  if (!S_ISDIR(found.st_mode)) {
    return fail(millrace::errc::invalid_argument, "--data: " + root + " is not a directory");
  }
  MILLRACE_ASSIGN(auto marker, read_marker(files, root));
  if (marker) return marker;
  // A run that ended before it wrote its marker leaves these.
  MILLRACE_ASSIGN(const auto names, files.list(root));
  const auto foreign = std::find_if(names.begin(), names.end(), [](const std::string& name) {
    return name != lock_file && name != marker_file + std::string(".tmp");
  });
  if (foreign == names.end()) return std::nullopt;
  return fail(millrace::errc::invalid_argument,
              "--data: " + root + " holds " + *foreign + " and no " + marker_file +
                  ", so it is not the directory of a run, and nothing was changed in it: name an "
                  "empty or a new directory");
}

Status check_settings(const std::string& root, const Marker& marker, const RunOptions& options) {
  if (marker.stock == options.stock) return {};
  return fail(millrace::errc::invalid_argument,
              root + " was begun with --stock " + marker.stock + " and this run asks for --stock " +
                  options.stock +
                  ": use another --data, or --fresh to delete the run that is there");
}

// What earlier builds made was readable by everybody. One opened to its group alone stays so.
Status close_to_others(const std::string& root) {
  struct stat found{};
  if (::stat(root.c_str(), &found) == 0 && (found.st_mode & 07U) == 0) return {};
  if (::chmod(root.c_str(), 0700) == 0 || errno == EPERM) return {};
  return fail(millrace::errc::io_error, root + ": " + std::strerror(errno));
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const RunOptions& options, const Say& say) {
  millrace::FileSystem& files = millrace::real_file_system();
  MILLRACE_TRY(look_at(files, options.data));
  MILLRACE_TRY(files.create_directories(options.data));
  const std::string lock_path = options.data + "/" + lock_file;
  const int lock = millrace::open_or_create(lock_path, O_RDWR | O_CREAT | O_NOFOLLOW);
  if (lock < 0) return fail(millrace::errc::io_error, lock_path + ": " + std::strerror(errno));
  DataDirectory directory(options.data, lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return fail(millrace::errc::busy, "another ./run works in " + options.data +
                                          ": stop it first, or use another --data");
  }
  MILLRACE_TRY(directory.adopt(options, say));
  for (const char* name : directories_of_run) {
    MILLRACE_TRY(files.create_directories(directory.path(name)));
  }
  return directory;
}

// Under the lock: makes the directory ours, as it is or emptied.
Status DataDirectory::adopt(const RunOptions& options, const Say& say) {
  millrace::FileSystem& files = millrace::real_file_system();
  MILLRACE_ASSIGN(const std::optional<Marker> found, look_at(files, root_));
  if (found && !options.fresh) {
    MILLRACE_TRY(check_settings(root_, *found, options));
    marker_ = *found;
    if (found->format > 0) return {};
  } else {
    marker_ = {};
    marker_.stock = options.stock;
  }
  if (found && options.fresh) {
    // A marker stays until all else is gone, so that a deletion that was interrupted can be
    // repeated.
    MILLRACE_TRY(write_marker(files, root_, *found));
    MILLRACE_ASSIGN(const RunFiles there, find_run_files(root_));
    if (!there.written.empty()) say("--fresh deletes of " + root_ + ": " + joined(there.written));
    if (!there.foreign.empty()) say("--fresh keeps what no run wrote: " + joined(there.foreign));
    MILLRACE_TRY(delete_run_files(root_));
  }
  MILLRACE_TRY(close_to_others(root_));
  return write_marker(files, root_, marker_);
}

bool DataDirectory::has_begun() const {
  millrace::FileSystem& files = millrace::real_file_system();
  return !marker_.log.empty() || files.exists(path("feed.position")) ||
         files.exists(path("summary.json"));
}

Status DataDirectory::bind(const std::string& log_identity, bool own_log, const Say& say) {
  if (marker_.log == log_identity) return {};
  if (!marker_.log.empty() && own_log) {
    return fail(millrace::errc::invalid_argument,
                root_ + " was begun on the log " + marker_.log + " and " + path("log") + " is " +
                    log_identity + ": put the first one back, or add --fresh to delete the run");
  }
  if (!marker_.log.empty())
    say(root_ + " continues with the log " + log_identity + " instead of " + marker_.log);
  marker_.log = log_identity;
  return write_marker(millrace::real_file_system(), root_, marker_);
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : root_(std::move(other.root_)), lock_(other.lock_), marker_(std::move(other.marker_)) {
  other.lock_ = -1;
}

DataDirectory::~DataDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace retail
