// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace::service {

/// One thing that can be set: `--name VALUE`, or MILLRACE_NAME in the environment, or `name=VALUE`
/// in the file given by `--config`; the first of these counts, then the default.
struct Setting {
  std::string name;           ///< lower case with dashes, `log-level`
  std::string default_value;  ///< "true"/"false" with `is_flag`
  std::string help;
  std::vector<std::string> choices = {};  ///< if not empty, the only values taken
  bool is_flag = false;
};

/// Values of all settings. Immutable; thread-safe.
class Settings {
 public:
  explicit Settings(std::map<std::string, std::string, std::less<>> values)
      : values_(std::move(values)) {}
  /// The value; the name must be a declared setting.
  [[nodiscard]] const std::string& get(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const;
  /// A whole number in [min, max], else errc::invalid_argument naming the setting.
  [[nodiscard]] Result<std::int64_t> integer(std::string_view name, std::int64_t min,
                                             std::int64_t max) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

/// The outcome of reading the command line.
struct ParsedSettings {
  Settings settings;
  /// Not empty: print this to standard output (help, version) and exit 0.
  std::string print_and_exit;
};

/// Reads flags, environment and file. errc::invalid_argument: print the message (which ends with
/// the usage) to standard error and exit 2.
[[nodiscard]] Result<ParsedSettings> parse_settings(int argc, const char* const* argv,
                                                    std::string_view program,
                                                    std::string_view description,
                                                    std::string_view version,
                                                    const std::vector<Setting>& settings);

}  // namespace millrace::service
