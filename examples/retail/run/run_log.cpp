// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "run_log.hpp"

#include <array>

#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/service/backends.hpp"
#include "millrace/service/log_settings.hpp"

namespace retail {

using millrace::fail;
using millrace::Result;
using millrace::Status;

namespace {

constexpr std::int64_t patience_ns = 300'000'000'000;

}  // namespace

Status passing(Status status) {
  if (status || !status.error().is(millrace::log::errc::unavailable)) return status;
  return {};
}

Status attempt_while_away(millrace::Clock& clock, const std::function<Status()>& attempt,
                          const std::function<Status()>& pause) {
  const std::int64_t until_ns = clock.monotonic_ns() + patience_ns;
  for (;;) {
    Status done = attempt();
    if (done) return done;
    const bool may_succeed = done.error().is(millrace::log::errc::unavailable) ||
                             done.error().is(millrace::log::errc::outcome_unknown);
    if (!may_succeed || clock.monotonic_ns() >= until_ns) return done;
    if (const Status paused = pause(); !paused)
      return fail(paused.error().at(done.error().message()));
  }
}

RunLog::RunLog()
    : random_(millrace::real_seed()),
      environment_{millrace::real_clock(), millrace::real_file_system(), random_,
                   millrace::real_processes()} {}

Status RunLog::open_log(const RunOptions& options, const DataDirectory& directory,
                        bool goes_with_run) {
  millrace::log::LogOptions log_options;
  log_options.member = run_member_name();
  log_options.create = goes_with_run || !directory.has_begun();
  MILLRACE_TRY(millrace::service::read_durability(options.durability, log_options));
  millrace::service::register_backends();
  url_ = options.log;
  auto opened = millrace::log::open_log(url_, environment_, log_options);
  if (opened) {
    log_ = *std::move(opened);
    return {};
  }
  const bool gone = opened.error().is(millrace::log::errc::not_found) ||
                    opened.error().is(millrace::errc::not_found);
  if (!gone || log_options.create) return fail(std::move(opened).error());
  return fail(millrace::errc::not_found,
              "the log " + options.log + " is gone, and " + options.data +
                  " holds the rest of a run that was kept in it: put the log back, or add --fresh "
                  "to delete the rest and begin again");
}

Result<std::unique_ptr<RunLog>> RunLog::open(const RunOptions& options, DataDirectory& directory,
                                             bool goes_with_run, const DataDirectory::Say& say) {
  std::unique_ptr<RunLog> made(new RunLog);
  MILLRACE_TRY(made->open_log(options, directory, goes_with_run));
  MILLRACE_ASSIGN(made->guard_, LogGuard::take(*made->log_, millrace::real_clock()));
  const std::array<millrace::service::LogSetting, 1> agreed{{{"stock", options.stock}}};
  MILLRACE_TRY(millrace::service::agree_on_settings(*made->log_, millrace::real_clock(), agreed,
                                                    "this run"));
  if (!goes_with_run) {
    const bool own = options.log == "file:" + directory.path("log");
    MILLRACE_TRY(directory.bind(made->log_->identity(), own, say));
  }
  return made;
}

Result<std::unique_ptr<millrace::log::Log>> RunLog::open_writer() {
  millrace::log::LogOptions log_options = log_->options();
  log_options.service = millrace::log::any_service;
  log_options.create = false;
  log_options.durability = millrace::log::DurabilityPolicy::sync;
  return millrace::log::open_log(url_, environment_, log_options);
}

Status RunLog::maintain() {
  MILLRACE_TRY(passing(log_->maintain()));
  return guard_->check();
}

}  // namespace retail
