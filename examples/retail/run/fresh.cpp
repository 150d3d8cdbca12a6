// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "fresh.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <string_view>

#include "marker.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log_embedded/file_names.hpp"
#include "millrace/log_embedded/shared_region.hpp"
#include "run_file_names.hpp"

namespace retail {

using millrace::fail;
using millrace::Result;
using millrace::Status;

namespace {

namespace fs = std::filesystem;

using Kind = DeletionStep::Kind;
using IsOurs = bool (*)(std::string_view name);

std::unexpected<millrace::Error> io_failure(const fs::path& path, const std::error_code& error) {
  return fail(millrace::errc::io_error, path.string() + ": " + error.message());
}

// Deleting never follows a link, but a link says that somebody arranged this directory by hand.
std::unexpected<millrace::Error> refuse_link(const fs::path& link) {
  return fail(millrace::errc::invalid_argument,
              link.string() +
                  " is a symbolic link, which --fresh does not delete: remove it yourself, with or "
                  "without what it leads to, or use another --data");
}

Status refuse_links_below(const fs::path& directory) {
  std::error_code error;
  fs::recursive_directory_iterator at(directory, error);
  while (!error && at != fs::recursive_directory_iterator()) {
    if (at->is_symlink(error)) {
      return refuse_link(at->path());
    }
    at.increment(error);
  }
  return error ? io_failure(directory, error) : Status{};
}

// Each of these identifies the directory that holds it, or keeps others from using it. The log goes
// after all that speaks of it.
std::size_t deletion_rank(const std::string& name) {
  static constexpr std::array<std::string_view, 5> last{"FAILED", "LOCK", "version", "state.json",
                                                        "log"};
  const auto* const found = std::find(last.begin(), last.end(), name);
  return found == last.end() ? 0 : static_cast<std::size_t>(found - last.begin()) + 1;
}

class Finder {
 public:
  explicit Finder(const std::string& directory) : root_(directory) {}

  Result<RunFiles> find() {
    MILLRACE_ASSIGN(const auto names, entries(""));
    for (const std::string& name : names) {
      MILLRACE_TRY(look_at(name));
    }
    std::sort(found_.written.begin(), found_.written.end());
    std::sort(found_.foreign.begin(), found_.foreign.end());
    return std::move(found_);
  }

 private:
  // In the order in which they are deleted.
  Result<std::vector<std::string>> entries(const std::string& directory) const {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator at(root_ / directory, error);
    while (!error && at != fs::directory_iterator()) {
      names.push_back(at->path().filename().string());
      at.increment(error);
    }
    if (error) {
      return io_failure(root_ / directory, error);
    }
    std::sort(names.begin(), names.end(), [](const std::string& one, const std::string& other) {
      return std::pair(deletion_rank(one), one) < std::pair(deletion_rank(other), other);
    });
    return names;
  }

  Status look_at(const std::string& name) {
    if (name == "lock" || name == marker_file || name == marker_file + std::string(".tmp")) {
      return {};
    }
    if (name == "run") {
      return directory_of_files(name, is_run_file);
    }
    if (name == "logs") {
      return directory_of_files(name, is_service_log);
    }
    if (name == "state") {
      return directory(name, [this](const std::string& path, const std::string& entry) {
        return is_instance(entry) ? state(path) : keep(path);
      });
    }
    if (name == "kafka") {
      return cluster(name);
    }
    if (name == "log") {
      return log(name);
    }
    return is_top_file(name) ? file(name) : keep(name);
  }

  Result<fs::file_type> type_of(const std::string& name) const {
    std::error_code error;
    const fs::file_type type = fs::symlink_status(root_ / name, error).type();
    if (type == fs::file_type::none) {
      return io_failure(root_ / name, error);
    }
    if (type == fs::file_type::symlink) {
      return refuse_link(root_ / name);
    }
    return type;
  }

  Status keep(const std::string& name) {
    found_.foreign.push_back(name);
    return {};
  }

  // A file of a name of ours.
  Status file(const std::string& name) {
    MILLRACE_ASSIGN(const fs::file_type type, type_of(name));
    if (type != fs::file_type::regular) {
      return keep(name);
    }
    found_.written.push_back(name);
    found_.steps.push_back({name, Kind::file});
    return {};
  }

  // A directory of a name of ours; `look` decides about each path in it.
  template <class Look>
  Status directory(const std::string& name, Look look) {
    MILLRACE_ASSIGN(const fs::file_type type, type_of(name));
    if (type != fs::file_type::directory) {
      return keep(name);
    }
    const std::size_t written_before = found_.written.size();
    const std::size_t foreign_before = found_.foreign.size();
    MILLRACE_ASSIGN(const auto names, entries(name));
    for (const std::string& entry : names) {
      std::string path = name;
      path += "/" + entry;
      MILLRACE_TRY(type_of(path));
      MILLRACE_TRY(look(path, entry));
    }
    found_.steps.push_back({name, Kind::directory});
    if (found_.foreign.size() == foreign_before) {
      found_.written.resize(written_before);
      found_.written.push_back(name);
    }
    return {};
  }

