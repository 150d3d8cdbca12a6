// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "names.hpp"
#include "settings_json.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr const char* about_settings =
    "\nSettings, as on Kafka: cleanup.policy (keep, delete, compact, or compact,delete), "
    "retention.ms, retention.bytes,\nmin.compaction.lag.ms, delete.retention.ms, segment.bytes. "
    "The embedded log counts retention.ms from the time of\nthe append; Kafka deletes by the time "
    "of the record, which may be years ago. Limits need a policy with delete.\n";

constexpr const char* about_partitions =
    "\nPartitions are added where no record has a key, as far as the first records of each "
    "partition show: later\nrecords of a key would be in another partition than earlier ones. "
    "Stop the services that use the topic before.\n";

constexpr std::array<std::pair<const char*, log::TopicKind>, 3> kinds{{
    {"events", log::TopicKind::events},
    {"commands", log::TopicKind::commands},
    {"private", log::TopicKind::private_topic},
}};

std::string why_not(const std::string& value, const Result<log::SettingChange>& change) {
  return change ? std::string() : "'" + escaped(value) + "': " + escaped(change.error().message());
}

std::string check_setting(const std::string& value) {
  return why_not(value, log::parse_setting_change(value));
}

std::string check_setting_name(const std::string& value) {
  return why_not(value, log::default_setting(value));
}

// A handle that may create and change the topics of all services.
Result<std::unique_ptr<log::Log>> writing(Session& session) {
  return session.log_of(std::string(log::any_service));
}

void print_settings(const log::Topic& topic, const log::TopicSettings& settings, bool json,
                    Output& out) {
  if (json) {
    std::string line;
    JsonWriter writer(line);
    writer.begin_object()
        .field("name", topic.spec.name)
        .field("kind", log::to_string(topic.spec.kind))
        .field("owner", topic.spec.owner)
        .field("partitions", topic.spec.partitions);
    settings_json(writer.key("settings"), settings);
    out.json(writer.end_object().take());
    return;
  }
  Table table({"SETTING", "VALUE", ""});
  for (const log::NamedSetting& setting : log::named_settings(settings))
    table.add({std::string(setting.name), setting.value, setting.is_default ? "(default)" : ""});
  table.print(out);
}

// The option --set; `options` has the changes.
template <class Options>
void add_set(CLI::App& command, const std::shared_ptr<Options>& options) {
  command
      .add_option_function<std::vector<std::string>>(
          "--set",
          [options](const std::vector<std::string>& texts) {
            for (const std::string& text : texts)
              options->changes.push_back(log::parse_setting_change(text).value());
          },
          "A setting; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check(check_setting);
}

void add_create(CLI::App& topics, Action& action) {
  auto* command = topics.add_subcommand("create", "Create a topic for a service");
  auto options = std::make_shared<CreateTopicOptions>();
  command->add_option("NAME", options->spec.name, "The topic")->required()->check(check_topic);
  add_number(*command, "-p,--partitions", "How many partitions it has", {1, log::max_partitions},
             [options](std::int64_t count) {
               options->spec.partitions = static_cast<std::int32_t>(count);
             })
      ->required();
  command
      ->add_option_function<std::string>(
          "--kind",
          [options](const std::string& name) {
            for (const auto& [text, kind] : kinds) {
              if (name == text) options->spec.kind = kind;
            }
          },
          "Who writes and who reads it: events, commands or private")
      ->type_name("KIND")
      ->required()
      ->check(CLI::IsMember({"events", "commands", "private"}));
  command->add_option("--owner", options->spec.owner, "The service that owns it")
      ->type_name("SERVICE")
      ->required()
      ->check(check_service);
  add_set(*command, options);
  command->add_flag("--json", options->json, "A JSON object");
  command->footer(about_settings);
  command->callback([options, &action] {
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(const auto log, writing(session));
      return create_topic(*log, *options, session.out);
    };
  });
}

void add_alter(CLI::App& topics, Action& action) {
  auto* command =
      topics.add_subcommand("alter", "Change settings of a topic, or give it more partitions");
  auto options = std::make_shared<AlterTopicOptions>();
  command->add_option("TOPIC", options->topic, "The topic")->required()->check(check_topic);
  add_set(*command, options);
  command
      ->add_option_function<std::vector<std::string>>(
          "--unset",
          [options](const std::vector<std::string>& names) {
            for (const std::string& name : names)
              options->changes.push_back(log::default_setting(name).value());
          },
          "A setting that gets its default; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->check(check_setting_name);
  add_number(*command, "-p,--partitions", "How many partitions it has afterwards; never fewer",
             {1, log::max_partitions}, [options](std::int64_t count) {
               options->partitions = static_cast<std::int32_t>(count);
             });
  command->add_flag("--force", options->force, "Add partitions also when records have keys");
  command->add_flag("--in-use", options->in_use,
                    "Add partitions also while services use the topic");
  command->add_flag("--json", options->json, "A JSON object");
  command->footer(std::string(about_settings) + about_partitions);
  command->callback([options, &action] {
    if (options->changes.empty() && options->partitions == 0)
      throw CLI::ValidationError("alter", "needs --set NAME=VALUE, --unset NAME or --partitions N");
    if ((options->force || options->in_use) && options->partitions == 0)
      throw CLI::ValidationError("alter", "--force and --in-use go with --partitions N");
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(const auto log, writing(session));
      const TopicNotInUse not_in_use = [&](const log::Topic& topic) {
        return check_topic_not_in_use(session, *log, topic, "--in-use");
      };
      return alter_topic(*log, *options, not_in_use, session.out);
    };
  });
}

