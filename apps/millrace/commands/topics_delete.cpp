// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "json.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/tools.hpp"
#include "millrace/stream/manifest.hpp"
#include "names.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

/// Between the first and the last offset of each partition.
Result<std::int64_t> count_records(log::Log& log, const log::Topic& topic) {
  std::int64_t records = 0;
  for (std::int32_t p = 0; p < topic.spec.partitions; ++p) {
    const log::TopicPartition partition{topic.id, log::partition(p)};
    MILLRACE_ASSIGN(const log::Offset start, log.start_offset(partition));
    MILLRACE_ASSIGN(const log::Offset end, log.end_offset(partition));
    records += end.value - start.value;
  }
  return records;
}

std::string describe(const log::Topic& topic, std::int64_t records) {
  return "topic '" + escaped(topic.spec.name) + "' (" + log::to_string(topic.spec.kind) + " of '" +
         escaped(topic.spec.owner) + "', " +
         counted(static_cast<std::size_t>(topic.spec.partitions), "partition") + ", " +
         counted(static_cast<std::size_t>(records), "record") + ")";
}

void print_deletion(const log::Topic& topic, std::int64_t records,
                    const DeleteTopicOptions& options, Output& out) {
  if (!options.json) {
    out.line(describe(topic, records) + (options.dry_run ? " would be deleted" : " deleted"));
    return;
  }
  std::string line;
  JsonWriter json(line);
  out.json(json.begin_object()
               .field("name", topic.spec.name)
               .field("kind", log::to_string(topic.spec.kind))
               .field("owner", topic.spec.owner)
               .field("partitions", topic.spec.partitions)
               .field("records", records)
               .field("dry_run", options.dry_run)
               .end_object()
               .take());
}

bool is_retry(const log::TopicSpec& spec) {
  return spec.name == spec.owner + std::string(stream::retry_suffix);
}

// What a service writes for itself alone.
bool is_own(const log::TopicSpec& spec) {
  return spec.kind == log::TopicKind::private_topic || is_retry(spec);
}

// The groups of the owner's parts that read the topic; no value without a manifest.
Result<std::optional<std::set<std::string>>> reading_parts(log::Log& log, const log::Topic& topic) {
  const std::string& owner = topic.spec.owner;
  MILLRACE_ASSIGN(const auto manifest, stream::read_manifest(log, owner));
  if (!manifest) return std::nullopt;
  std::set<std::string> groups;
  for (const stream::Manifest::Part& part : manifest->parts) {
    const bool reads = is_retry(topic.spec) || std::find(part.sources.begin(), part.sources.end(),
                                                         topic.spec.name) != part.sources.end();
    if (reads && part.state == "live") groups.insert(owner + "/" + part.name);
  }
  return groups;
}

// Records that the slowest group of the owner has not read.
Result<std::int64_t> count_unread(log::Log& log, const log::Topic& topic) {
  MILLRACE_ASSIGN(const auto parts, reading_parts(log, topic));
  if (parts && parts->empty()) return 0;
  const auto may_read = [&](const std::string& group) {
    return parts ? parts->contains(group)
                 : group.starts_with(topic.spec.owner + "/") &&
                       group != topic.spec.owner + std::string(unowned_suffix);
  };
  MILLRACE_ASSIGN(const auto groups, log.groups());
  std::int64_t unread = 0;
  for (std::int32_t p = 0; p < topic.spec.partitions; ++p) {
    const log::TopicPartition partition{topic.id, log::partition(p)};
    MILLRACE_ASSIGN(const log::Offset start, log.start_offset(partition));
    MILLRACE_ASSIGN(const log::Offset end, log.end_offset(partition));
    std::optional<log::Offset> next;
    for (const log::GroupInfo& group : groups) {
      if (!may_read(group.name)) continue;
      for (const log::GroupInfo::Position& position : group.positions) {
        if (position.partition == partition)
          next = std::min(next.value_or(position.next), position.next);
      }
    }
    const log::Offset from = std::max(start, next.value_or(start));
    unread += std::max<std::int64_t>(0, end.value - from.value);
  }
  return unread;
}

// The part that wrote them has committed what they were written for, so it writes none again.
Status check_read(log::Log& log, const log::Topic& topic) {
  if (!is_own(topic.spec)) return {};
  MILLRACE_ASSIGN(const std::int64_t unread, count_unread(log, topic));
  if (unread == 0) return {};
  const std::string service = escaped(topic.spec.owner);
  return fail(errc::busy, "topic '" + escaped(topic.spec.name) + "' has " +
                              counted(static_cast<std::size_t>(unread), "record") +
                              " that service '" + service +
                              "' has not read, and nothing writes them again: run it until it is "
                              "at rest, or say --force and then `millrace topology reset " +
                              service + "`");
}

