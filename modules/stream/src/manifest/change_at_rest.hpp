// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

/// base's errc::busy, naming a member, while an instance of the service lives.
[[nodiscard]] Status check_nobody_lives(log::Log& log, std::string_view service);

/// Writes `manifest`, which a tool made of the revision before with no instance alive, together
/// with what `transaction` holds. Checks again after it: an instance that came meanwhile may work
/// with what the tool changed. errc::busy when one did, or wrote first: stop it and repeat the
/// change. Failures of the log.
[[nodiscard]] Status write_at_rest(log::Log& log, std::string_view service,
                                   const Manifest& manifest, log::Transaction transaction = {});

}  // namespace millrace::stream