  Status directory_of_files(const std::string& name, IsOurs is_ours) {
    return directory(name, [this, is_ours](const std::string& path, const std::string& entry) {
      return is_ours(entry) ? file(path) : keep(path);
    });
  }

  // Of a service: a directory for each instance; before there were those, the snapshots themselves.
  Status state(const std::string& name) {
    return directory(name, [this](const std::string& path, const std::string& entry) {
      if (is_state_number(entry)) {
        return directory_of_files(path, is_state_file);
      }
      return is_snapshot(entry) ? file(path) : keep(path);
    });
  }

  // An embedded log says so in `version`, which is written first and deleted last. One without it,
  // and with files of logs alone, was begun or deleted by a run that was interrupted.
  Status log(const std::string& name) {
    const auto version =
        millrace::read_file(millrace::real_file_system(), (root_ / name / "version").string());
    RunFiles before = found_;
    MILLRACE_TRY(directory(name, [this, &name](const std::string& path, const std::string&) {
      return look_in_log(name, path);
    }));
    const bool mixed = found_.foreign.size() > before.foreign.size();
    if (mixed && !(version && version->starts_with("millrace-log "))) {
      found_ = std::move(before);
      return keep(name);
    }
    found_.has_log = true;
    return {};
  }

  Status look_in_log(const std::string& log, const std::string& path) {
    const std::string below = path.substr(log.size() + 1);
    if (millrace::log::is_log_directory(below)) {
      return directory(path, [this, &log](const std::string& more, const std::string&) {
        return look_in_log(log, more);
      });
    }
    // Belongs to the mount, which stays.
    if (below == "lost+found") {
      return {};
    }
    return millrace::log::is_log_file(below) ? file(path) : keep(path);
  }

  // A Kafka of tools/kafka, which deletes its own files, and its record last.
  Status cluster(const std::string& name) {
    MILLRACE_ASSIGN(const fs::file_type type, type_of(name));
    if (type != fs::file_type::directory) {
      return keep(name);
    }
    MILLRACE_ASSIGN(const auto names, entries(name));
    const bool ours = std::all_of(names.begin(), names.end(),
                                  [](const auto& entry) { return entry == "state.json.fresh"; });
    if (!ours && !has_record_of_cluster(name)) {
      return keep(name);
    }
    MILLRACE_TRY(refuse_links_below(root_ / name));
    const std::size_t foreign_before = found_.foreign.size();
    for (const std::string& entry : names) {
      std::string path = name;
      path += "/" + entry;
      if (is_cluster_entry(entry)) {
        found_.steps.push_back({std::move(path), Kind::tree});
      } else {
        MILLRACE_TRY(keep(path));
      }
    }
    found_.steps.push_back({name, Kind::directory});
    if (found_.foreign.size() == foreign_before) {
      found_.written.push_back(name);
    }
    return {};
  }

  [[nodiscard]] bool has_record_of_cluster(const std::string& name) const {
    const auto record =
        millrace::read_file(millrace::real_file_system(), (root_ / name / "state.json").string());
    return record && record->find("\"brokers\"") != std::string::npos &&
           record->find("\"watcher\"") != std::string::npos;
  }

  fs::path root_;
  RunFiles found_;
};

Status carry_out(const fs::path& root, const DeletionStep& step) {
  MILLRACE_FAULT_POINT("retail.fresh.step");
  std::error_code error;
  if (step.kind == Kind::tree) {
    fs::remove_all(root / step.name, error);
  } else {
    fs::remove(root / step.name, error);
  }
  // What is not ours keeps the directory that holds it, and a mount its directory.
  if (step.kind == Kind::directory &&
      (error == std::errc::directory_not_empty || error == std::errc::device_or_resource_busy)) {
    return {};
  }
  return error ? io_failure(root / step.name, error) : Status{};
}

}  // namespace

Result<RunFiles> find_run_files(const std::string& directory) { return Finder(directory).find(); }

Status delete_run_files(const std::string& directory) {
  MILLRACE_ASSIGN(RunFiles found, find_run_files(directory));
  std::unique_ptr<millrace::SharedRegion> log;
  if (found.has_log) {
    MILLRACE_ASSIGN(log, millrace::real_shared_regions().open(directory + "/log", true));
    MILLRACE_ASSIGN(const bool alone, log->try_lock(millrace::SharedRegion::LockMode::exclusive));
    if (!alone) {
      return fail(millrace::errc::busy,
                  "other processes have the log " + directory +
                      "/log open, so --fresh does not delete it: stop them first");
    }
    // Others may have written to the log until it was locked, and opening makes files.
    MILLRACE_ASSIGN(found, find_run_files(directory));
  }
  for (const DeletionStep& step : found.steps) {
    MILLRACE_TRY(carry_out(directory, step));
  }
  return {};
}

}  // namespace retail
