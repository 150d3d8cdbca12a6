// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_directory.hpp"

#include <cstring>
#include <utility>

#include "catalog.hpp"
#include "living.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "version.hpp"

namespace millrace::log::embedded {

bool is_disk_full(const Error& error) {
  return error.is(millrace::errc::disk_full) || error.is(errc::disk_full);
}

Error log_error(Error error) {
  return error.is(millrace::errc::disk_full) ? Error(errc::disk_full, error.message())
                                             : std::move(error);
}

LogDirectory::LogDirectory(const std::string& path, LogEnvironment& environment, LogOptions options,
                           const EmbeddedOptions& embedded)
    : environment_(environment), path_(path), options_(std::move(options)), embedded_(embedded) {}

SharedRegionFactory& LogDirectory::regions() const {
  return embedded_.regions != nullptr ? *embedded_.regions : real_shared_regions();
}

Status LogDirectory::open_region() {
  MILLRACE_ASSIGN(region_, regions().open(path_, embedded_.force));
  return {};
}

void LogDirectory::open_private_region() { region_ = regions().open_private(); }

Status LogDirectory::read_version() {
  MILLRACE_ASSIGN(const Version version, read_version_file(files(), path_));
  log_id_ = version.log_id;
  return {};
}

Status LogDirectory::check_no_failure_file() const {
  if (const std::string reason = read_failure_file(files(), path_); !reason.empty()) {
    return fail(errc::failed_sync,
                "{}: a sync failed earlier ({}); run `millrace log repair` before it is used again",
                path_, reason);
  }
  return {};
}

Status LogDirectory::make_control(const Alone&) {
  MILLRACE_ASSIGN(char* const memory, region_->map(sizeof(Control), true));
  control_ = reinterpret_cast<Control*>(memory);
  const SharedRegion::Identity self = region_->identity();
  control_->magic = control_magic;
  control_->layout = control_layout;
  control_->bytes = sizeof(Control);
  control_->device = self.device;
  control_->inode = self.inode;
  control_->boot = self.boot;
  control_->pid_namespace = self.pid_namespace;
  control_->log_id = log_id_;
  control_->opener.store(self.pid);
  for (std::int32_t i = 0; i < internal_topics; ++i) {
    control_->partitions[i].topic = i;
  }
  return {};
}

// Before it is mapped: in another layout it has another size, and `valid` lies elsewhere.
Status LogDirectory::check_layout() {
  MILLRACE_ASSIGN(const std::string bytes, region_->head(sizeof(ControlHead)));
  ControlHead head{};
  if (bytes.size() < sizeof head) {
    return {};
  }
  std::memcpy(&head, bytes.data(), sizeof head);
  const SharedRegion::Identity self = region_->identity();
  if (head.magic != control_magic || head.device != self.device || head.inode != self.inode ||
      (head.layout == control_layout && head.bytes == sizeof(Control))) {
    return {};
  }
  return fail(errc::incompatible,
              "{}/control: in use by {} of another version of Millrace: the control file has "
              "layout {}, this program shares layout {} only; stop all of them and open the log "
              "again, or use their version",
              path_, describe_living(*region_, path_), head.layout, control_layout);
}

Result<bool> LogDirectory::find_control() {
  MILLRACE_TRY(check_layout());
  MILLRACE_ASSIGN(char* const memory, region_->map(sizeof(Control), false));
  if (memory == nullptr) {
    return false;
  }
  control_ = reinterpret_cast<Control*>(memory);
  const SharedRegion::Identity self = region_->identity();
  if (control_->magic != control_magic || control_->device != self.device ||
      control_->inode != self.inode) {
    return false;
  }
  if (control_->valid.load(std::memory_order_acquire) != 1) {
    return false;
  }
  if (control_->boot != self.boot || control_->pid_namespace != self.pid_namespace) {
    return fail(errc::incompatible,
                "{}: in use from another machine or PID namespace, by {} there; all processes of a "
                "log must see each other",
                path_, describe_living(*region_, path_));
  }
  return true;
}

Status LogDirectory::check_open() const {
  MILLRACE_ASSERT(!region_->forked(),
                  "a log handle must not be used in a forked child: open the log there");
  if (region_->dead()) [[unlikely]] {
    const MutexLock guard(reason_mutex_);
    return fail(reason_ ? *reason_ : closed_error(options_.member));
  }
  return {};
}

Status LogDirectory::check_not_failed() const {
  const Failure failed = control_->failed.load(std::memory_order_acquire);
  if (failed == Failure::none) [[likely]] {
    return {};
  }
  const std::string reason(control_->failure.view());
  if (failed == Failure::control) {
    return fail(errc::corrupt,
                "{}/control: {}; stop all processes of this log ({}) and open it again: the "
                "journal is good, and the first process to open it makes a new control file",
                path_, reason, describe_living(*region_, path_));
  }
  return fail(errc::failed_sync, "{}: {}; run `millrace log repair`", path_, reason);
}

Status LogDirectory::check_in_place() {
  MILLRACE_TRY(check_open());
  if (files().exists(path_ + names::version) && !region_->replaced()) {
    return {};
  }
  // Nobody would ever read what this handle still commits.
  return give_up(
      "the log vanished or was replaced: its files were removed or moved while it was in use; "
      "stop all processes of this log, put it back if it is missing, and open it again");
}

std::unexpected<Error> LogDirectory::give_up(const std::string& reason) {
  Error error(errc::closed, path_ + ": " + reason);
  {
    const MutexLock guard(reason_mutex_);
    if (!reason_) {
      reason_ = error;
    }
  }
  region_->die();
  return fail(std::move(error));
}

void LogDirectory::mark_failed(const std::string& reason) {
  // The others first: what one of them syncs from now on proves nothing, and a disk that fails may
  // take long to write the file.
  control_->failure.set(reason);
  control_->failed.store(Failure::journal, std::memory_order_seq_cst);
  wake_everybody();
  MILLRACE_FAULT_POINT("failed.before_file");
  if (check_in_place()) {
    static_cast<void>(write_failure_file(files(), path_, reason));
  }
}

void LogDirectory::complete_mark(const Locked&) {
  if (control_->failed.load(std::memory_order_acquire) == Failure::journal && check_in_place() &&
      read_failure_file(files(), path_).empty()) {
    static_cast<void>(write_failure_file(files(), path_, std::string(control_->failure.view())));
  }
}

void LogDirectory::mark_control_broken(const std::string& reason) {
  Failure none = control_->failed.load(std::memory_order_acquire);
  if (none != Failure::none) {
    return;
  }
  control_->failure.set(reason);
  control_->failed.compare_exchange_strong(none, Failure::control);
  wake_everybody();
}

void LogDirectory::mark_sync_failed(const Error& error) {
  mark_failed("a sync failed: " + error.message());
}

void LogDirectory::wake_everybody() {
  Control& shared = *control_;
  shared.alarms.fetch_add(1, std::memory_order_seq_cst);
  for (std::size_t i = 0; i < max_waiters; ++i) {
    WaiterRow& waiter = shared.waiters[i];
    if (waiter.owner.load(std::memory_order_relaxed) != 0) {
      shared.sleeping[i / 64].fetch_and(~(1ULL << (i % 64)), std::memory_order_relaxed);
      waiter.word.fetch_add(1, std::memory_order_release);
      region_->wake(futex_of(waiter.word), 1);
    }
  }
  shared.durable_word.fetch_add(1, std::memory_order_release);
  region_->wake(futex_of(shared.durable_word), 1 << 20);
}

}  // namespace millrace::log::embedded
