// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/connect/copy.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <limits>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "copy_progress.hpp"
#include "json.hpp"
#include "millrace/connect/errors.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::int64_t record_bytes_max = 64LL << 20U;
// A record of the map, and what encoding adds.
constexpr std::size_t transaction_extra_bytes = 4U << 20U;

std::string url_of(const std::string& given) {
  const std::string directory = log_directory(given);
  if (directory.empty()) return given;
  std::error_code failed;
  const auto absolute = std::filesystem::weakly_canonical(directory, failed);
  return "file:" + (failed ? directory : absolute.string());
}

Result<std::unique_ptr<log::Log>> open_source(const std::string& url, Session& session) {
  const std::string directory = log_directory(url);
  if (!directory.empty() && !session.files.exists(directory)) {
    return fail(errc::not_found, "no log at " + shown_url(url) + ": name the one to copy");
  }
  log::LogOptions options;
  options.member = "millrace";
  options.create = false;
  return open_without_waiting(url, session.environment(), std::move(options));
}

bool lies_in(const std::string& inner, const std::string& outer) {
  return inner.starts_with(outer.ends_with('/') ? outer : outer + "/");
}

// No log in the directory of another one.
Status check_directories(const std::string& source_url, const std::string& target_url) {
  const std::string source = log_directory(source_url);
  const std::string target = log_directory(target_url);
  if (source.empty() || target.empty()) return {};
  if (!lies_in(source, target) && !lies_in(target, source)) return {};
  return fail(errc::invalid_argument, "one of " + shown_url(source_url) + " and " +
                                          shown_url(target_url) +
                                          " lies in the other: name two directories");
}

Result<std::unique_ptr<log::Log>> open_target(const std::string& url, const CopyOptions& copy,
                                              Session& session) {
  log::LogOptions options;
  options.service = log::any_service;
  options.member = "millrace-copy";
  options.create = !copy.dry_run && !copy.only_verify;
  options.max_record_bytes = copy.max_record_bytes;
  options.max_future_ms.reset();  // of records that were judged when they were appended
  options.max_transaction_bytes =
      copy.transaction_bytes + copy.max_record_bytes + transaction_extra_bytes;
  return open_without_waiting(url, session.environment(), std::move(options));
}

void print_json(const CopyOptions& options, const connect::CopySummary& summary, double seconds,
                Output& out) {
  std::string line;
  JsonWriter json(line);
  json.begin_object()
      .field("source", shown_url(options.source))
      .field("target", shown_url(options.target))
      .field("topics", summary.topics)
      .field("partitions", summary.partitions)
      .field("records", summary.records)
      .field("bytes", summary.bytes)
      .field("records_earlier", summary.earlier)
      .field("groups", summary.groups)
      .field("positions", summary.positions)
      .field("seconds", seconds)
      .field("dry_run", options.dry_run)
      .field("verified", summary.verified)
      .field("verified_records", summary.verified_records)
      .field("compacted_records", summary.compacted)
      .key("removed")
      .begin_array();
  for (const std::string& topic : summary.removed) {
    json.value(topic);
  }
  json.end_array().key("differences").begin_array();
  for (const std::string& one : summary.differences) {
    json.value(one);
  }
  out.json(json.end_array().end_object().take());
}

void print_removed(const connect::CopySummary& summary, const std::string& label, Output& out) {
  for (const std::string& topic : summary.removed)
    out.line(label + topic +
             " has lost the records that were read from it: in the copy reset its service as a "
             "whole, without --store");
}

void print_text(const CopyOptions& options, const connect::CopySummary& summary, double seconds,
                Output& out) {
  const std::string what = counted(summary.topics, "topic") + ", " +
                           counted(summary.partitions, "partition") + ", " +
                           counted(static_cast<std::size_t>(summary.records), "record");
  const std::string positions =
      counted(summary.positions, "position") + " of " + counted(summary.groups, "group");
  if (options.dry_run) {
    out.line("would copy  " + what);
    out.line("would set   " + positions);
    print_removed(summary, "warning     ", out);
    return;
  }
  if (!options.only_verify) {
    char took[64];
    std::snprintf(took, sizeof took, ", %s in %.1f s", bytes_text(summary.bytes).c_str(), seconds);
    out.line("copied    " + what + took);
    if (summary.earlier > 0) {
      out.line("earlier   " + counted(static_cast<std::size_t>(summary.earlier), "record"));
    }
    out.line("set       " + positions);
    print_removed(summary, "warning   ", out);
  }
  if (!summary.verified) return;
  out.line("compared  " + counted(static_cast<std::size_t>(summary.verified_records), "record") +
           (summary.differences.empty() ? ": the same" : ": not the same"));
  if (summary.compacted > 0) {
    out.line("compacted " + counted(static_cast<std::size_t>(summary.compacted), "record") +
             " of one side away, as later ones of their keys allow");
  }
  for (const std::string& one : summary.differences)
    out.line("differs   " + one);
}

