// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "completion.hpp"

#include <CLI/CLI.hpp>

#include "commands/commands.hpp"

namespace millrace::cli {

CLI::App* add_completion(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("\nExample: source <(millrace completion bash)\n");
  command->callback([shell, &app, &action] {
    action = [shell, &app](Session& session) -> Status {
      const CommandModel program = describe_commands(app);
      session.out.write(*shell == "bash"  ? bash_completion(program)
                        : *shell == "zsh" ? zsh_completion(program)
                                          : fish_completion(program));
      return {};
    };
  });
  return command;
}

}  // namespace millrace::cli
