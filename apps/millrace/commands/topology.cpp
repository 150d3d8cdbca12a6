// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <iterator>

#include "arguments.hpp"
#include "commands/at_rest.hpp"
#include "commands/commands.hpp"
#include "commands/migrate.hpp"
#include "millrace/base/json_writer.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/stream/accept_version.hpp"
#include "millrace/stream/manifest.hpp"
#include "millrace/stream/reset.hpp"
#include "millrace/stream/topology_diff.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

using stream::Manifest;

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names)
    out.append(out.empty() ? "" : ", ").append(escaped(name));
  return out.empty() ? "-" : out;
}

std::vector<std::string> stores_of(const Manifest::Part& part) {
  std::vector<std::string> names;
  for (const Manifest::Store& store : part.stores) {
    if (!store.removed) names.push_back(store.name);
  }
  return names;
}

struct DiffOptions {
  std::string description;  ///< file; `-`: standard input
  bool json = false;
};

Result<std::string> read_text(const std::string& file, FileSystem& files) {
  if (file != "-") return read_file(files, file);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : escaped(text); }

// What was renamed, or has a version.
Table histories_of(const Manifest& manifest) {
  Table table({"NAME", "WAS", "VERSION"});
  const auto add = [&](const auto& entry) {
    if (!entry.was && !entry.version) return;
    table.add({escaped(entry.name), listed(entry.was.value_or(std::vector<std::string>{})),
               std::to_string(entry.version.value_or(1))});
  };
  for (const Manifest::Part& part : manifest.parts) {
    if (part.state != "live") continue;
    for (const Manifest::Store& store : part.stores) {
      if (!store.removed) add(store);
    }
    for (const auto& processor : part.processors.value_or(std::vector<Manifest::Processor>{}))
      add(processor);
  }
  for (const Manifest::Channel& channel : manifest.channels) {
    if (channel.name || channel.was)
      table.add({escaped(channel.name.value_or(channel.topic)),
                 listed(channel.was.value_or(std::vector<std::string>{})), "-"});
  }
  return table;
}

// Private topics are named after their service.
bool is_private(const Manifest::Channel& channel, const std::string& service) {
  return channel.topic.starts_with(service + ".") && !channel.key.empty();
}

std::string serdes_of(const Manifest::Channel& channel, const std::string& service) {
  const std::string by_default = is_private(channel, service) ? "binary" : "json";
  return escaped(channel.key_serde.value_or("key") + " -> " + channel.serde.value_or(by_default));
}

std::string envelope_of(const Manifest::Channel& channel, const std::string& service) {
  return escaped(
      channel.envelope.value_or(is_private(channel, service) ? "context" : "cloud_events"));
}

void print(const std::string& service, const Manifest& manifest, Output& out) {
  out.line("service " + escaped(service) + ": " + counted(manifest.parts.size(), "part") +
           ", revision " + std::to_string(manifest.revision));
  Table parts({"PART", "NUMBER", "STATE", "READS", "STORES"});
  Table stores({"STORE", "PART", "KIND", "KEY", "VALUE", "SERDE", "WINDOW", "CHANGELOG", "STATE"});
  for (const Manifest::Part& part : manifest.parts) {
    parts.add({escaped(part.name), std::to_string(part.number), escaped(part.state),
               listed(part.sources), listed(stores_of(part))});
    for (const Manifest::Store& store : part.stores)
      stores.add({escaped(store.name), escaped(part.name), escaped(store.kind), escaped(store.key),
                  escaped(store.value),
                  escaped(store.serde.value_or(store.kind == "table" ? "-" : "binary")),
                  or_dash(store.window), escaped(store.changelog),
                  store.removed ? "removed" : escaped(part.state)});
  }
  Table channels({"TOPIC BETWEEN PARTS", "KEY", "VALUE", "SERDES", "ENVELOPE"});
  for (const Manifest::Channel& channel : manifest.channels)
    channels.add({escaped(channel.topic), or_dash(channel.key), or_dash(channel.value),
                  serdes_of(channel, service), envelope_of(channel, service)});
  Table histories = histories_of(manifest);
  for (const Table* table : {&parts, &stores, &histories, &channels}) {
    if (table->empty()) continue;
    out.line("");
    table->print(out);
  }
}

