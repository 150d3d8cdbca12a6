// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/http/server.hpp"
#include "millrace/log/log.hpp"
#include "millrace/service/settings.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::service {

/// The settings that every service has.
[[nodiscard]] std::vector<Setting> standard_settings();

/// Each reads its part of the standard settings; errc::invalid_argument names the setting.
[[nodiscard]] Result<log::LogOptions> log_options(const Settings& settings,
                                                  const std::string& service);
[[nodiscard]] Result<stream::InstanceOptions> instance_options(const Settings& settings,
                                                               const std::string& service);
[[nodiscard]] Result<http::ServerOptions> server_options(const Settings& settings);
/// The address at which other instances reach this one; empty when it listens on all addresses and
/// none was named.
[[nodiscard]] Result<std::string> advertised_address(const Settings& settings);
/// Makes the directories that were named, so that a bad path is noticed at the start.
/// errc::invalid_argument names the setting.
[[nodiscard]] Status check_directories(const Settings& settings, FileSystem& files);

/// `<service>` for instance 1, `<service>-<n>` for the others: the name of its run file and of its
/// member.
[[nodiscard]] std::string instance_name(const Settings& settings, const std::string& service);

/// InstanceDescriptor::instance: `<host>:<port>`.
[[nodiscard]] std::string instance_on_host(const ProcessName& process, std::uint16_t port);
/// `http://address:port`, with the brackets of IPv6.
[[nodiscard]] std::string http_url(const std::string& address, std::uint16_t port);

}  // namespace millrace::service
