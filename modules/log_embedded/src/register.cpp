// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

#include "embedded_log.hpp"
#include "millrace/base/interval.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/backend/registry.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "read_only_log.hpp"

namespace millrace::log {

namespace {

constexpr std::string_view scheme = "file";

// Whether a log that cannot be opened for writing may still be read: nothing is wrong with its
// journal, as far as is known.
bool reading_may_work(const Error& error) {
  const ErrorCode codes[] = {errc::no_permission, errc::disk_full,     millrace::errc::disk_full,
                             errc::failed_sync,   errc::stuck_holder,  errc::limit,
                             errc::incompatible,  millrace::errc::busy};
  return std::any_of(std::begin(codes), std::end(codes),
                     [&](ErrorCode code) { return error.is(code); });
}

// A disk has a hundred times as much, and a log of 20 GB is read in an hour and a half.
constexpr std::uint64_t scrub_bytes_per_s = 4ULL << 20U;

/// Takes what follows the '?' of a URL: `settle=off`.
Status take_options(std::string_view text, EmbeddedOptions& options) {
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    if (one == "settle=on") {
      options.settle.on = true;
    } else if (one == "settle=off") {
      options.settle.on = false;
    } else if (one == "scrub=on") {
      options.scrub.bytes_per_s = scrub_bytes_per_s;
    } else if (one == "scrub=off") {
      options.scrub.bytes_per_s = 0;
    } else {
      return fail(
          errc::invalid_argument,
          "'{}' is no option of file:DIR; there are settle=on, settle=off, scrub=on and scrub=off",
          one);
    }
  }
  return {};
}

/// What register_embedded() was given.
struct Notices {
  Mutex mutex;
  Notice last MILLRACE_GUARDED_BY(mutex);
};

Notices& notices() {
  static Notices given;
  return given;
}

Result<std::unique_ptr<Log>> open_directory(std::string_view url, LogEnvironment& environment,
                                            LogOptions options) {
  const std::size_t question = std::min(url.find('?'), url.size());
  EmbeddedOptions embedded;
  embedded.settle.on = true;
  embedded.scrub.bytes_per_s = scrub_bytes_per_s;
  {
    const MutexLock lock(notices().mutex);
    embedded.notice = notices().last;
  }
  MILLRACE_TRY(take_options(url.substr(std::min(question + 1, url.size())), embedded));
  std::string directory(url.substr(0, question).substr(scheme.size() + 1));
  while (directory.size() > 1 && directory.ends_with('/')) {
    directory.pop_back();
  }
  if (directory.empty()) {
    return fail(errc::invalid_argument, "'{}' names no directory: use file:DIR", url);
  }
  return open_embedded(directory, environment, std::move(options), embedded);
}

}  // namespace

void register_embedded(Notice notice) {
  {
    const MutexLock lock(notices().mutex);
    notices().last = std::move(notice);
  }
  register_scheme(scheme, "file:DIR", &open_directory);
}

Result<std::unique_ptr<Log>> open_embedded(const std::string& directory,
                                           LogEnvironment& environment, LogOptions options,
                                           const EmbeddedOptions& embedded) {
  if (directory.empty()) {
    return fail(errc::invalid_argument, "the directory of a log is empty: name one");
  }
  MILLRACE_ASSIGN(LogOptions checked, checked_options(std::move(options)));
  MILLRACE_TRY(check_interval_ms("stuck_holder_ms", embedded.stuck_holder_ms, 1));
  MILLRACE_TRY(check_interval_ms("settle.age_ms", embedded.settle.age_ms, 0));
  MILLRACE_TRY(check_interval_ms("settle.interval_ms", embedded.settle.interval_ms, 0));
  MILLRACE_TRY(
      check_interval_ms("settle.cleaning_interval_ms", embedded.settle.cleaning_interval_ms, 0));
  MILLRACE_TRY(check_interval_ms("scrub.pause_ms", embedded.scrub.pause_ms, 0));
  if (embedded.settle.segment_bytes == 0 || embedded.settle.segment_bytes > INT32_MAX ||
      embedded.settle.unsettled_bytes_max == 0 || embedded.settle.compaction_step_bytes == 0) {
    return fail(errc::invalid_argument,
                "settle.segment_bytes must be from 1 to 2147483647, and "
                "settle.unsettled_bytes_max and settle.compaction_step_bytes above 0");
  }
  if (checked.access == LogAccess::read_only) {
    return embedded::ReadOnlyLog::open(directory, environment, std::move(checked), embedded,
                                       "it was opened for reading");
  }
  auto log = embedded::Member::open(directory, environment, checked, embedded);
  if (log) {
    return std::make_unique<embedded::EmbeddedLog>(*std::move(log));
  }
  if (checked.access == LogAccess::prefer_write && reading_may_work(log.error())) {
    checked.access = LogAccess::read_only;
    auto reading = embedded::ReadOnlyLog::open(directory, environment, std::move(checked), embedded,
                                               log.error().message());
    if (reading) {
      return reading;
    }
  }
  return fail(std::move(log).error());
}

}  // namespace millrace::log
