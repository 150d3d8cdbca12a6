// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <span>

#include "commands/commands.hpp"
#include "json.hpp"
#include "millrace/log/errors.hpp"
#include "names.hpp"
#include "settings_json.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

// Nothing: somebody deleted the topic.
using Count = std::optional<std::int64_t>;

bool is_gone(const Error& error) {
  return error.is(log::errc::unknown_topic) || error.is(log::errc::topic_replaced);
}

// Records between the first and the last offset; fewer are there where offsets are not dense.
Result<std::vector<Count>> count_records(log::Log& log, std::span<const log::Topic> topics) {
  std::vector<log::TopicPartition> partitions;
  for (const log::Topic& topic : topics) {
    for (std::int32_t p = 0; p < topic.spec.partitions; ++p)
      partitions.push_back({topic.id, log::partition(p)});
  }
  MILLRACE_ASSIGN(const std::vector<log::Offset> starts, log.start_offsets(partitions));
  MILLRACE_ASSIGN(const std::vector<log::Offset> ends, log.end_offsets(partitions));
  std::vector<Count> counts;
  std::size_t index = 0;
  for (const log::Topic& topic : topics) {
    std::int64_t records = 0;
    for (std::int32_t p = 0; p < topic.spec.partitions; ++p, ++index)
      records += ends[index].value - starts[index].value;
    counts.emplace_back(records);
  }
  return counts;
}

Result<std::vector<Count>> count_what_is_there(log::Log& log, std::span<const log::Topic> topics) {
  auto all = count_records(log, topics);
  if (all || !is_gone(all.error())) return all;
  // One that is missing fails the question for all.
  std::vector<Count> counts;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const auto one = count_records(log, topics.subspan(i, 1));
    if (!one && !is_gone(one.error())) return fail(one.error());
    counts.push_back(one ? one->front() : std::nullopt);
  }
  return counts;
}

// Nothing: as with its records, or the reader may not see them.
using ShownSettings = std::optional<log::TopicSettings>;

// One request each on Kafka.
Result<std::vector<ShownSettings>> read_settings(log::Log& log, std::span<const log::Topic> topics,
                                                 const std::vector<Count>& records) {
  std::vector<ShownSettings> all;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    all.emplace_back();
    if (!records[i]) continue;
    const auto settings = log.topic_settings(topics[i].id);
    const bool unknown =
        !settings && (is_gone(settings.error()) || settings.error().is(log::errc::not_authorized));
    if (!settings && !unknown) return fail(settings.error());
    if (settings) all.back() = *settings;
  }
  return all;
}

std::string policy_of(const ShownSettings& settings) {
  return settings ? log::named_settings(*settings).front().value : "?";
}

// Those beside the policy that are not as usual.
std::string others_of(ShownSettings settings) {
  if (!settings) return "";
  settings->compacts = settings->deletes = false;
  return log::describe_changed(*settings);
}

std::string topic_json(const log::TopicSpec& spec, Count records, const ShownSettings& settings) {
  std::string line;
  JsonWriter json(line);
  json.begin_object()
      .field("name", spec.name)
      .field("kind", log::to_string(spec.kind))
      .field("owner", spec.owner)
      .field("partitions", spec.partitions);
  if (records) {
    json.field("records", *records);
  } else {
    json.key("records").raw("null");
  }
  if (settings) {
    settings_json(json.key("settings"), *settings);
  } else {
    json.key("settings").raw("null");
  }
  return json.end_object().take();
}

// Made for each service and empty as long as all goes well.
bool is_idle(const log::TopicSpec& spec, Count records) {
  return records == 0 &&
         (spec.name.ends_with(stream::retry_suffix) || stream::is_dead_letters(spec.name));
}

void print_left_out(std::size_t hidden, std::size_t idle, Output& out) {
  if (hidden + idle == 0) return;
  std::string what;
  if (hidden > 0) what = counted(hidden, "private topic");
  if (idle > 0) {
    what += (what.empty() ? "" : " and ") + counted(idle, "empty topic") +
            " for retries and dead letters";
  }
  out.line("(" + what + " left out: --all)");
}

void print_table(const std::vector<log::Topic>& topics, const std::vector<Count>& records,
                 const std::vector<ShownSettings>& settings, const TopicsOptions& options,
                 std::size_t hidden, Output& out) {
  std::vector<std::string> headings{"TOPIC", "KIND", "OWNER", "PARTITIONS", "CLEANUP", "RECORDS"};
  const auto is_shown = [&](std::size_t i) {
    return options.all || !is_idle(topics[i].spec, records[i]);
  };
  bool has_others = false;
  for (std::size_t i = 0; i < topics.size(); ++i)
    has_others = has_others || (is_shown(i) && !others_of(settings[i]).empty());
  if (has_others) headings.emplace_back("SETTINGS");
  Table table(std::move(headings));
  std::size_t idle = 0;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const log::TopicSpec& spec = topics[i].spec;
    if (!is_shown(i)) {
      ++idle;
      continue;
    }
    std::vector<std::string> cells{spec.name,
                                   log::to_string(spec.kind),
                                   spec.owner,
                                   std::to_string(spec.partitions),
                                   policy_of(settings[i]),
                                   records[i] ? std::to_string(*records[i]) : "(gone)"};
    if (has_others) cells.push_back(others_of(settings[i]));
    table.add(std::move(cells));
  }
  if (topics.empty() && hidden == 0) {
    out.line("there are no topics yet");
  } else if (!table.empty()) {
    table.print(out);
  }
  print_left_out(hidden, idle, out);
}

}  // namespace

Status show_topics(log::Log& log, const TopicsOptions& options, Output& out) {
  MILLRACE_ASSIGN(std::vector<log::Topic> shown, sorted_topics(log, options.all));
  const std::size_t all = shown.size();
  if (!options.all) std::erase_if(shown, is_private);
  if (options.names) {
    for (const log::Topic& topic : shown)
      out.line(topic.spec.name);
    return {};
  }
  MILLRACE_ASSIGN(const std::vector<Count> records, count_what_is_there(log, shown));
  MILLRACE_ASSIGN(const std::vector<ShownSettings> settings, read_settings(log, shown, records));
  if (options.json) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
      out.json(topic_json(shown[i].spec, records[i], settings[i]));
    }
    return {};
  }
  print_table(shown, records, settings, options, all - shown.size(), out);
  if (!shown.empty() && !log::has_commit_order(log))
    out.line("(RECORDS counts the transaction markers too)");
  return {};
}

CLI::App* add_topics(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("topics", "List the topics: kind, owner, size, settings");
  auto options = std::make_shared<TopicsOptions>();
  command->add_flag("-a,--all", options->all,
                    "All: private, the log's own, empty ones for retries");
  command->add_flag("--names", options->names, "Names only, one a line");
  command->add_flag("--json", options->json, "A JSON object a line");
  command->require_subcommand(0, 1);
  add_topic_changes(*command, action);
  add_topic_deletion(*command, action);
  command->callback([options, command, &action] {
    if (!command->get_subcommands().empty()) return;
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, session.log());
      return show_topics(*log, *options, session.out);
    };
  });
  return command;
}

}  // namespace millrace::cli
