// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "resume.hpp"

#include <string>

#include "feed_position.hpp"
#include "log_seen.hpp"

namespace retail {

using millrace::Result;

namespace {

// Files of earlier builds do not name their log; that it holds so many requests is asked of all.
std::optional<std::string> why_not_believed(millrace::log::Log& log,
                                            const std::optional<LogSeen>& seen,
                                            std::int64_t requests, std::int64_t held) {
  if (seen) {
    if (auto why = why_not_past(log, *seen)) return why;
  }
  if (requests <= held) return std::nullopt;
  return "it counts " + std::to_string(requests) + " requests, and the log holds " +
         std::to_string(held);
}

}  // namespace

Result<Resumed> resume(millrace::log::Log& log, const DataDirectory& directory, const RunPass& pass,
                       std::size_t invoices, const DataDirectory::Say& say) {
  Resumed resumed;
  MILLRACE_ASSIGN(const std::int64_t held, requests_in(log, pass.begins_behind()));
  const std::string position_path = directory.path(position_file(pass.number));
  MILLRACE_ASSIGN(const auto position, read_feed_position(position_path));
  if (position && position->answered > invoices) {
    return millrace::fail(millrace::errc::invalid_argument,
                          position_path + " says that " + std::to_string(position->answered) +
                              " requests were answered, and this run sends " +
                              std::to_string(invoices) +
                              ": use a larger --limit, or --fresh to delete the run that is there");
  }
  const auto another =
      position && position->seen ? why_another(log, *position->seen) : std::optional<std::string>();
  if (another) {
    say(position_path + " is not of this log: " + *another +
        ": all requests are sent, and each takes effect once");
  } else if (position) {
    const auto answered = static_cast<std::int64_t>(position->answered);
    if (const auto why = why_not_believed(log, position->seen, answered, held)) {
      return millrace::fail(
          millrace::errc::invalid_argument,
          position_path + " does not fit to the log: " + *why +
              ". Put back the log that belongs to it; or remove that file, and all requests are "
              "sent to this log (each takes effect once); or delete the run with --fresh");
    }
    resumed.answered = position->answered;
  }
  const std::string summary_path = directory.path(summary_file(pass.number));
  MILLRACE_ASSIGN(resumed.finished, finished_summary(summary_path, invoices));
  if (resumed.finished) {
    if (const auto why = why_not_believed(log, resumed.finished->seen,
                                          static_cast<std::int64_t>(invoices), held)) {
      say(summary_path + " does not fit to the log and is not used: " + *why);
      resumed.finished.reset();
    }
  }
  if (pass.next_has_begun && !resumed.finished) {
    return millrace::fail(millrace::errc::invalid_argument,
                          "pass " + std::to_string(pass.number) + " is complete in " +
                              log.identity() +
                              ", and the next one has begun there: retail-audit --pass " +
                              std::to_string(pass.number) + " says what came of it");
  }
  return resumed;
}

}  // namespace retail
