// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "acls.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "json.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

struct ServiceAcls {
  std::string service;  // empty: of a reader
  std::string principal;
  std::vector<Acl> acls;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ",";
    text += word;
  }
  return text;
}

void print_json(const ServiceAcls& service, Output& out) {
  for (const Acl& acl : service.acls) {
    std::string line;
    JsonWriter json(line);
    json.begin_object();
    write_text(json, "service", service.service);
    json.field("principal", service.principal)
        .field("resource", acl.resource)
        .field("pattern", acl.prefixed ? "prefixed" : "literal")
        .field("name", acl.name)
        .key("operations")
        .begin_array();
    for (const std::string& operation : acl.operations) {
      json.value(operation);
    }
    out.json(json.end_array().field("reason", acl.reason).end_object().take());
  }
}

void print_table(const ServiceAcls& service, Output& out) {
  out.line((service.service.empty() ? "reader" : "service " + escaped(service.service)) +
           ", principal " + escaped(service.principal));
  Table table({"RESOURCE", "PATTERN", "NAME", "OPERATIONS", "FOR"});
  for (const Acl& acl : service.acls) {
    table.add({acl.resource, acl.prefixed ? "prefixed" : "literal", escaped(acl.name),
               joined(acl.operations), escaped(acl.reason)});
  }
  table.print(out, "  ");
}

void print(const ServiceAcls& service, const AclsOptions& options, const KafkaAddress& cluster,
           Output& out) {
  if (options.json) return print_json(service, out);
  if (options.format == "table") return print_table(service, out);
  for (const std::string& line :
       acl_commands(service.acls, service.principal, cluster.bootstrap, options.command_config)) {
    out.line(line);
  }
}

Result<std::string> read_text(const std::string& file, FileSystem& files) {
  if (file != "-") return read_file(files, file);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

Status check_prefix(const ServiceDescription& service, const std::vector<ServiceDescription>& all) {
  const std::vector<std::string> strangers = strangers_in_prefix(service, all);
  if (strangers.empty()) return {};
  return fail(errc::invalid_argument,
              "service " + escaped(service.service) + " gets all topics that begin with '" +
                  escaped(service.service) +
                  ".', and these are of others: " + escaped(joined(strangers)) +
                  ": give them another name, or print each topic by its name with --exact");
}

}  // namespace

Status show_acls(const AclsOptions& options, const std::string& log_url, FileSystem& files,
                 Output& out) {
  const std::optional<KafkaAddress> cluster = kafka_address_of(log_url);
  if (!cluster) {
    return fail(errc::invalid_argument,
                "ACLs are a Kafka cluster's: name it with --log kafka://HOST:PORT/PREFIX");
  }
  if (options.reader == !options.descriptions.empty()) {
    return fail(errc::invalid_argument,
                "name files with what `SERVICE --describe json` prints (- for standard input), or "
                "give --reader");
  }
  if (options.reader) {
    const std::string& named = options.principal;
    print({"", named.empty() ? "User:millrace" : named, acls_of_reader(cluster->prefix)}, options,
          *cluster, out);
    return {};
  }
  std::vector<ServiceDescription> services;
  for (const std::string& file : options.descriptions) {
    MILLRACE_ASSIGN(const std::string text, read_text(file, files));
    MILLRACE_ASSIGN(std::vector<ServiceDescription> more,
                    parse_descriptions(text, file == "-" ? "standard input" : file));
    services.insert(services.end(), more.begin(), more.end());
  }
  const bool only_one = services.size() == 1;
  const bool adds =
      !options.more_read.empty() || !options.more_written.empty() || !options.more_deleted.empty();
  if (!only_one && adds) {
    return fail(errc::invalid_argument,
                "--reads, --writes and --deletes are for one service at a time");
  }
  for (ServiceDescription& service : services) {
    service.more_read = options.more_read;
    service.more_written = options.more_written;
    service.more_deleted = options.more_deleted;
    if (!options.exact) {
      MILLRACE_TRY(check_prefix(service, services));
    }
  }
  const OwnTopics own = options.exact ? OwnTopics::exactly : OwnTopics::by_prefix;
  for (const ServiceDescription& service : services) {
    const std::string principal =
        options.principal.empty() ? "User:" + service.service : options.principal;
    if (&service != &services.front() && !options.json && options.format == "table") out.line("");
    print({service.service, principal, acls_of(service, cluster->prefix, own)}, options, *cluster,
          out);
  }
  return {};
}

CLI::App* add_acls(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("acls", "Print the ACLs that services need on a Kafka cluster");
  auto options = std::make_shared<AclsOptions>();
  command
      ->add_option("DESCRIPTION", options->descriptions,
                   "Files with what `SERVICE --describe json` prints; - is standard input")
      ->check(check_not_empty);
  command->add_option("--principal", options->principal, "Who it is (default: User:<service>)")
      ->type_name("TYPE:NAME")
      ->check(check_principal);
  command->add_option("--reads", options->more_read, "A topic that is read beyond the topology")
      ->type_name("TOPIC")
      ->check(check_topic)
      ->expected(1)
      ->take_all();
  command
      ->add_option("--writes", options->more_written, "A topic that is written beyond the topology")
      ->type_name("TOPIC")
      ->check(check_topic)
      ->expected(1)
      ->take_all();
  command->add_option("--deletes", options->more_deleted, "A topic that is deleted")
      ->type_name("TOPIC")
      ->check(check_topic)
      ->expected(1)
      ->take_all();
  command->add_flag("--reader", options->reader,
                    "Those of a person who looks: topics, tail, trace, groups");
  command->add_flag("--exact", options->exact,
                    "Name each topic, instead of granting all that begin with the service's name");
  command->add_option("--format", options->format, "How they are printed")
      ->check(CLI::IsMember({"table", "commands"}))
      ->capture_default_str();
  command
      ->add_option("--command-config", options->command_config,
                   "File that kafka-acls.sh connects with, for --format commands")
      ->type_name("FILE")
      ->check(check_not_empty);
  command->add_flag("--json", options->json, "A JSON object a line");
  command->footer(
      "\nExample: orders --describe json | millrace acls - --log kafka://broker:9092/shop\n");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      return show_acls(*options, session.log_url, session.files, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
