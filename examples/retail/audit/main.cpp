// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/base/random.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"
#include "millrace/service/backends.hpp"
#include "retail/audit/audit.hpp"

namespace {

struct Options {
  std::string_view log_name;
  std::int64_t pass = 0;  ///< 0: the whole log
  bool json = false;
};

constexpr const char* usage =
    "usage: retail-audit DATA|URL [--pass N] [--json]\n"
    "Checks from the topics alone that a system at rest lost nothing and doubled nothing.\n"
    "DATA is the directory of a run (its log is DATA/log), URL names a log (file:DIR).\n"
    "--pass N checks what pass N over the invoices wrote, added to what the pass before left,\n"
    "whose events may be gone. Without it the log is read from its beginning.\n"
    "Exit status: 0 the audit holds, 1 it does not, 2 it could not be made.\n";

int complain(const std::string& what) {
  std::fprintf(stderr, "retail-audit: %s\n", millrace::printable_line(what).c_str());
  return 2;
}

std::string url_of(std::string_view log_name) {
  if (log_name.find(':') != std::string_view::npos) return std::string(log_name);
  const std::string log = std::string(log_name) + "/log";
  return "file:" + (millrace::real_file_system().exists(log) ? log : std::string(log_name));
}

int refuse(const std::string& why) {
  return complain(why + "; use: retail-audit DATA|URL [--pass N] [--json]");
}

std::int64_t read_pass(std::string_view text) {
  std::int64_t pass = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pass);
  return error == std::errc() && end == text.data() + text.size() && pass > 0 ? pass : 0;
}

// The part of the log that a pass wrote; of pass 0 the whole log.
millrace::Result<retail::AuditRange> range_of(millrace::log::Log& log, std::int64_t pass) {
  retail::AuditRange range;
  if (pass == 0) return range;
  MILLRACE_ASSIGN(range.end, retail::read_pass_end(log, pass));
  if (pass > 1) {
    MILLRACE_ASSIGN(range.begin, retail::read_pass_end(log, pass - 1));
  }
  if (range.end && (range.begin || pass == 1)) return range;
  return millrace::fail(millrace::errc::not_found,
                        "pass " + std::to_string(pass) +
                            " is not complete in this log: run it to its end first (./run --pass " +
                            std::to_string(pass) + ")");
}

int run(const Options& given) {
  millrace::SeededRandom random(millrace::real_seed());
  millrace::log::LogEnvironment environment{millrace::real_clock(), millrace::real_file_system(),
                                            random, millrace::real_processes()};
  millrace::log::LogOptions options;
  options.member = "retail-audit";
  options.create = false;
  options.access = millrace::log::LogAccess::prefer_write;
  millrace::service::register_backends();
  const auto log = millrace::log::open_log(url_of(given.log_name), environment, options);
  if (!log) return complain(log.error().to_string());
  if (const auto reason = (*log)->read_only_reason()) {
    complain("reading only: " + *reason);
  }
  const auto range = range_of(**log, given.pass);
  if (!range) return complain(range.error().message());
  const auto report = retail::audit(**log, *range);
  if (!report && given.pass == 0 && report.error().is(millrace::errc::not_found)) {
    return complain(report.error().message() + "; audit a pass that is still there with --pass N");
  }
  if (!report) return complain(report.error().to_string());
  const std::string text = given.json ? retail::to_json(*report) + "\n" : retail::to_text(*report);
  std::fputs(text.c_str(), stdout);
  return report->ok ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  bool named = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(usage, stdout);
      return 0;
    }
    if (argument == "--json") {
      options.json = true;
    } else if (argument == "--pass") {
      options.pass = i + 1 < argc ? read_pass(argv[++i]) : 0;
      if (options.pass == 0) return refuse("--pass takes a whole number from 1 on");
    } else if (argument.starts_with('-') || named) {
      return refuse("unexpected '" + std::string(argument) + "'");
    } else {
      options.log_name = argument;
      named = true;
    }
  }
  if (options.log_name.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return refuse("the directory of a run is missing, or the URL of a log");
  }
  return run(options);
}
