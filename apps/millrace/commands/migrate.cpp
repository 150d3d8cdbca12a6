// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "commands/migrate.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>

#include "arguments.hpp"
#include "commands/at_rest.hpp"
#include "commands/commands.hpp"
#include "millrace/base/json_writer.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/stream/manifest.hpp"
#include "millrace/stream/migrate.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names)
    out.append(out.empty() ? "" : ", ").append(escaped(name));
  return out.empty() ? "-" : out;
}

Result<std::string> read_text(const std::string& file, FileSystem& files) {
  if (file != "-") return read_file(files, file);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

void print_json(const stream::TopologyMigration& migration, bool done, Output& out) {
  for (const stream::TopologyMigration::Part& part : migration.parts) {
    std::string line;
    JsonWriter json(line);
    json.begin_object().field("service", migration.service).field("part", part.name);
    json.field("done", done).key("continues").raw(codec::to_json(part.from));
    json.key("reads").raw(codec::to_json(part.reads));
    json.key("stores").raw(codec::to_json(part.stores));
    out.json(json.end_object().take());
  }
  for (const std::string& change : migration.accepted) {
    std::string line;
    JsonWriter json(line);
    json.begin_object().field("service", migration.service).field("change", change);
    out.json(json.end_object().take());
  }
}

}  // namespace

Status migrate_topology(log::Log& log, const MigrateOptions& options, Output& out) {
  MILLRACE_ASSIGN(const stream::TopologyMigration migration,
                  stream::migrate_topology(log, options.description, options.dry_run));
  if (options.json) {
    print_json(migration, !options.dry_run, out);
    return {};
  }
  if (migration.parts.empty()) {
    out.line("(there is nothing to migrate: service " + escaped(migration.service) +
             " can be started)");
    return {};
  }
  Table parts({"PART", "CONTINUES", "READS ON", "STORES"});
  for (const stream::TopologyMigration::Part& part : migration.parts)
    parts.add({escaped(part.name), listed(part.from), listed(part.reads), listed(part.stores)});
  parts.print(out);
  for (const std::string& change : migration.accepted)
    out.line(escaped(change));
  out.line(options.dry_run
               ? "(would be moved; nothing was changed)"
               : "(moved; start the build of service " + escaped(migration.service) + ")");
  return {};
}

CLI::App* add_topology_migrate(CLI::App& topology, Action& action) {
  auto* command = topology.add_subcommand(
      "migrate", "Merge or split parts with their state for a build, with no instance alive");
  auto file = std::make_shared<std::string>();
  auto options = std::make_shared<MigrateOptions>();
  command
      ->add_option("DESCRIPTION", *file,
                   "File with what `SERVICE --describe json` prints; - is standard input")
      ->required()
      ->check(check_not_empty);
  command->add_flag("--dry-run", options->dry_run, "Tell what would move");
  command->add_flag("--json", options->json, "A JSON object a line, one for each part");
  command->footer("\nExample: shop --describe json | millrace topology migrate - --dry-run\n");
  command->callback([file, options, &action] {
    action = [file, options](Session& session) -> Status {
      MILLRACE_ASSIGN(options->description, read_text(*file, session.files));
      MILLRACE_ASSIGN(const stream::DescribedTopology build,
                      stream::read_description(options->description));
      MILLRACE_ASSIGN(log::Log * log, log_at_rest(session, build.service));
      if (options->dry_run) return migrate_topology(*log, *options, session.out);
      MILLRACE_ASSIGN(const auto writer, session.log_of(build.service));
      return migrate_topology(*writer, *options, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
