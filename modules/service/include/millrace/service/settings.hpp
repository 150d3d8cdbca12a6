// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace::service {

/// Version of Millrace, semantic versioning 2.0.
inline constexpr std::string_view version = "0.1.0";

/// The range of a setting that is a whole number.
struct SettingRange {
  std::int64_t min = 0;
  std::int64_t max = 0;
};

/// A setting of a service. Its value comes from `--name VALUE`, from MILLRACE_NAME in the
/// environment, or from `name=VALUE` in the file of `--config`; the first of these counts.
/// Otherwise it has its default.
struct Setting {
  std::string name;           ///< lower case with dashes, `log-level`
  std::string default_value;  ///< "true"/"false" with `is_flag`
  std::string help;
  std::vector<std::string> choices = {};  ///< if not empty, the only values taken
  bool is_flag = false;
  std::optional<SettingRange> range = {};  ///< if set, only whole numbers of it are taken
  bool is_path = false;                    ///< the path of a file or directory: never given empty
  /// True if the value is the same for all processes of a log and never changes: a service with
  /// another value than the log has does not start.
  bool for_life_of_log = false;
};

/// A setting that is a whole number in [min, max].
[[nodiscard]] Setting number_setting(std::string name, std::string default_value, std::string help,
                                     std::int64_t min, std::int64_t max);
/// A setting that is a path. The default may be empty if no path is needed.
[[nodiscard]] Setting path_setting(std::string name, std::string default_value, std::string help);

/// Values of all settings. Immutable; thread-safe.
class Settings {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;
  /// `sources` has an entry for each name that was set: the source of its value, as named() returns
  /// it.
  explicit Settings(Map values, Map sources = {})
      : values_(std::move(values)), sources_(std::move(sources)) {}
  /// The value; the name must be a declared setting.
  [[nodiscard]] const std::string& get(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const;
  /// The source of the value, for messages: `--port`, or `MILLRACE_PORT`, or `port in FILE`.
  [[nodiscard]] std::string named(std::string_view name) const;
  /// True if the value was set; otherwise it has its default.
  [[nodiscard]] bool is_given(std::string_view name) const { return sources_.contains(name); }
  /// A whole number in [min, max]; otherwise errc::invalid_argument with the name of the setting.
  [[nodiscard]] Result<std::int64_t> integer(std::string_view name, std::int64_t min,
                                             std::int64_t max) const;

 private:
  Map values_;
  Map sources_;
};

/// The outcome of reading the command line.
struct ParsedSettings {
  Settings settings;
  /// Not empty: print this to standard output (help, version) and exit 0.
  std::string print_and_exit;
};

/// Reads flags, environment and file, and checks every value. On errc::invalid_argument print the
/// message to standard error and exit with code 2. The message is one line with the flag or
/// variable, the value and the allowed values.
[[nodiscard]] Result<ParsedSettings> parse_settings(int argc, const char* const* argv,
                                                    std::string_view program,
                                                    std::string_view description,
                                                    std::string_view program_version,
                                                    const std::vector<Setting>& settings);

}  // namespace millrace::service
