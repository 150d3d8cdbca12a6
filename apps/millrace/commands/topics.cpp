// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>

#include "commands/commands.hpp"
#include "json.hpp"
#include "names.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

// Records between the first and the last offset; fewer are there where offsets are not dense.
Result<std::int64_t> count_records(log::Log& log, const log::Topic& topic) {
  std::int64_t records = 0;
  for (std::int32_t p = 0; p < topic.spec.partitions; ++p) {
    const log::TopicPartition place{topic.id, log::partition(p)};
    MILLRACE_ASSIGN(const log::Offset start, log.start_offset(place));
    MILLRACE_ASSIGN(const log::Offset end, log.end_offset(place));
    records += end.value - start.value;
  }
  return records;
}

std::string cleanup_text(log::CleanupPolicy cleanup) {
  return cleanup == log::CleanupPolicy::compact ? "compact" : "keep";
}

void append_topic_json(std::string& out, const log::TopicSpec& spec, std::int64_t records) {
  JsonObject object(out);
  object.field("name", spec.name)
      .field("kind", log::to_string(spec.kind))
      .field("owner", spec.owner)
      .field("partitions", spec.partitions)
      .field("cleanup", cleanup_text(spec.cleanup))
      .field("records", records);
  object.end();
  out += '\n';
}

}  // namespace

Status show_topics(log::Log& log, const TopicsOptions& options, Output& out) {
  Table table({"TOPIC", "KIND", "OWNER", "PARTITIONS", "CLEANUP", "RECORDS"});
  std::size_t hidden = 0;
  for (const log::Topic& topic : sorted_topics(log, options.all)) {
    const log::TopicSpec& spec = topic.spec;
    if (is_private(topic) && !options.all) {
      ++hidden;
      continue;
    }
    if (options.names) {
      out.line(spec.name);
      continue;
    }
    MILLRACE_ASSIGN(const std::int64_t records, count_records(log, topic));
    if (options.json) {
      std::string line;
      append_topic_json(line, spec, records);
      out.write(line);
    } else {
      table.add({spec.name, log::to_string(spec.kind), spec.owner, std::to_string(spec.partitions),
                 cleanup_text(spec.cleanup), std::to_string(records)});
    }
  }
  if (options.names || options.json) return {};
  if (table.empty()) {
    out.line("there are no topics yet");
  } else {
    table.print(out);
  }
  if (hidden > 0) out.line("(" + counted(hidden, "private topic") + " left out: --all)");
  return {};
}

void add_topics(CLI::App& app, Action& action) {
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
}

}  // namespace millrace::cli
