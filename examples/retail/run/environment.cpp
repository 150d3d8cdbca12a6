// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "environment.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

extern char** environ;

namespace retail {

namespace {

constexpr std::string_view prefix = "MILLRACE_";
constexpr std::array<std::string_view, 8> passed{
    "MILLRACE_COMMIT_INTERVAL_MS", "MILLRACE_KAFKA_CACHE",         "MILLRACE_KAFKA_PASSWORD",
    "MILLRACE_LOG_LEVEL",          "MILLRACE_MAX_IN_FLIGHT",       "MILLRACE_MAX_WAITING",
    "MILLRACE_SESSION_TIMEOUT_MS", "MILLRACE_SNAPSHOT_INTERVAL_MS"};

}  // namespace

std::vector<std::string> drop_foreign_variables() {
  std::vector<std::string> dropped;
  for (char** one = environ; *one != nullptr; ++one) {
    std::string_view name = *one;
    name = name.substr(0, name.find('='));
    if (name.starts_with(prefix) && std::find(passed.begin(), passed.end(), name) == passed.end()) {
      dropped.emplace_back(name);
    }
  }
  for (const std::string& name : dropped)
    ::unsetenv(name.c_str());
  std::sort(dropped.begin(), dropped.end());
  dropped.erase(std::unique(dropped.begin(), dropped.end()), dropped.end());
  return dropped;
}

}  // namespace retail
