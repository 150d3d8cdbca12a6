// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "millrace/base/file_system.hpp"

namespace retail {

using millrace::fail;

namespace {

// What a directory was begun with, in the file `estate`: what may not change when it is resumed.
std::string settings_text(const RunOptions& options) { return "stock=" + options.stock + "\n"; }

millrace::Status empty(const std::string& root) {
  std::error_code error;
  for (const char* name :
       {"log", "state", "run", "logs", "estate", "feed.position", "summary.json"}) {
    std::filesystem::remove_all(root + "/" + name, error);
    if (error) return fail(millrace::errc::io_error, root + "/" + name + ": " + error.message());
  }
  return {};
}

millrace::Status check_settings(const std::string& root, const RunOptions& options) {
  millrace::FileSystem& files = millrace::real_file_system();
  const std::string file = root + "/estate";
  if (!files.exists(file))
    return millrace::write_file_atomically(files, file, settings_text(options));
  MILLRACE_ASSIGN(const std::string begun, millrace::read_file(files, file));
  if (begun == settings_text(options)) return {};
  return fail(millrace::errc::invalid_argument,
              root + " was begun with " + begun.substr(0, begun.size() - 1) +
                  " and this run asks for " +
                  settings_text(options).substr(0, settings_text(options).size() - 1) +
                  ": use another --data, or --fresh to forget what is there");
}

}  // namespace

millrace::Result<EstateDirectory> EstateDirectory::open(const RunOptions& options) {
  millrace::FileSystem& files = millrace::real_file_system();
  MILLRACE_TRY(files.create_directories(options.data));
  const std::string lock_path = options.data + "/lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) return fail(millrace::errc::io_error, lock_path + ": " + std::strerror(errno));
  EstateDirectory directory(options.data, lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return fail(millrace::errc::busy, "another ./run works in " + options.data +
                                          ": stop it first, or use another --data");
  }
  if (options.fresh) MILLRACE_TRY(empty(options.data));
  MILLRACE_TRY(check_settings(options.data, options));
  for (const char* name : {"run", "logs", "state"})
    MILLRACE_TRY(files.create_directories(directory.path(name)));
  return directory;
}

EstateDirectory::EstateDirectory(EstateDirectory&& other) noexcept
    : root_(std::move(other.root_)), lock_(other.lock_) {
  other.lock_ = -1;
}

EstateDirectory::~EstateDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace retail
