// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "story.hpp"
#include "story_reader.hpp"
#include "story_text.hpp"

namespace millrace::cli {

Status trace(log::Log& log, const TraceOptions& options, Output& out) {
  MILLRACE_ASSIGN(auto records, collect_story(log, options.id, !options.only_public));
  const Story story = build_story(std::move(records));
  if (options.json) {
    out.json(story_json(story, options.id));
  } else {
    out.write(story_tree(story, options.id));
  }
  return {};
}

CLI::App* add_trace(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("trace", "Tell the story of one order or request across all services");
  auto options = std::make_shared<TraceOptions>();
  command
      ->add_option("ID", options->id,
                   "A correlation id, the id of an event, or a key such as an order id")
      ->required()
      ->check(check_not_empty);
  command->add_flag("--public", options->only_public, "Leave out private records (repartitions)");
  command->add_flag("--json", options->json,
                    "One JSON object: the records in order, each with its parent");
  command->footer(
      "\nNumbers are the order of commits; a record hangs below the one that caused it. Kafka "
      "keeps\n"
      "no order over partitions: there causes come first, else time decides.\n"
      "Example: millrace trace 536365 --public\n");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, session.log());
      return trace(*log, *options, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
