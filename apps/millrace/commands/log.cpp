// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "json.hpp"
#include "log_stat_text.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/tools.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

struct Options {
  std::string url;  // DIR or URL; empty: that of --log
  bool dry_run = false;
  bool json = false;
};

Result<std::string> directory_of(const Options& options, Session& session) {
  const std::string& url = options.url.empty() ? session.log_url : options.url;
  std::string directory = log_directory(url);
  while (directory.size() > 1 && directory.ends_with('/'))
    directory.pop_back();
  if (directory.empty()) {
    return fail(errc::invalid_argument,
                "'" + shown_url(url) + "' is no embedded log: name a directory or file:DIR");
  }
  if (!session.files.exists(directory)) {
    return fail(errc::not_found, "no log at " + escaped(directory) + ": name its directory");
  }
  return directory;
}

std::string fault_text(const log::JournalFault& fault) {
  return escaped(fault.reason) + " in " + escaped(fault.file) + " at byte " +
         std::to_string(fault.offset) + " (position " + std::to_string(fault.position) + ")";
}

void write_fault(JsonWriter& out, const std::optional<log::JournalFault>& fault) {
  if (!fault) {
    out.raw("null");
    return;
  }
  out.begin_object()
      .field("file", fault->file)
      .field("offset", fault->offset)
      .field("position", fault->position)
      .field("reason", fault->reason)
      .end_object();
}

void write_report(JsonWriter& out, const log::VerifyReport& report) {
  out.field("frames", report.frames)
      .field("batches", report.batches)
      .field("records", report.records)
      .field("bytes", report.bytes)
      .field("end", report.end)
      .field("durable", report.durable);
  out.field("settled_batches", report.settled_batches)
      .field("settled_records", report.settled_records)
      .field("settled_bytes", report.settled_bytes);
  write_fault(out.key("corrupt"), report.corrupt);
  write_fault(out.key("torn"), report.torn);
  write_text(out, "settled_corrupt", report.settled_corrupt);
  write_text(out, "failed", report.failed);
}

void print_report(const log::VerifyReport& report, Output& out) {
  out.line("good      " + counted(report.frames, "frame") + ", " + std::to_string(report.batches) +
           (report.batches == 1 ? " batch, " : " batches, ") + counted(report.records, "record") +
           ", " + counted(report.bytes, "byte"));
  out.line("end       position " + std::to_string(report.end) + ", proven durable up to " +
           std::to_string(report.durable));
  if (report.torn) {
    out.line("torn      " + fault_text(*report.torn) +
             ": the tail of a crash, which the next opening cuts, or a frame being written now");
  }
  if (report.settled_batches > 0) {
    out.line("settled   " + std::to_string(report.settled_batches) +
             (report.settled_batches == 1 ? " batch, " : " batches, ") +
             counted(report.settled_records, "record") + ", " +
             counted(report.settled_bytes, "byte"));
  }
  if (report.corrupt) out.line("CORRUPT   " + fault_text(*report.corrupt));
  if (!report.settled_corrupt.empty()) {
    out.line("CORRUPT   " + escaped(report.settled_corrupt));
  }
  if (!report.failed.empty()) out.line("FAILED    " + escaped(report.failed));
}

Status verify(const std::string& directory, const Options& options, Session& session) {
  MILLRACE_ASSIGN(const log::VerifyReport report,
                  log::verify_log(directory, session.environment()));
  if (options.json) {
    std::string line;
    JsonWriter json(line);
    json.begin_object().field(
        "ok", !report.corrupt && report.settled_corrupt.empty() && report.failed.empty());
    write_report(json, report);
    session.out.json(json.end_object().take());
  } else {
    print_report(report, session.out);
  }
  if (report.corrupt) {
    return fail(log::errc::corrupt,
                "the journal is corrupt: restore a copy, or see what `millrace log repair "
                "--dry-run` would cut");
  }
  if (!report.settled_corrupt.empty()) {
    return fail(log::errc::corrupt,
                "a settled segment is corrupt: put the named file back from a backup");
  }
  if (!report.failed.empty()) {
    return fail(log::errc::failed_sync, "the log takes no appends until `millrace log repair`");
  }
  return {};
}

Status stat(const std::string& directory, const Options& options, Session& session) {
  MILLRACE_ASSIGN(const log::LogStat stat, log::stat_log(directory, session.environment()));
  if (options.json) {
    session.out.json(stat_json(stat));
  } else {
    print_stat(stat, session.out);
  }
  return {};
}

Status repair(const std::string& directory, const Options& options, Session& session) {
  MILLRACE_ASSIGN(
      const log::RepairReport report,
      log::repair_log(directory, session.environment(), options.dry_run, real_shared_regions()));
  if (options.json) {
    std::string line;
    JsonWriter json(line);
    json.begin_object()
        .field("dry_run", options.dry_run)
        .field("changed", report.changed)
        .field("cut_from", report.cut_from)
        .field("cut_bytes", report.cut_bytes);
    write_text(json, "unlocked", report.unlocked);
    write_report(json, report.found);
    session.out.json(json.end_object().take());
    return {};
  }
  print_report(report.found, session.out);
  if (!report.unlocked.empty()) {
    session.out.line("not locked: the log may be in use, and what the disk lost may not show (" +
                     escaped(report.unlocked) + ")");
  }
  if (report.cut_bytes == 0 && report.found.failed.empty()) {
    session.out.line("nothing to repair");
    return {};
  }
  session.out.line((options.dry_run ? "would cut " : "cut ") + counted(report.cut_bytes, "byte") +
                   " from position " + std::to_string(report.cut_from) + " on");
  if (!report.found.failed.empty()) {
    session.out.line(options.dry_run ? "would take the mark of failure away"
                                     : "took the mark of failure away");
  }
  return {};
}

using Work = Status (*)(const std::string&, const Options&, Session&);

CLI::App* add(CLI::App& app, Action& action, const std::shared_ptr<Options>& options,
              const char* name, const char* help, Work work) {
  auto* command = app.add_subcommand(name, help);
  command->add_option("DIR", options->url, "Directory or URL of the log (default: --log)")
      ->check(check_log_url);
  command->add_flag("--json", options->json, "A JSON object");
  command->callback([options, &action, work] {
    action = [options, work](Session& session) -> Status {
      MILLRACE_ASSIGN(const std::string directory, directory_of(*options, session));
      return work(directory, *options, session);
    };
  });
  return command;
}

}  // namespace

CLI::App* add_log(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("log", "Check, describe and repair an embedded log");
  command->require_subcommand(1);
  auto options = std::make_shared<Options>();
  add(*command, action, options, "verify",
      "Read and check the whole journal, also while it is written; exit 1 on corruption", verify);
  add(*command, action, options, "stat", "Show sizes, members, and offsets and times of topics",
      stat);
  auto* repairing =
      add(*command, action, options, "repair",
          "Cut a failed or corrupt log after its last good frame; nobody may have it open", repair);
  repairing->add_flag("--dry-run", options->dry_run, "Tell what would be cut, change nothing");
  add_log_dump(*command, action);
  return command;
}

}  // namespace millrace::cli
