// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

/// Opens the log that a URL of the backend's own scheme names. Calls checked_options() (rules.hpp).
using LogOpener = Result<std::unique_ptr<Log>> (*)(std::string_view url,
                                                   LogEnvironment& environment, LogOptions options);

/// Makes open_log() know URLs that begin with `scheme` and a colon. `example` shows people what
/// such a URL looks like. A second call for a scheme replaces the first one. Both texts must live
/// as long as the program. Thread-safe.
///
///     register_scheme("file", "file:DIR", &open_directory);
void register_scheme(std::string_view scheme, std::string_view example, LogOpener opener);

}  // namespace millrace::log