// Else topics connect it with a part that was asked for.
bool is_asked_for(const Manifest::Part& part, const TopologyOptions& options) {
  return options.stores.empty() ||
         std::ranges::any_of(stores_of(part), [&](const std::string& store) {
           return std::ranges::find(options.stores, store) != options.stores.end();
         });
}

std::vector<std::string> other_parts(const stream::TopologyReset& reset,
                                     const TopologyOptions& options) {
  std::vector<std::string> others;
  for (const Manifest::Part& part : reset.parts) {
    if (!is_asked_for(part, options)) others.push_back(part.name);
  }
  return others;
}

void print_json(const stream::TopologyReset& reset, const TopologyOptions& options, Output& out) {
  for (const Manifest::Part& part : reset.parts) {
    std::string line;
    JsonWriter json(line);
    json.begin_object().field("part", part.name).field("done", !options.dry_run);
    json.field("asked", is_asked_for(part, options));
    json.key("reads").raw(codec::to_json(part.sources));
    json.key("stores").raw(codec::to_json(stores_of(part)));
    out.json(json.end_object().take());
  }
}

CLI::App* add_show(CLI::App& topology, Action& action) {
  auto* command = topology.add_subcommand(
      "show", "Show parts, stores and private topics of a service, with their types");
  auto options = std::make_shared<TopologyOptions>();
  command->add_option("SERVICE", options->service, "The service")->required()->check(check_service);
  command->add_flag("--json", options->json, "The manifest as a JSON object");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, session.log());
      return show_topology(*log, *options, session.out);
    };
  });
  return command;
}

CLI::App* add_diff(CLI::App& topology, Action& action) {
  auto* command = topology.add_subcommand(
      "diff", "Show what the start of a build would change, or why it would be refused");
  auto options = std::make_shared<DiffOptions>();
  command
      ->add_option("DESCRIPTION", options->description,
                   "File with what `SERVICE --describe json` prints; - is standard input")
      ->required()
      ->check(check_not_empty);
  command->add_flag("--json", options->json, "A JSON object a line, one for each change");
  command->footer("\nExample: orders --describe json | millrace topology diff -\n");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(const std::string text, read_text(options->description, session.files));
      MILLRACE_ASSIGN(log::Log * log, session.log());
      return diff_topology(*log, text, options->json, session.out);
    };
  });
  return command;
}

CLI::App* add_reset(CLI::App& topology, Action& action) {
  auto* command = topology.add_subcommand(
      "reset", "Have state rebuilt from its inputs by the next start, with no instance alive");
  auto options = std::make_shared<TopologyOptions>();
  command->add_option("SERVICE", options->service, "The service")->required()->check(check_service);
  command
      ->add_option(
          "--store", options->stores,
          "Only the part that holds this store, and those connected with it; may be repeated")
      ->type_name("NAME")
      ->check(check_not_empty);
  command->add_flag("--dry-run", options->dry_run, "Tell what would be rebuilt");
  command->add_flag("--json", options->json, "A JSON object a line, one for each part");
  command->footer("\nWhat the parts publish is published again. Nothing is deleted.\n");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, log_at_rest(session, options->service));
      if (options->dry_run) return reset_topology(*log, *options, session.out);
      MILLRACE_ASSIGN(const auto writer, session.log_of(options->service));
      return reset_topology(*writer, *options, session.out);
    };
  });
  return command;
}

CLI::App* add_accept(CLI::App& topology, Action& action) {
  auto* command = topology.add_subcommand(
      "accept", "Have state continued as it is under another version, with no instance alive");
  auto options = std::make_shared<AcceptOptions>();
  command->add_option("SERVICE", options->service, "The service")->required()->check(check_service);
  command->add_option("NAME", options->name, "The store or processor")
      ->required()
      ->check(check_not_empty);
  add_number(*command, "VERSION", "The version that the build gives it",
             {1, std::int64_t{1} << 53U},
             [options](std::int64_t version) { options->version = version; })
      ->required();
  command->add_flag("--dry-run", options->dry_run, "Tell what would be accepted");
  command->add_flag("--json", options->json, "A JSON object");
  command->footer("\nExample: millrace topology accept insights revenue 2\n");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, log_at_rest(session, options->service));
      if (options->dry_run) return accept_topology(*log, *options, session.out);
      MILLRACE_ASSIGN(const auto writer, session.log_of(options->service));
      return accept_topology(*writer, *options, session.out);
    };
  });
  return command;
}

}  // namespace

