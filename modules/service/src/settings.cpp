// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/settings.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>

#include "millrace/base/assert.hpp"

namespace millrace::service {

namespace {

std::string environment_name(std::string_view setting) {
  std::string name = "MILLRACE_";
  for (const char c : setting)
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

void add_setting(CLI::App& app, const Setting& setting,
                 std::map<std::string, std::string, std::less<>>& values) {
  std::string& value = values[setting.name];
  value = setting.default_value;
  if (setting.is_flag) {
    app.add_flag_callback(
           "--" + setting.name, [&value] { value = "true"; }, setting.help)
        ->envname(environment_name(setting.name));
    return;
  }
  CLI::Option* option = app.add_option("--" + setting.name, value, setting.help)
                            ->envname(environment_name(setting.name));
  option->capture_default_str();
  if (!setting.choices.empty()) option->check(CLI::IsMember(setting.choices));
}

}  // namespace

const std::string& Settings::get(std::string_view name) const {
  const auto found = values_.find(name);
  MILLRACE_ASSERT(found != values_.end(),
                  "the setting was not declared in the service's Definition");
  return found->second;
}

bool Settings::flag(std::string_view name) const { return get(name) == "true"; }

Result<std::int64_t> Settings::integer(std::string_view name, std::int64_t min,
                                       std::int64_t max) const {
  const std::string& text = get(name);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    return fail(millrace::errc::invalid_argument,
                "--" + std::string(name) + ": '" + text + "' is not a whole number from " +
                    std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

Result<ParsedSettings> parse_settings(int argc, const char* const* argv, std::string_view program,
                                      std::string_view description, std::string_view version,
                                      const std::vector<Setting>& settings) {
  std::map<std::string, std::string, std::less<>> values;
  CLI::App app{std::string(description), std::string(program)};
  app.set_version_flag("--version", std::string(program) + " " + std::string(version));
  app.set_config("--config", "", "Read settings from this file, lines of name=value");
  for (const Setting& setting : settings)
    add_setting(app, setting, values);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return ParsedSettings{Settings({}), app.help()};
  } catch (const CLI::CallForVersion&) {
    return ParsedSettings{Settings({}), app.version() + "\n"};
  } catch (const CLI::ParseError& error) {
    return fail(millrace::errc::invalid_argument, std::string(error.what()) + "\n" + app.help());
  }
  return ParsedSettings{Settings(std::move(values)), ""};
}

}  // namespace millrace::service
