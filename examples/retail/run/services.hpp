// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "directory.hpp"
#include "millrace/service/supervisor.hpp"
#include "options.hpp"

namespace retail {

/// The seven services in the order in which they start; insights is last and reads history, and the
/// storefront's port is known from the start so that it keeps it when it is started again. None of
/// them works on another log than the one of that identity.
[[nodiscard]] std::vector<millrace::service::ChildSpec> service_children(
    const RunOptions& options, const DataDirectory& directory, const std::string& log_identity,
    const std::string& program_directory, std::uint16_t storefront_port);

/// A loopback port that was free a moment ago.
[[nodiscard]] millrace::Result<std::uint16_t> free_port();

}  // namespace retail
