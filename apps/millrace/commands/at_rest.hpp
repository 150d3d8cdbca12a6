// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/log/log.hpp"
#include "program.hpp"

namespace millrace::cli {

/// The log, once no instance of the service is a member of a group: those that died are waited for
/// until they are expelled. It makes sure that there is a log, and writes nothing of the service.
/// errc::busy while an instance lives.
[[nodiscard]] Result<log::Log*> log_at_rest(Session& session, const std::string& service);

}  // namespace millrace::cli
