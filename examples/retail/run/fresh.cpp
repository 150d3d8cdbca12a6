// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "fresh.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "marker.hpp"
#include "millrace/log_embedded/shared_region.hpp"
#include "service_names.hpp"

namespace retail {

using millrace::fail;
using millrace::Result;
using millrace::Status;

namespace {

namespace fs = std::filesystem;

constexpr std::string_view unfinished = ".tmp";
constexpr std::array<std::string_view, 3> run_file_names{"feed.position", "summary.json",
                                                         old_marker_file};

bool is_written_file(std::string_view name, std::string_view wanted) {
  if (name.ends_with(unfinished)) name.remove_suffix(unfinished.size());
  return name == wanted;
}

// `stock`, `stock-2`: an instance of a service of ours.
bool is_instance(std::string_view name) {
  return std::any_of(service_names.begin(), service_names.end(), [name](std::string_view service) {
    if (!name.starts_with(service)) return false;
    const std::string_view rest = name.substr(service.size());
    return rest.empty() || (rest.size() > 1 && rest.front() == '-' &&
                            rest.find_first_not_of("0123456789", 1) == std::string_view::npos);
  });
}

bool is_instance_file(std::string_view name, std::string_view extension) {
  if (name.ends_with(unfinished)) name.remove_suffix(unfinished.size());
  if (!name.ends_with(extension)) return false;
  name.remove_suffix(extension.size());
  return is_instance(name);
}

std::unexpected<millrace::Error> io_failure(const fs::path& path, const std::error_code& error) {
  return fail(millrace::errc::io_error, path.string() + ": " + error.message());
}

// Deleting never follows a link, but a link says that somebody arranged this directory by hand.
Status refuse_links(const fs::path& path) {
  const auto refuse = [](const fs::path& link) {
    return fail(millrace::errc::invalid_argument,
                link.string() +
                    " is a symbolic link, which --fresh does not delete: remove it "
                    "yourself, with or without what it leads to, or use another --data");
  };
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (fs::is_symlink(status)) return refuse(path);
  if (!fs::is_directory(status)) return {};
  fs::recursive_directory_iterator at(path, error);
  while (!error && at != fs::recursive_directory_iterator()) {
    if (at->is_symlink(error)) return refuse(at->path());
    at.increment(error);
  }
  return error ? io_failure(path, error) : Status{};
}

class Finder {
 public:
  explicit Finder(const std::string& directory) : root_(directory) {}

  Result<RunFiles> find() {
    MILLRACE_TRY(each("", [&](const std::string& name) { return look_at(name); }));
    std::sort(found_.written.begin(), found_.written.end());
    std::sort(found_.foreign.begin(), found_.foreign.end());
    return std::move(found_);
  }

 private:
  template <class Look>
  Status each(const std::string& directory, Look look) {
    std::error_code error;
    fs::directory_iterator at(root_ / directory, error);
    while (!error && at != fs::directory_iterator()) {
      MILLRACE_TRY(look(at->path().filename().string()));
      at.increment(error);
    }
    return error ? io_failure(root_ / directory, error) : Status{};
  }

  Status look_at(const std::string& name) {
    if (name == "lock" || is_written_file(name, marker_file)) return {};
    if (name == "log") return whole(name, "version");
    if (name == "kafka") return whole(name, "state.json");
    if (name == "run") return instances(name, ".json");
    if (name == "logs") return instances(name, ".log");
    if (name == "state") return instances(name, "");
    const bool ours = std::any_of(run_file_names.begin(), run_file_names.end(),
                                  [&](auto wanted) { return is_written_file(name, wanted); });
    return add(name, ours);
  }

  // A directory of a program of ours, recognised by a file that it writes first.
  Status whole(const std::string& name, const char* first_file) {
    std::error_code error;
    const fs::path path = root_ / name;
    const bool ours = fs::is_directory(path, error) &&
                      (fs::exists(path / first_file, error) || fs::is_empty(path, error));
    return add(name, ours || fs::is_symlink(path, error));
  }

  // A directory with an entry for each instance of a service.
  Status instances(const std::string& name, std::string_view extension) {
    const std::size_t foreign_before = found_.foreign.size();
    const std::size_t written_before = found_.written.size();
    MILLRACE_TRY(refuse_links(root_ / name));
    std::error_code error;
    if (!fs::is_directory(root_ / name, error)) return add(name, false);
    MILLRACE_TRY(each(name, [&](const std::string& entry) {
      return add(name + "/" + entry, is_instance_file(entry, extension));
    }));
    if (found_.foreign.size() > foreign_before) return {};
    found_.written.resize(written_before);
    return add(name, true);
  }

  Status add(const std::string& name, bool ours) {
    if (ours) MILLRACE_TRY(refuse_links(root_ / name));
    (ours ? found_.written : found_.foreign).push_back(name);
    return {};
  }

  fs::path root_;
  RunFiles found_;
};

}  // namespace

Result<RunFiles> find_run_files(const std::string& directory) { return Finder(directory).find(); }

Status delete_run_files(const std::string& directory, const RunFiles& files) {
  std::unique_ptr<millrace::SharedRegion> log;
  if (std::find(files.written.begin(), files.written.end(), "log") != files.written.end()) {
    MILLRACE_ASSIGN(log, millrace::real_shared_regions().open(directory + "/log", true));
    MILLRACE_ASSIGN(const bool alone, log->try_lock(millrace::SharedRegion::LockMode::exclusive));
    if (!alone) {
      return fail(millrace::errc::busy,
                  "other processes have the log " + directory +
                      "/log open, so --fresh does not delete it: stop them first");
    }
  }
  for (const std::string& name : files.written) {
    std::error_code error;
    fs::remove_all(fs::path(directory) / name, error);
    if (error) return io_failure(fs::path(directory) / name, error);
  }
  return {};
}

}  // namespace retail
