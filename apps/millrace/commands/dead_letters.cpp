// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "dead_letters.hpp"

#include <CLI/CLI.hpp>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "json.hpp"
#include "millrace/base/time_text.hpp"
#include "names.hpp"
#include "table.hpp"

namespace millrace::cli {

namespace {

struct Options {
  std::string service;
  std::vector<std::string> letters;
  std::optional<std::string> value;
  std::string value_file;
  bool all = false;
  bool again = false;
  bool dry_run = false;
  bool json = false;
};

Status list_topic(log::Log& log, const log::Topic& topic, bool json, Table& table, Output& out) {
  MILLRACE_ASSIGN(const Replays replays, find_replays(log, service_of(topic.spec.name)));
  return for_each_dead_letter(log, topic, [&](const FoundRecord& found) {
    const log::RecordView& record = found.record;
    if (json) {
      std::string line;
      append_record_json(line, found, false);
      out.json(line);
      return;
    }
    const DeadLetterHeaders why = read_dead_letter(record.headers);
    table.add({service_of(topic.spec.name),
               std::to_string(found.partition.value) + ":" + std::to_string(record.offset.value),
               format_time(record.timestamp_ms), key_text(record),
               escaped(read_envelope(record.headers).type), why.origin(), escaped(why.attempts),
               replay_of(found, replays) != nullptr ? "yes" : "no", escaped(why.reason)});
  });
}

Status list(log::Log& log, const Options& options, Output& out) {
  std::vector<log::Topic> topics;
  if (!options.service.empty()) {
    MILLRACE_ASSIGN(log::Topic topic, dead_letters_topic(log, service_of(options.service)));
    topics.push_back(std::move(topic));
  } else {
    MILLRACE_ASSIGN(const auto all, sorted_topics(log, false));
    for (const log::Topic& topic : all) {
      if (stream::is_dead_letters(topic.spec.name)) topics.push_back(topic);
    }
  }
  Table table(
      {"SERVICE", "LETTER", "TIME", "KEY", "TYPE", "FROM", "ATTEMPTS", "REPLAYED", "REASON"});
  for (const log::Topic& topic : topics) {
    MILLRACE_TRY(list_topic(log, topic, options.json, table, out));
  }
  if (options.json) return {};
  if (table.empty()) {
    out.line("there are no dead letters");
  } else {
    table.print(out);
  }
  return {};
}

void show_text(const FoundRecord& found, const Replays& replays, Output& out) {
  const log::RecordView& record = found.record;
  const DeadLetterHeaders why = read_dead_letter(record.headers);
  const std::string letter =
      record_name(found.topic.spec.name, found.partition.value, record.offset.value);
  const Replay* const replay = replay_of(found, replays);
  out.line("dead letter  " + letter);
  out.line("reason       " + escaped(why.reason) + " [" + escaped(why.code) + "]");
  out.line("from         " + why.origin());
  out.line("attempts     " + escaped(why.attempts) + ", last by build " + escaped(why.build));
  out.line("replayed     " + (replay == nullptr ? "no" : "as " + replay->name));
  out.line("time         " + format_time(record.timestamp_ms));
  out.line("key          " + key_text(record));
  out.line("headers");
  std::string_view cursor = record.headers.encoded();
  log::HeaderView header;
  while (log::HeadersView::next(cursor, header)) {
    std::string_view name = header.key;
    if (name.starts_with(foreign_header_prefix)) {
      name.remove_prefix(foreign_header_prefix.size());
    } else if (name.starts_with("dl-")) {
      continue;
    }
    out.line("  " + escaped(name) + ": " + (header.value ? escaped(*header.value) : "(null)"));
  }
  out.line("value");
  const auto pretty = record.value ? indented_json(*record.value) : std::nullopt;
  if (pretty) {
    out.json(*pretty);
  } else {
    out.line(value_text(found.topic, record, std::string::npos));
  }
}

Result<PartitionOffset> read_partition_offset(const std::string& text) {
  const auto found = parse_partition_offset(text);
  if (!found) return fail(errc::invalid_argument, check_partition_offset(text));
  return *found;
}

Status show(log::Log& log, const Options& options, Output& out) {
  const std::string service = service_of(options.service);
  MILLRACE_ASSIGN(const log::Topic topic, dead_letters_topic(log, service));
  MILLRACE_ASSIGN(const Replays replays, find_replays(log, service));
  for (const std::string& text : options.letters) {
    MILLRACE_ASSIGN(const PartitionOffset letter, read_partition_offset(text));
    MILLRACE_TRY(with_record(log, topic, letter, [&](const FoundRecord& found) {
      if (!options.json) return show_text(found, replays, out);
      std::string line;
      append_record_json(line, found, true);
      out.json(line);
    }));
  }
  return {};
}

Status replay(log::Log& log, const Options& options, Session& session) {
  ReplayOptions replay;
  replay.all = options.all;
  replay.again = options.again;
  replay.dry_run = options.dry_run;
  for (const std::string& text : options.letters) {
    MILLRACE_ASSIGN(const PartitionOffset letter, read_partition_offset(text));
    replay.letters.push_back(letter);
  }
  replay.value = options.value;
  if (!options.value_file.empty()) {
    MILLRACE_ASSIGN(replay.value, read_file(session.files, options.value_file));
  }
  std::size_t sent = 0;
  MILLRACE_TRY(replay_dead_letters(
      log, service_of(options.service), replay, [&](const ReplayOutcome& outcome) {
        if (!outcome.left_out.empty()) return session.out.line("left out: " + outcome.left_out);
        if (outcome.was_replayed) {
          session.out.line(outcome.dead_letter + " was replayed already as " + outcome.retry +
                           " (--again replays it once more)");
          return;
        }
        ++sent;
        session.out.line(outcome.dead_letter +
                         (options.dry_run ? " would be replayed" : " -> " + outcome.retry));
      }));
  session.out.line(counted(sent, "dead letter") + (options.dry_run ? " to replay" : " replayed"));
  return {};
}

using Work = Status (*)(log::Log&, const Options&, Session&);

void act(CLI::App* command, const std::shared_ptr<Options>& options, Action& action, Work work) {
  command->callback([options, &action, work] {
    action = [options, work](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, session.log());
      return work(*log, *options, session);
    };
  });
}

CLI::Option* add_letters(CLI::App* command, Options& options) {
  // CLI11 takes no colon in the name of a positional.
  return command
      ->add_option("LETTER", options.letters, "Dead letters PARTITION:OFFSET, as `list` shows them")
      ->check(check_partition_offset);
}

void add_replay(CLI::App& app, const std::shared_ptr<Options>& options, Action& action) {
  auto* command =
      app.add_subcommand("replay", "Send dead letters back to the service that gave them up");
  command->add_option("SERVICE", options->service, "A service or its dead-letter topic")
      ->required()
      ->check(check_service);
  auto* letters = add_letters(command, *options);
  auto* all = command->add_flag("--all", options->all, "All that were not replayed yet");
  command->add_flag("--again", options->again, "Also what was replayed already");
  command->add_flag("--dry-run", options->dry_run, "Tell what would be replayed");
  // Not bound to the optional: CLI11 would take a value of no characters for no value.
  auto* value = command->add_option_function<std::string>(
      "--value", [options](const std::string& text) { options->value = text; },
      "Replay this value instead of the original");
  command->add_option("--value-file", options->value_file, "The same, from a file")
      ->type_name("FILE")
      ->check(check_not_empty)
      ->excludes(value);
  all->excludes(letters);
  // CLI11 knows no "one of these is required" that also takes a positional.
  command->parse_complete_callback([options] {
    if (!options->all && options->letters.empty()) {
      throw CLI::ValidationError("LETTER", "name one, PARTITION:OFFSET, or give --all");
    }
    const bool other_value = options->value || !options->value_file.empty();
    if (other_value && (options->all || options->letters.size() != 1)) {
      throw CLI::ValidationError("--value",
                                 "another value is for one dead letter: name one LETTER");
    }
  });
  act(command, options, action, [](log::Log& log, const Options& given, Session& session) {
    return replay(log, given, session);
  });
}

}  // namespace

CLI::App* add_dead_letters(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("dead-letters", "List, show and replay dead letters");
  command->require_subcommand(1);
  auto options = std::make_shared<Options>();

  auto* listing = command->add_subcommand("list", "List them with place and reason");
  listing
      ->add_option("SERVICE", options->service, "A service or its dead-letter topic; default: all")
      ->check(check_service);
  listing->add_flag("--json", options->json, "A JSON object a line");
  act(listing, options, action, [](log::Log& log, const Options& given, Session& session) {
    return list(log, given, session.out);
  });

  auto* showing = command->add_subcommand("show", "Show all there is to know about some");
  showing->add_option("SERVICE", options->service, "A service or its dead-letter topic")
      ->required()
      ->check(check_service);
  add_letters(showing, *options)->required();
  showing->add_flag("--json", options->json, "A JSON object a line");
  act(showing, options, action, [](log::Log& log, const Options& given, Session& session) {
    return show(log, given, session.out);
  });

  add_replay(*command, options, action);
  return command;
}

}  // namespace millrace::cli
