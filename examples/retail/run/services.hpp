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

/// The seven services in the order in which they start; insights is last and reads history. There
/// is a storefront for each port, known from the start so that it keeps it when it is started
/// again; those after the first are `storefront-2`, .... None works on another log than the one of
/// that identity.
[[nodiscard]] std::vector<millrace::service::ChildSpec> service_children(
    const RunOptions& options, const DataDirectory& directory, const std::string& log_identity,
    const std::string& program_directory, const std::vector<std::uint16_t>& storefront_ports);

/// The service that an instance is of: `storefront` for `storefront-2`.
[[nodiscard]] std::string service_of(const std::string& instance);

/// A loopback port that was free a moment ago, and is none of `taken`.
[[nodiscard]] millrace::Result<std::uint16_t> free_port(const std::vector<std::uint16_t>& taken);

}  // namespace retail
