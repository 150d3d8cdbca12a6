// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "help.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::size_t name_columns = 14;

std::string entry(std::string name, const std::string& help) {
  const std::size_t width = std::max(name_columns, name.size() + 2);
  return "  " + name.append(width - name.size(), ' ') + help + "\n";
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// The command that was reached, `dead-letters replay`.
const CLI::App& chosen(const CLI::App& program, std::string& path) {
  const CLI::App* at = &program;
  path = "millrace";
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  return *at;
}

std::optional<std::string> nearest_option(const CLI::App& program, const CLI::App& command,
                                          const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* owner : {&command, &program}) {
    for (const CLI::Option* option : owner->get_options()) {
      for (const std::string& name : option->get_lnames())
        names.push_back("--" + name);
    }
  }
  return nearest(word.substr(0, word.find('=')), names);
}

// CLI11 lists all that it did not expect.
std::string unexpected(const CLI::App& program, const CLI::App& command,
                       const std::vector<std::string>& arguments) {
  const std::vector<std::string> rest = program.remaining(true);
  // A word that was not understood is in the order of the arguments; `remaining` is not.
  const auto word = std::find_if(arguments.begin(), arguments.end(), [&](const std::string& one) {
    return std::find(rest.begin(), rest.end(), one) != rest.end();
  });
  const std::string first = word == arguments.end() ? std::string() : *word;
  if (first.starts_with('-')) {
    const auto meant = nearest_option(program, command, first);
    return "there is no option '" + escaped(first) + "'" +
           (meant ? ": did you mean '" + *meant + "'?" : std::string());
  }
  std::vector<std::string> names;
  for (const CLI::App* one : commands_of(command))
    names.push_back(one->get_name());
  if (names.empty()) return "'" + escaped(first) + "' is one argument too many";
  const auto meant = nearest(first, names);
  return "there is no command '" + escaped(first) + "'" +
         (meant ? ": did you mean '" + *meant + "'?" : std::string());
}

}  // namespace

std::string overview(const CLI::App& program) {
  std::string text = program.get_description() + "\n\nUsage: millrace COMMAND [OPTIONS]\n";
  std::vector<std::string> groups;
  for (const CLI::App* command : commands_of(program)) {
    if (std::find(groups.begin(), groups.end(), command->get_group()) == groups.end())
      groups.push_back(command->get_group());
  }
  for (const std::string& group : groups) {
    text += "\n" + group + "\n";
    for (const CLI::App* command : commands_of(program)) {
      if (command->get_group() == group)
        text += entry(command->get_name(), command->get_description());
    }
  }
  text += "\nOptions of every command\n";
  for (const CLI::Option* option : program.get_options()) {
    std::string name = "--" + option->get_lnames().front();
    if (option->get_items_expected_max() > 0) name += " " + option->get_type_name();
    text += entry(std::move(name), option->get_description());
  }
  return text + program.get_footer();
}

std::string usage_error(const CLI::App& program, const CLI::ParseError& error,
                        const std::vector<std::string>& arguments) {
  std::string path;
  const CLI::App& command = chosen(program, path);
  std::string what = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    what = unexpected(program, command, arguments);
  } else if (!commands_of(command).empty() && command.get_subcommands().empty() &&
             dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    const auto words = program.remaining(true);
    if (words.empty()) {
      what = "name a command:";
      for (const CLI::App* one : commands_of(command))
        what += (what.back() == ':' ? " " : ", ") + one->get_name();
    } else {
      what = unexpected(program, command, arguments);
    }
  }
  return path + ": " + what + " (" + path + " --help tells more)";
}

}  // namespace millrace::cli
