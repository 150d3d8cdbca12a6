// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>
#include <memory>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "segment/dump.hpp"

namespace millrace::cli {

CLI::App* add_log_dump(CLI::App& app, Action& action) {
  auto options = std::make_shared<DumpOptions>();
  auto* command = app.add_subcommand(
      "dump", "Print the batches and records of a Kafka segment; exit 1 on damage");
  command
      ->add_option("--segment", options->segment, "A .log file of a broker or of a settled segment")
      ->type_name("FILE")
      ->required()
      ->check(check_not_empty);
  command->add_flag("--batches", options->batches, "Batches without their records, in columns");
  command->add_flag("--json", options->json, "A JSON object a line");
  command->callback([options, &action] {
    action = [options](Session& session) {
      return dump_segment(session.files, *options, session.stop, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
