// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "alone.hpp"
#include "control.hpp"
#include "counts.hpp"
#include "lineages.hpp"
#include "locked.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_embedded/shared_region.hpp"

namespace millrace::log::embedded {

/// The directory of an open log with its control file: what all parts of a member work on, and
/// whether the log may still be used. Thread-safe, except for what is called while it is opened.
class LogDirectory {
 public:
  /// What `environment` refers to outlives it.
  LogDirectory(const std::string& path, LogEnvironment& environment, LogOptions options,
               const EmbeddedOptions& embedded);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Clock& clock() const { return environment_.clock; }
  [[nodiscard]] FileSystem& files() const { return environment_.files; }
  [[nodiscard]] Random& random() const { return environment_.random; }
  [[nodiscard]] const LogOptions& options() const { return options_; }
  [[nodiscard]] const EmbeddedOptions& embedded_options() const { return embedded_; }
  [[nodiscard]] LogEnvironment& environment() { return environment_; }
  [[nodiscard]] SharedRegion& region() const { return *region_; }
  [[nodiscard]] Control& control() const { return *control_; }
  /// The counts of this handle; its parts add to them.
  [[nodiscard]] Counts& counts() { return counts_; }
  [[nodiscard]] std::uint64_t log_id() const { return log_id_; }
  /// Our slot in the table of members; -1 before joining.
  [[nodiscard]] int slot() const { return slot_; }
  /// The values at the time when a member opened the log. Set before the handle is used.
  [[nodiscard]] const Lineages& lineages() const { return lineages_; }
  void set_lineages(Lineages lineages) { lineages_ = std::move(lineages); }
  /// Our slot in the form of an owner in the control file, where 0 means no owner.
  [[nodiscard]] std::uint32_t owner() const { return static_cast<std::uint32_t>(slot_) + 1; }

  /// errc::closed on a handle that must not be used any more. Aborts in a forked child.
  [[nodiscard]] Status check_open() const;
  /// errc::failed_sync when the log takes no appends; corrupt when its control file is the reason.
  [[nodiscard]] Status check_not_failed() const;
  /// errc::closed when the path leads to another directory than the one that was opened; then the
  /// handle is dead. Call it before a file is opened or renamed by path, because the log at that
  /// path may belong to other processes.
  [[nodiscard]] Status check_in_place();
  /// Closes the handle and returns errc::closed. All later calls fail with this reason, after the
  /// path of the directory.
  [[nodiscard]] std::unexpected<Error> give_up(const std::string& reason);
  /// Lets the log refuse appends from now on, for all members and after a restart.
  void mark_failed(const std::string& reason);
  /// The same after a sync that failed.
  void mark_sync_failed(const Error& error);
  /// Writes the file FAILED for a member that marked the log as failed but died before it wrote the
  /// file.
  void complete_mark(const Locked& locked);
  /// Lets the log refuse appends until all members have left it, because its control file
  /// contradicts itself. The journal is valid, so the next member that opens the log creates a new
  /// control file. An earlier failure stays.
  void mark_control_broken(const std::string& reason);
  /// Wakes the readers of all members, and all threads that wait for durability.
  void wake_everybody();

  // While it is opened.
  /// The region that members share. Failures as of SharedRegionFactory::open.
  [[nodiscard]] Status open_region();
  /// Private memory of this handle, for a reader that is not a member.
  void open_private_region();
  /// Reads what the file `version` says.
  [[nodiscard]] Status read_version();
  /// errc::failed_sync when an earlier sync failed.
  [[nodiscard]] Status check_no_failure_file() const;
  /// Maps a new and empty control file.
  [[nodiscard]] Status make_control(const Alone& alone);
  /// Maps the control file of running members; false when there is none that can be used (yet).
  /// errc::incompatible.
  [[nodiscard]] Result<bool> find_control();
  void set_slot(int slot) { slot_ = slot; }

 private:
  /// errc::incompatible when the control file is in use and has another layout.
  [[nodiscard]] Status check_layout();
  [[nodiscard]] SharedRegionFactory& regions() const;

  LogEnvironment environment_;
  const std::string path_;
  const LogOptions options_;
  const EmbeddedOptions embedded_;
  std::unique_ptr<SharedRegion> region_;
  Control* control_ = nullptr;
  Counts counts_;
  Lineages lineages_;
  std::uint64_t log_id_ = 0;
  int slot_ = -1;
  mutable Mutex reason_mutex_;
  std::optional<Error> reason_ MILLRACE_GUARDED_BY(reason_mutex_);  ///< of give_up()
};

/// As the files of a log say it, or the log itself.
[[nodiscard]] bool is_disk_full(const Error& error);

/// The log's own errors for those of files.
[[nodiscard]] Error log_error(Error error);

/// A file name in the directory of a log.
namespace names {
inline constexpr const char* version = "/version";
inline constexpr const char* failed = "/FAILED";
inline constexpr const char* checkpoint = "/checkpoint";
inline constexpr const char* checkpoint_copy = "/checkpoint.copy";
inline constexpr const char* journal = "/journal";
inline constexpr const char* settled = "/settled";
inline constexpr const char* lineages = "/lineages";
}  // namespace names

}  // namespace millrace::log::embedded
