// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

/// A function that opens the log of a URL with the scheme of the backend. It calls
/// checked_options() (rules.hpp).
using LogOpener = Result<std::unique_ptr<Log>> (*)(std::string_view url,
                                                   LogEnvironment& environment, LogOptions options);

/// Registers a backend: open_log() calls `opener` for URLs that begin with `scheme` and a colon.
/// `example` is the form of such a URL, for messages. A second call for a scheme replaces the first
/// one. Both texts must live as long as the program. Thread-safe.
///
///     register_scheme("file", "file:DIR", &open_directory);
void register_scheme(std::string_view scheme, std::string_view example, LogOpener opener);

}  // namespace millrace::log