Result<connect::CopySummary> work(log::Log& source, log::Log* target, const CopyOptions& options,
                                  Session& session) {
  connect::CopyRequest request;
  request.topics = options.topics;
  request.force = options.force;
  request.verify = !options.no_verify;
  request.transaction_bytes = options.transaction_bytes;
  CopyProgress progress(options.show_progress ? &session.notes : nullptr, session.clock);
  const connect::CopyWatch watch{session.clock, session.stop, progress};
  // Services that died must not count as working. Those that live are named by the copy.
  for (log::Log* const log : {options.force ? nullptr : &source, target}) {
    if (log == nullptr || options.only_verify) continue;
    const Status gone = session.await_empty_groups(*log, connect::is_live);
    if (!gone && !gone.error().is(errc::busy)) return fail(gone.error());
  }
  if (options.dry_run) return connect::plan_copy(source, target, request);
  if (options.only_verify) return connect::compare_copy(source, *target, request, watch);
  return connect::copy_log(source, *target, request, watch);
}

}  // namespace

Status copy(const CopyOptions& options, Session& session) {
  const std::string source_url = url_of(options.source);
  const std::string target_url = url_of(options.target);
  if (source_url == target_url) {
    return fail(errc::invalid_argument,
                "source and target are the same log, " + shown_url(source_url) + ": name two");
  }
  MILLRACE_TRY(check_directories(source_url, target_url));
  const std::int64_t begun_ns = session.clock.monotonic_ns();
  auto source = open_source(source_url, session);
  if (!source) return fail(source.error().at("source"));
  auto target = open_target(target_url, options, session);
  const bool missing = !target && target.error().is(errc::not_found);
  if (!target && !(missing && options.dry_run)) return fail(target.error().at("target"));
  MILLRACE_ASSIGN(const connect::CopySummary summary,
                  work(**source, target ? target->get() : nullptr, options, session));
  const double seconds = static_cast<double>(session.clock.monotonic_ns() - begun_ns) / 1e9;
  if (options.json) {
    print_json(options, summary, seconds, session.out);
  } else {
    print_text(options, summary, seconds, session.out);
  }
  if (summary.differences.empty()) return {};
  return fail(connect::errc::differs, "the copy is not as its source in " +
                                          counted(summary.differences.size(), "place") +
                                          ", first " + summary.differences.front());
}

CLI::App* add_copy(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("copy", "Copy a log to another, with positions of groups, and compare");
  auto options = std::make_shared<CopyOptions>();
  command->add_option("SOURCE", options->source, "The log to copy, as a URL")
      ->required()
      ->check(check_log_url);
  command->add_option("TARGET", options->target, "An empty log, or a copy to continue")
      ->required()
      ->check(check_log_url);
  command
      ->add_option("--topics", options->topics, "Only topics whose names match, such as 'stock*'")
      ->type_name("GLOB")
      ->check(check_not_empty);
  auto* dry_run = command->add_flag("--dry-run", options->dry_run, "Tell what would be copied");
  auto* only = command->add_flag("--verify", options->only_verify, "Copy nothing, only compare");
  auto* none = command->add_flag("--no-verify", options->no_verify, "Do not compare afterwards");
  command->add_flag("--force", options->force, "Copy also while services run on the source");
  add_number(
      *command, "--transaction-bytes",
      "Copy about so many bytes in one transaction (default: 4 MiB)", {1, record_bytes_max},
      [options](std::int64_t n) { options->transaction_bytes = static_cast<std::size_t>(n); });
  add_number(*command, "--max-record-bytes",
             "Largest record that is copied (default: 1 MiB); topics made on Kafka take such "
             "records",
             {1, record_bytes_max}, [options](std::int64_t n) {
               options->max_record_bytes = static_cast<std::size_t>(n);
             });
  command->add_flag("--json", options->json, "A JSON object");
  dry_run->excludes(only);
  only->excludes(none);
  command->footer("\nExample: millrace copy file:data/log kafka://broker:9092\n");
  command->callback([options, &action] {
    options->show_progress = !options->json && ::isatty(::fileno(stderr)) == 1;
    action = [options](Session& session) { return copy(*options, session); };
  });
  return command;
}

}  // namespace millrace::cli
