// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/settings.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "millrace/base/assert.hpp"

namespace millrace::service {

namespace {

std::string list_of(const std::vector<std::string>& choices) {
  std::string list;
  for (const std::string& choice : choices) {
    if (!choice.empty()) {
      list += (list.empty() ? "" : ", ") + choice;
    }
  }
  return list;
}

Result<std::int64_t> whole_number(const std::string& text, std::int64_t min, std::int64_t max,
                                  const std::string& source) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    return fail(millrace::errc::invalid_argument, "{}: '{}' is not a whole number from {} to {}",
                source, text, min, max);
  }
  return value;
}

std::string environment_name(std::string_view setting) {
  std::string name = "MILLRACE_";
  for (const char c : setting)
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

using Map = Settings::Map;

void add_setting(CLI::App& app, const Setting& setting, Map& values) {
  std::string& value = values[setting.name];
  value = setting.default_value;
  const std::string variable = environment_name(setting.name);
  if (setting.is_flag) {
    app.add_flag_callback(
        "--" + setting.name, [&value] { value = "true"; },
        setting.help + " (Env:" + variable + ")");
    return;
  }
  std::string help = setting.help;
  if (setting.range) {
    help += " (" + std::to_string(setting.range->min) + " to " +
            std::to_string(setting.range->max) + ")";
  }
  if (!setting.choices.empty()) {
    help += " (one of: " + list_of(setting.choices) + ")";
  }
  app.add_option("--" + setting.name, value, help)->envname(variable)->capture_default_str();
}

bool is_on_command_line(int argc, const char* const* argv, const std::string& name) {
  const std::string flag = "--" + name;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == flag || argument.starts_with(flag + "=")) {
      return true;
    }
  }
  return false;
}

Status check_value(const Setting& setting, const std::string& value, const std::string& source) {
  const auto refused = [&](const std::string& allowed) {
    return fail(millrace::errc::invalid_argument, "{}: '{}' is {}", source, value, allowed);
  };
  if (setting.is_flag && value != "true" && value != "false") {
    return refused("neither true nor false");
  }
  if (setting.range) {
    MILLRACE_TRY(whole_number(value, setting.range->min, setting.range->max, source));
  }
  const bool known =
      std::find(setting.choices.begin(), setting.choices.end(), value) != setting.choices.end();
  if (!setting.choices.empty() && !known) {
    return refused("none of " + list_of(setting.choices));
  }
  if (setting.is_path && value.empty()) {
    return refused("no path: name one, or leave the setting out");
  }
  return {};
}

/// `--name=` with nothing behind it, as a script with an unset variable gives it.
Status check_empty(int argc, const char* const* argv, const std::vector<Setting>& settings) {
  for (int i = 1; i < argc; ++i) {
    for (const Setting& setting : settings) {
      if (argv[i] == "--" + setting.name + "=") {
        MILLRACE_TRY(check_value(setting, "", "--" + setting.name));
      }
    }
  }
  return {};
}

/// Looks where each value came from (the command line first, then the environment, then the file),
/// and checks those that somebody gave.
Result<Settings> check_values(int argc, const char* const* argv, const CLI::App& app, Map values,
                              const std::vector<Setting>& settings) {
  Map sources;
  for (const Setting& setting : settings) {
    const std::string variable = environment_name(setting.name);
    const char* const environment = std::getenv(variable.c_str());
    std::string& value = values[setting.name];
    std::string source = "--" + setting.name;
    bool given = is_on_command_line(argc, argv, setting.name);
    if (!given && environment != nullptr && *environment != '\0') {
      value = environment;
      source = variable;
      given = true;
    } else if (!given && app.get_option("--" + setting.name)->count() > 0) {
      source = setting.name + " in " + app.get_config_ptr()->as<std::string>();
      given = true;
    }
    if (given) {
      MILLRACE_TRY(check_value(setting, value, source));
      sources.insert_or_assign(setting.name, std::move(source));
    }
  }
  return Settings(std::move(values), std::move(sources));
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
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
  return whole_number(get(name), min, max, named(name));
}

std::string Settings::named(std::string_view name) const {
  const auto found = sources_.find(name);
  return found == sources_.end() ? "--" + std::string(name) : found->second;
}

Setting number_setting(std::string name, std::string default_value, std::string help,
                       std::int64_t min, std::int64_t max) {
  Setting setting{std::move(name), std::move(default_value), std::move(help)};
  setting.range = SettingRange{min, max};
  return setting;
}

Setting path_setting(std::string name, std::string default_value, std::string help) {
  Setting setting{std::move(name), std::move(default_value), std::move(help)};
  setting.is_path = true;
  return setting;
}

Result<ParsedSettings> parse_settings(int argc, const char* const* argv, std::string_view program,
                                      std::string_view description,
                                      std::string_view program_version,
                                      const std::vector<Setting>& settings) {
  Map values;
  CLI::App app{std::string(description), std::string(program)};
  app.set_version_flag("--version", std::string(program) + " " + std::string(program_version));
  app.set_config("--config", "", "Read settings from this file, lines of name=value");
  for (const Setting& setting : settings)
    add_setting(app, setting, values);
  MILLRACE_TRY(check_empty(argc, argv, settings));
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return ParsedSettings{Settings({}), app.help()};
  } catch (const CLI::CallForVersion&) {
    return ParsedSettings{Settings({}), app.version() + "\n"};
  } catch (const CLI::ParseError& error) {
    return fail(millrace::errc::invalid_argument, "{}; `{} --help` lists the settings",
                one_line(error.what()), program);
  }
  MILLRACE_ASSIGN(Settings checked, check_values(argc, argv, app, std::move(values), settings));
  return ParsedSettings{std::move(checked), ""};
}

}  // namespace millrace::service
