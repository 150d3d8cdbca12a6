// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "log_seen.hpp"
#include "millrace/service/supervisor.hpp"
#include "retail/audit/audit.hpp"
#include "retail/feed/feed.hpp"

namespace retail {

/// What a finished run says of itself.
struct Summary {
  AuditReport audit;
  FeedProgress feed;
  std::int64_t lines_sent = 0;  ///< of orders that this run sent, not an earlier one it continues
  double wall_seconds = 0;      ///< from the first request sent to the last final state durable
  std::int64_t kills = 0;
  std::uint64_t seed = 0;
  std::vector<millrace::service::ChildStatus> services;
  LogSeen seen;  ///< the log at rest
};

/// The summary as one JSON object, as `--summary` writes it.
[[nodiscard]] std::string to_json(const Summary& summary);
/// The summary for people.
[[nodiscard]] std::string to_text(const Summary& summary);

/// What a directory says of the run that it holds.
struct FinishedRun {
  std::string text;
  bool audit_ok = false;
  std::optional<LogSeen> seen = {};  ///< no value: a build wrote it that did not name the log
};
/// The summary at `path`, if it is that of a run of so many invoices. errc::invalid_argument for
/// one of a later format.
[[nodiscard]] millrace::Result<std::optional<FinishedRun>> finished_summary(const std::string& path,
                                                                            std::size_t invoices);

}  // namespace retail
