// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::stream {

/// A version of a store or a processor that was taken for another.
struct AcceptedVersion {
  std::string part;         ///< that holds it
  std::int64_t before = 1;  ///< what the log had
};

/// Has the state of the store or processor `name` continued as it is by a build that gives it
/// `version`, see TopologyBuilder::version(). `log` is a handle of the service; when `dry_run`,
/// any, and nothing is written. base's errc::invalid_argument for a version below 1,
/// errc::not_found when the log has nothing of that name in use, errc::busy while an instance of
/// the service lives; failures of the log.
[[nodiscard]] Result<AcceptedVersion> accept_version(log::Log& log, std::string_view service,
                                                     std::string_view name, std::int64_t version,
                                                     bool dry_run);

}  // namespace millrace::stream
