// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace millrace::cli {

/// What can be typed at a command: taken from the command line's own definition, so that
/// completions and documents cannot differ from it.
struct CommandModel {
  struct Option {
    std::vector<std::string> names;  ///< with their dashes
    std::string help;
    bool takes_value = false;
    std::vector<std::string> choices;  ///< what the value may be, or how it begins (`NAME=`)
  };
  std::string name;
  std::string help;
  std::vector<Option> options;
  std::vector<std::string> positionals;  ///< their names, such as TOPIC
  std::vector<std::string> choices;      ///< values that positionals are limited to
  std::vector<CommandModel> commands;
};
[[nodiscard]] CommandModel describe_commands(const CLI::App& app);

/// Scripts for the shells; topics are completed by asking the log.
[[nodiscard]] std::string bash_completion(const CommandModel& program);
[[nodiscard]] std::string zsh_completion(const CommandModel& program);
[[nodiscard]] std::string fish_completion(const CommandModel& program);

}  // namespace millrace::cli
