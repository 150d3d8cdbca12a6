// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "retail/audit/pass_end.hpp"

namespace retail {

/// What a file outside of the log knows of it: which log it is, and up to where it was written when
/// the file was. On Kafka, which has no order of all commits, the position is 0.
struct LogSeen {
  std::string log;  ///< Log::identity
  std::int64_t incarnation = 0;
  std::int64_t position = 0;
  std::optional<std::string> lineage = {};  ///< 16 hex digits; none: an older build's
};
BOOST_DESCRIBE_STRUCT(LogSeen, (), (log, incarnation, position, lineage))

/// The log as it is now, up to what a loss of power leaves of it.
[[nodiscard]] LogSeen see(millrace::log::Log& log);

/// Why this may be another log than the one that was seen: another one by its name, or a history
/// that this log does not know, as that of a log that was put back from a backup. No value when it
/// is the same.
[[nodiscard]] std::optional<std::string> why_another(millrace::log::Log& log, const LogSeen& seen);

/// Why what was seen is not in this log's past: it is another log, or one that lost what was seen.
/// No value when it is.
[[nodiscard]] std::optional<std::string> why_not_past(millrace::log::Log& log, const LogSeen& seen);

/// Requests that came to the log behind `begin`, at least; 0 before the storefront was first
/// started. Failures as Log::end_offsets.
[[nodiscard]] millrace::Result<std::int64_t> requests_in(millrace::log::Log& log,
                                                         const TopicEnds& begin);

}  // namespace retail
