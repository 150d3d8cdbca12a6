// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "run.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <millrace_test_paths.hpp>
#include <stdexcept>
#include <utility>

#include "millrace/codec/describe.hpp"

namespace retail_test {

namespace {

void link_or_copy(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::create_hard_link(from, to, error);
  if (error) std::filesystem::copy_file(from, to);
}

void make_script(const std::string& path, const std::string& text) {
  write_text(path, text);
  ::chmod(path.c_str(), 0755);
}

struct FeedPosition {
  std::int64_t answered = 0;
};
BOOST_DESCRIBE_STRUCT(FeedPosition, (), (answered))

std::string invoices_file() {
  return std::string(millrace::test::source_dir) + "/examples/retail/data/online-retail.csv.zst";
}

Audited run_audit_with(const TemporaryDirectory& directory, std::vector<std::string> arguments) {
  Command command{{program("retail-audit"), "--json"}};
  command.words.insert(command.words.end(), arguments.begin(), arguments.end());
  const Finished finished = run_program(command, directory.path());
  Audited audited{finished.exit, finished.output, {}};
  auto report = millrace::codec::from_json<AuditReport>(finished.output);
  if (report) {
    audited.report = *std::move(report);
  } else {
    audited.report.violations.push_back("no report: " + report.error().message() + ": " +
                                        finished.output);
  }
  return audited;
}

}  // namespace

const std::vector<std::string>& service_names() {
  static const std::vector<std::string> names{"orders",  "stock",      "payments", "shipments",
                                              "pricing", "storefront", "insights"};
  return names;
}

FaultyPrograms::FaultyPrograms(std::string directory) : directory_(std::move(directory)) {
  std::filesystem::create_directories(directory_);
  link_or_copy(program("retail-run"), run_program());
  for (const std::string& service : service_names()) {
    const std::string name = "/retail-" + service;
    make_script(directory_ + name,
                "#!/bin/sh\nexec '" + program("retail-" + service) + "' \"$@\"\n");
  }
}

void FaultyPrograms::plan(const std::string& service, const std::string& fault) const {
  const std::string path = directory_ + "/retail-" + service;
  make_script(path, "#!/bin/sh\nif mkdir '" + path +
                        ".started' 2>/dev/null; then MILLRACE_FAULT='" + fault +
                        "'; export MILLRACE_FAULT; fi\nexec '" + program("retail-" + service) +
                        "' \"$@\"\n");
}

Command run_command(const std::string& data, std::vector<std::string> arguments,
                    std::string program_path) {
  Command command;
  command.words = {program_path.empty() ? program("retail-run") : std::move(program_path), "--data",
                   data};
  if (std::find(arguments.begin(), arguments.end(), "--source") == arguments.end()) {
    command.words.insert(command.words.end(), {"--source", invoices_file()});
  }
  command.words.insert(command.words.end(), arguments.begin(), arguments.end());
  return command;
}

Finished run_retail(const TemporaryDirectory& directory, std::vector<std::string> arguments,
                    std::string program_path, std::chrono::milliseconds limit) {
  return run_program(
      run_command(directory.file("data"), std::move(arguments), std::move(program_path)),
      directory.path(), limit);
}

Process start_run(const TemporaryDirectory& directory, std::vector<std::string> arguments) {
  Command command = run_command(directory.file("data"), std::move(arguments));
  command.output = directory.file("run.txt");
  return Process(command);
}

std::optional<RunFile> read_run_file(const TemporaryDirectory& directory,
                                     const std::string& service) {
  auto file = millrace::codec::from_json<RunFile>(
      read_text(directory.file("data/run/" + service + ".json")));
  if (!file) return std::nullopt;
  return *file;
}

std::int64_t read_feed_position(const TemporaryDirectory& directory, std::int64_t pass) {
  const std::string name = pass == 1 ? "feed" : "feed-" + std::to_string(pass);
  const auto position = millrace::codec::from_json<FeedPosition>(
      read_text(directory.file("data/" + name + ".position")));
  return position ? position->answered : 0;
}

std::optional<Summary> read_summary(const std::string& path) {
  auto summary = millrace::codec::from_json<Summary>(read_text(path));
  if (!summary) return std::nullopt;
  return *std::move(summary);
}

Outcome expected_in_ample(const std::string& invoices) {
  const std::string path =
      std::string(millrace::test::source_dir) + "/tests/retail/ample_" + invoices + ".json";
  auto expected = millrace::codec::from_json<Outcome>(read_text(path));
  if (!expected) throw std::runtime_error(path + ": " + expected.error().message());
  return *std::move(expected);
}

Audited audit(const TemporaryDirectory& directory) {
  return audit(directory, directory.file("data"));
}

Audited audit(const TemporaryDirectory& directory, const std::string& log) {
  return run_audit_with(directory, {log});
}

Audited audit_pass(const TemporaryDirectory& directory, std::int64_t pass) {
  return run_audit_with(directory, {directory.file("data"), "--pass", std::to_string(pass)});
}

testing::AssertionResult holds(const AuditFigures& audit) {
  if (audit.ok) return testing::AssertionSuccess();
  auto failure = testing::AssertionFailure() << "the audit found:";
  for (const std::string& violation : audit.violations)
    failure << "\n  " << violation;
  return failure;
}

testing::AssertionResult same_outcome(const Outcome& one, const Outcome& other) {
  const std::string first = millrace::codec::to_json(one), second = millrace::codec::to_json(other);
  if (first == second) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "the outcomes differ:\n  " << first << "\n  " << second;
}

}  // namespace retail_test
