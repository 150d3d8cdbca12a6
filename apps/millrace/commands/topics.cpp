// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>
#include <optional>
#include <span>

#include "commands/commands.hpp"
#include "json.hpp"
#include "millrace/log/errors.hpp"
#include "names.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

// Nothing: somebody deleted the topic in the cluster.
using Count = std::optional<std::int64_t>;

// Records between the first and the last offset; fewer are there where offsets are not dense.
Result<std::vector<Count>> count_records(log::Log& log, std::span<const log::Topic> topics) {
  std::vector<log::TopicPartition> places;
  for (const log::Topic& topic : topics) {
    for (std::int32_t p = 0; p < topic.spec.partitions; ++p)
      places.push_back({topic.id, log::partition(p)});
  }
  MILLRACE_ASSIGN(const std::vector<log::Offset> starts, log.start_offsets(places));
  MILLRACE_ASSIGN(const std::vector<log::Offset> ends, log.end_offsets(places));
  std::vector<Count> counts;
  std::size_t place = 0;
  for (const log::Topic& topic : topics) {
    std::int64_t records = 0;
    for (std::int32_t p = 0; p < topic.spec.partitions; ++p, ++place)
      records += ends[place].value - starts[place].value;
    counts.emplace_back(records);
  }
  return counts;
}

Result<std::vector<Count>> count_what_is_there(log::Log& log, std::span<const log::Topic> topics) {
  auto all = count_records(log, topics);
  if (all || !all.error().is(log::errc::unknown_topic)) return all;
  // One that is missing fails the question for all.
  std::vector<Count> counts;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const auto one = count_records(log, topics.subspan(i, 1));
    if (!one && !one.error().is(log::errc::unknown_topic)) return fail(one.error());
    counts.push_back(one ? one->front() : std::nullopt);
  }
  return counts;
}

std::string cleanup_text(log::CleanupPolicy cleanup) {
  return cleanup == log::CleanupPolicy::compact ? "compact" : "keep";
}

void append_topic_json(std::string& out, const log::TopicSpec& spec, Count records) {
  JsonObject object(out);
  object.field("name", spec.name)
      .field("kind", log::to_string(spec.kind))
      .field("owner", spec.owner)
      .field("partitions", spec.partitions)
      .field("cleanup", cleanup_text(spec.cleanup));
  if (records) {
    object.field("records", *records);
  } else {
    object.raw("records", "null");
  }
  object.end();
  out += '\n';
}

}  // namespace

Status show_topics(log::Log& log, const TopicsOptions& options, Output& out) {
  Table table({"TOPIC", "KIND", "OWNER", "PARTITIONS", "CLEANUP", "RECORDS"});
  std::vector<log::Topic> shown = sorted_topics(log, options.all);
  const std::size_t all = shown.size();
  if (!options.all) std::erase_if(shown, is_private);
  const std::size_t hidden = all - shown.size();
  std::vector<Count> records(shown.size());
  if (!options.names) {
    MILLRACE_ASSIGN(records, count_what_is_there(log, shown));
  }
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const log::TopicSpec& spec = shown[i].spec;
    if (options.names) {
      out.line(spec.name);
    } else if (options.json) {
      std::string line;
      append_topic_json(line, spec, records[i]);
      out.json(line);
    } else {
      table.add({spec.name, log::to_string(spec.kind), spec.owner, std::to_string(spec.partitions),
                 cleanup_text(spec.cleanup), records[i] ? std::to_string(*records[i]) : "(gone)"});
    }
  }
  if (options.names || options.json) return {};
  if (table.empty()) {
    out.line("there are no topics yet");
  } else {
    table.print(out);
  }
  if (!table.empty() && !has_commit_order(log))
    out.line("(RECORDS counts the marks of transactions too)");
  if (hidden > 0) out.line("(" + counted(hidden, "private topic") + " left out: --all)");
  return {};
}

CLI::App* add_topics(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("topics", "List the topics: kind, owner, size");
  auto options = std::make_shared<TopicsOptions>();
  command->add_flag("-a,--all", options->all, "Private topics and the log's own too");
  command->add_flag("--names", options->names, "Names only, one a line");
  command->add_flag("--json", options->json, "A JSON object a line");
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, session.log());
      return show_topics(*log, *options, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
