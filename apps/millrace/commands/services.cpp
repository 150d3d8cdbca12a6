// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "millrace/base/json_writer.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/service/instances.hpp"
#include "names.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

std::string partitions_of(const service::InstanceDescriptor& descriptor) {
  std::string text;
  for (const service::PartitionsOfPart& owned : descriptor.owned) {
    text += (text.empty() ? "" : " ") + owned.part + ":";
    for (std::size_t i = 0; i < owned.partitions.size(); ++i)
      text += (i == 0 ? "" : ",") + std::to_string(owned.partitions[i]);
  }
  return text.empty() ? "-" : text;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : escaped(text); }

void print_json(const service::LiveInstance& one, Output& out) {
  std::string line;
  JsonWriter json(line);
  if (one.unreadable.empty()) {
    json.begin_object().key("instance").raw(codec::to_json(one.descriptor));
  } else {
    json.begin_object().field("service", one.descriptor.service);
    json.field("name", one.descriptor.instance).field("unreadable", one.unreadable);
  }
  out.json(json.field("age_ms", one.age_ms).end_object().take());
}

}  // namespace

Status show_services(log::Log& log, Clock& clock, const ServicesOptions& options, Output& out) {
  service::Instances instances(log, clock);
  MILLRACE_TRY(instances.read());
  const std::vector<service::LiveInstance> live = instances.live();
  std::vector<std::string> names;
  Table table({"SERVICE", "INSTANCE", "ADDRESS", "STATE", "VERSION", "PARTITIONS"});
  for (const service::LiveInstance& one : live) {
    const service::InstanceDescriptor& descriptor = one.descriptor;
    names.push_back(descriptor.service);
    if (!options.name.empty() && options.name != descriptor.service) continue;
    if (options.json) {
      print_json(one, out);
      continue;
    }
    const std::string state = descriptor.ready ? "ready" : "restoring";
    table.add(
        {escaped(descriptor.service), escaped(descriptor.instance), or_dash(descriptor.address),
         one.unreadable.empty() ? state : "unreadable", or_dash(descriptor.version),
         one.unreadable.empty() ? escaped(partitions_of(descriptor)) : escaped(one.unreadable)});
  }
  const bool found = options.name.empty()
                         ? !live.empty()
                         : std::find(names.begin(), names.end(), options.name) != names.end();
  if (!found && !options.name.empty())
    return fail(errc::not_found, unknown_name("running service", options.name, names));
  if (options.json) return {};
  if (!found) {
    out.line("no instance of a service runs");
    return {};
  }
  table.print(out);
  return {};
}

CLI::App* add_services(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "services", "Show the instances that run: where they are, and what they have");
  auto options = std::make_shared<ServicesOptions>();
  command->add_option("NAME", options->name, "Only those of this service")->check(check_service);
  command->add_flag("--json", options->json, "A JSON object a line, one for each instance");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, session.log());
      return show_services(*log, real_clock(), *options, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