// What is not as asked, as `retention.ms is 1000 and not -1`. A cluster has defaults of its own for
// what nobody named, and the embedded log has some for commands.
std::string differences(log::TopicKind kind, const log::TopicSettings& now,
                        const log::TopicSettings& asked,
                        const std::vector<log::SettingChange>& changes) {
  std::string text;
  const auto is = log::named_settings(now);
  const auto wanted = log::named_settings(asked);
  for (std::size_t i = 0; i < is.size(); ++i) {
    const bool named = std::any_of(changes.begin(), changes.end(),
                                   [&](const auto& change) { return change.name == is[i].name; });
    const bool of_log = is[i].name == "segment.bytes" || is[i].name == "min.compaction.lag.ms" ||
                        kind == log::TopicKind::commands;
    if (is[i].value == wanted[i].value || (of_log && !named)) continue;
    text.append(text.empty() ? "" : ", ").append(is[i].name).append(" is ").append(is[i].value);
    text.append(" and not ").append(wanted[i].value);
  }
  return text;
}

bool names_policy(const std::vector<log::SettingChange>& changes) {
  return std::any_of(changes.begin(), changes.end(),
                     [](const auto& change) { return change.name == "cleanup.policy"; });
}

// From the limits that a log has for commands to none.
std::vector<log::SettingChange> keeping() {
  return {{"cleanup.policy", "keep"}, {"retention.ms", {}}, {"retention.bytes", {}}};
}

}  // namespace

Status create_topic(log::Log& log, const CreateTopicOptions& options, Output& out) {
  MILLRACE_ASSIGN(const log::TopicSettings settings, log::with_changes({}, options.changes));
  const Result<log::Topic> found = log.find_topic(options.spec.name);
  if (!found && !found.error().is(log::errc::unknown_topic)) return fail(found.error());
  MILLRACE_ASSIGN(const log::Topic topic, log.create_topic(options.spec, settings));
  MILLRACE_ASSIGN(log::TopicSettings now, log.topic_settings(topic.id));
  if (!found && names_policy(options.changes) && now.deletes && !settings.deletes) {
    MILLRACE_ASSIGN(now, log.alter_topic(topic.id, keeping()));
  }
  MILLRACE_TRY(log.wait_durable(log.committed()));
  const std::string others = differences(topic.spec.kind, now, settings, options.changes);
  if (!others.empty()) {
    return fail(log::errc::topic_mismatch, "topic '" + escaped(topic.spec.name) +
                                               "' exists with other settings (" + others +
                                               "): change them by `millrace topics alter`");
  }
  print_settings(topic, now, options.json, out);
  if (!options.json) out.line(found ? "(it was there already, with these settings)" : "(created)");
  return {};
}

Status alter_topic(log::Log& log, const AlterTopicOptions& options, const TopicNotInUse& not_in_use,
                   Output& out) {
  MILLRACE_ASSIGN(const log::Topic before, find_topic(log, options.topic));
  const bool adds = options.partitions > 0;
  const bool sets = !options.changes.empty();
  MILLRACE_ASSIGN(log::TopicSettings settings, log.topic_settings(before.id));
  if (sets)
    MILLRACE_TRY(
        log::check_alter_topic(before.spec, settings, options.changes, log.options().service));
  log::Topic now = before;
  if (adds) {
    MILLRACE_TRY(check_more_partitions(log, before, options, not_in_use));
    MILLRACE_ASSIGN(now, log.add_partitions(before.id, options.partitions));
  }
  // Last, because they may begin to remove records.
  if (sets) {
    MILLRACE_ASSIGN(settings, log.alter_topic(before.id, options.changes));
  }
  MILLRACE_TRY(log.wait_durable(log.committed()));
  if (sets || options.json) print_settings(now, settings, options.json, out);
  if (!adds || options.json) return {};
  return print_more_partitions(log, before, now, out);
}

void add_topic_changes(CLI::App& topics, Action& action) {
  add_create(topics, action);
  add_alter(topics, action);
}

}  // namespace millrace::cli
