// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chaos.hpp"
#include "directory.hpp"
#include "live_view.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "millrace/service/signals.hpp"
#include "millrace/service/supervisor.hpp"
#include "options.hpp"
#include "rest_watcher.hpp"
#include "retail/feed/feed.hpp"
#include "retail/invoices/invoices.hpp"
#include "run_log.hpp"
#include "run_pass.hpp"
#include "summary.hpp"

namespace retail {

/// The seven services under supervision, the feed that gives them work, and the eyes on them. Main
/// thread only.
class ExampleRun {
 public:
  /// `invoices` are those of the pass, and the first `answered` of them were answered before. All
  /// but the invoices outlive the system.
  ExampleRun(const RunOptions& options, const DataDirectory& directory,
             millrace::service::Signals& signals, RunLog& log, const RunPass& pass,
             std::vector<Invoice> invoices, std::size_t answered);

  /// Starts the services, in order; returns when all of them are ready.
  [[nodiscard]] millrace::Status start(const std::string& program_directory);
  /// Feeds until all requests are answered and the system has come to rest. False when a signal
  /// came first.
  [[nodiscard]] millrace::Result<bool> run_to_rest();
  /// Keeps the system up until a signal comes, or the log fails.
  [[nodiscard]] millrace::Status stay_up();
  /// Supervises for a second, in which a cluster may come back. errc::busy when a signal comes;
  /// else an error when the log fails.
  [[nodiscard]] millrace::Status pause();
  /// Stops the services, the last started first, each by SIGTERM.
  void stop();
  /// Audits the topics and sums up. `left` gets what the next pass begins with.
  [[nodiscard]] millrace::Result<Summary> sum_up(PassEnd& left);
  /// Of the first storefront.
  [[nodiscard]] const std::string& storefront_url() const { return urls_.front(); }

 private:
  [[nodiscard]] millrace::Status watch(std::int64_t timeout_ms);
  [[nodiscard]] RunFigures figures() const;
  void look_at_lag(std::int64_t now_ns);
  void leave_picture();
  [[nodiscard]] millrace::Result<bool> feed_all();
  [[nodiscard]] millrace::Result<bool> kill_twice();
  [[nodiscard]] millrace::Result<bool> await_rest();
  [[nodiscard]] bool all_ready() const;
  [[nodiscard]] bool all_idle() const;
  [[nodiscard]] std::string service_url(const millrace::service::ChildStatus& service) const;

  const RunOptions& options_;
  const DataDirectory& directory_;
  millrace::service::Signals& signals_;
  RunLog& run_log_;
  millrace::log::Log& log_;
  const RunPass& pass_;
  const std::vector<Invoice> invoices_;
  const std::size_t answered_;
  RestWatcher watcher_;
  millrace::service::Supervisor services_;
  std::uint64_t seed_;
  std::optional<Chaos> chaos_;
  std::optional<LiveView> view_;
  RunPhase phase_ = RunPhase::starting;
  std::map<std::string, std::int64_t> lag_;
  std::int64_t lag_ns_ = 0;        ///< when it was looked at
  std::size_t lag_turn_ = 0;       ///< the service that was asked last
  std::vector<std::string> urls_;  ///< of the storefronts
  std::unique_ptr<Feed> feed_;
  FeedProgress feed_progress_;
  std::int64_t rest_ns_ = 0;
  LogSeen seen_;  // at rest
  std::string signal_;
};

}  // namespace retail