Status show_topology(log::Log& log, const TopologyOptions& options, Output& out) {
  MILLRACE_ASSIGN(const auto manifest, stream::read_manifest(log, options.service));
  if (!manifest)
    return fail(errc::not_found, "the log has no topology of a service " +
                                     escaped(options.service) +
                                     ": check the name, or start the service once");
  if (options.json) {
    out.json(stream::to_json(*manifest));
  } else {
    print(options.service, *manifest, out);
  }
  return {};
}

Status diff_topology(log::Log& log, const std::string& description, bool json, Output& out) {
  MILLRACE_ASSIGN(const stream::TopologyDiff diff, stream::diff_topology(log, description));
  std::vector<std::string> changes = diff.accepted;
  if (diff.first) changes.emplace_back("the log has no topology of it: all of it is new");
  for (const std::string& change : changes) {
    if (!json) {
      out.line(escaped(change));
      continue;
    }
    std::string line;
    JsonWriter writer(line);
    out.json(writer.begin_object()
                 .field("service", diff.service)
                 .field("change", change)
                 .end_object()
                 .take());
  }
  if (json) return {};
  out.line(changes.empty() ? "(service " + escaped(diff.service) + " starts without a change)"
                           : "(accepted by the next start of " + escaped(diff.service) +
                                 "; nothing was changed)");
  return {};
}

Status reset_topology(log::Log& log, const TopologyOptions& options, Output& out) {
  MILLRACE_ASSIGN(const stream::TopologyReset reset,
                  stream::reset_topology(log, options.service, options.stores, options.dry_run));
  if (options.json) {
    print_json(reset, options, out);
    return {};
  }
  Table parts({"PART", "READS AGAIN", "STORES"});
  for (const Manifest::Part& part : reset.parts)
    parts.add({escaped(part.name), listed(part.sources), listed(stores_of(part))});
  parts.print(out);
  if (const auto others = other_parts(reset, options); !others.empty())
    out.line("rebuilt because topics connect them with " + listed(options.stores) + ": " +
             listed(others));
  for (const std::string& removed : reset.removed)
    out.line("what came before is missing after the rebuild: " + escaped(removed));
  out.line(options.dry_run ? "(would be rebuilt by the next start of " + escaped(options.service) +
                                 "; nothing was changed)"
                           : "(rebuilt by the next start of " + escaped(options.service) + ")");
  return {};
}

Status accept_topology(log::Log& log, const AcceptOptions& options, Output& out) {
  MILLRACE_ASSIGN(
      const stream::AcceptedVersion accepted,
      stream::accept_version(log, options.service, options.name, options.version, options.dry_run));
  if (options.json) {
    std::string line;
    JsonWriter json(line);
    json.begin_object().field("name", options.name).field("part", accepted.part);
    json.field("before", accepted.before).field("version", options.version);
    out.json(json.field("done", !options.dry_run).end_object().take());
    return {};
  }
  out.line(escaped(options.name) + " of part " + escaped(accepted.part) + ": version " +
           std::to_string(accepted.before) + " is continued as version " +
           std::to_string(options.version));
  out.line(options.dry_run ? "(nothing was changed)"
                           : "(by the next start of " + escaped(options.service) + ")");
  return {};
}

CLI::App* add_topology(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("topology", "What the log has of a service's topology, and changing it");
  command->require_subcommand(1);
  add_show(*command, action);
  add_diff(*command, action);
  add_reset(*command, action);
  add_accept(*command, action);
  add_topology_migrate(*command, action);
  return command;
}

}  // namespace millrace::cli