// Those who only append are members of no group.
Status check_not_written(Session& session, const log::Topic& topic, const std::string& unless) {
  const std::string directory = log_directory(session.log_url);
  if (directory.empty()) return {};
  MILLRACE_ASSIGN(const log::LogStat stat, log::stat_log(directory, session.environment()));
  const bool anybody_may = topic.spec.kind == log::TopicKind::commands;
  for (const log::MemberStat& member : stat.members) {
    const bool is_service = !member.service.empty() && member.service != log::any_service;
    if (member.service != topic.spec.owner && !(anybody_may && is_service)) continue;
    return fail(errc::busy, "topic '" + escaped(topic.spec.name) + "' is in use: member " +
                                escaped(member.name) + " of service '" + escaped(member.service) +
                                "' (process " + std::to_string(member.pid) +
                                ") has the log open, and may write to it; stop the services that "
                                "use it, or say " +
                                unless);
  }
  return {};
}

bool ask(Session& session, const std::string& question) {
  if (::isatty(::fileno(stdin)) != 1) return false;
  session.notes.write(question + " [y/N] ");
  session.notes.flush();
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

}  // namespace

Result<std::set<std::string>> readers_of(log::Log& log, const log::Topic& topic) {
  std::set<std::string> readers;
  MILLRACE_ASSIGN(const auto groups, log.groups());
  for (const log::GroupInfo& group : groups) {
    if (std::any_of(group.positions.begin(), group.positions.end(),
                    [&](const auto& one) { return one.partition.topic == topic.id; }))
      readers.insert(group.name);
  }
  MILLRACE_ASSIGN(const auto topics, log.topics());
  for (const log::Topic& one : topics) {
    if (one.spec.name != stream::manifest_topic(one.spec.owner)) continue;
    MILLRACE_ASSIGN(const auto manifest, stream::read_manifest(log, one.spec.owner));
    if (!manifest) continue;
    for (const stream::Manifest::Part& part : manifest->parts) {
      const bool reads = std::find(part.sources.begin(), part.sources.end(), topic.spec.name) !=
                         part.sources.end();
      if (reads && part.state == "live") readers.insert(one.spec.owner + "/" + part.name);
    }
  }
  return readers;
}

Status check_topic_not_in_use(Session& session, log::Log& log, const log::Topic& topic,
                              const std::string& unless) {
  MILLRACE_ASSIGN(const auto readers, readers_of(log, topic));
  const Status at_rest = session.await_empty_groups(log, [&](const log::GroupInfo& group) {
    return group.name.starts_with(topic.spec.owner + "/") || readers.contains(group.name);
  });
  if (!at_rest && at_rest.error().is(errc::busy)) {
    return fail(errc::busy, "topic '" + escaped(topic.spec.name) +
                                "' is in use: " + at_rest.error().message() +
                                "; stop the services that use it, or say " + unless);
  }
  MILLRACE_TRY(at_rest);
  return check_not_written(session, topic, unless);
}

Status delete_topic(log::Log& log, const DeleteTopicOptions& options,
                    const DeleteTopicChecks& checks, Output& out) {
  MILLRACE_ASSIGN(const log::Topic topic, find_topic(log, options.topic));
  MILLRACE_TRY(log::check_delete_topic(topic.spec, log.options().service));
  MILLRACE_ASSIGN(const std::int64_t records, count_records(log, topic));
  if (!options.force) {
    MILLRACE_TRY(checks.not_in_use(topic));
    MILLRACE_TRY(check_read(log, topic));
  }
  if (!options.dry_run) {
    if (!options.yes && !checks.confirm("Delete " + describe(topic, records) + "?"))
      return fail(errc::invalid_argument, "topic '" + escaped(topic.spec.name) +
                                              "' was not deleted, because nobody confirmed it: "
                                              "say --yes");
    MILLRACE_TRY(log.delete_topic(topic.id));
  }
  print_deletion(topic, records, options, out);
  return {};
}

void add_topic_deletion(CLI::App& topics, Action& action) {
  auto* command = topics.add_subcommand("delete", "Delete a topic with all that is in it");
  auto options = std::make_shared<DeleteTopicOptions>();
  command->add_option("TOPIC", options->topic, "The topic")->required()->check(check_topic);
  command->add_flag("-y,--yes", options->yes, "Do not ask");
  command->add_flag("--force", options->force, "Also while services use it, or have not read it");
  command->add_flag("--dry-run", options->dry_run, "Say what would be deleted, and delete nothing");
  command->add_flag("--json", options->json, "A JSON object");
  command->footer(
      "\nA topic that is created again under the name is another one. Services that used the "
      "deleted one end.\n");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(const auto log, session.log_of(std::string(log::any_service)));
      const DeleteTopicChecks checks{
          [&](const log::Topic& topic) {
            return check_topic_not_in_use(session, *log, topic, "--force");
          },
          [&](const std::string& question) { return ask(session, question); }};
      return delete_topic(*log, *options, checks, session.out);
    };
  });
}

}  // namespace millrace::cli
