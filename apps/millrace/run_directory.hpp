// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"

namespace millrace::cli {

/// A process of a service, as its file in the run directory tells.
struct RunningInstance {
  std::string name;
  std::int64_t pid = 0;
  std::uint16_t port = 0;
};

/// The living instances of a service: of `DIR/<service>.json` and `DIR/<service>-<number>.json`.
/// errc::not_found when there is none, saying whether it died, never ran, or is misspelt.
[[nodiscard]] Result<std::vector<RunningInstance>> find_instances(FileSystem& files,
                                                                  const std::string& directory,
                                                                  const std::string& service);

/// Where ./run has the services of a log say their ports: beside a directory, `data/run` for
/// others.
[[nodiscard]] std::string default_run_directory(const std::string& log_url);

/// `DATA/run` of a log in `DATA/log`.
[[nodiscard]] std::string run_directory_of(const std::string& log_directory);

}  // namespace millrace::cli
