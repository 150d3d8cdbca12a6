// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstdio>
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

constexpr const char* usage =
    "usage: retail-audit DATA|URL [--json]\n"
    "Checks from the topics alone that a system at rest lost nothing and doubled nothing.\n"
    "DATA is the directory of a run (its log is DATA/log), URL names a log (file:DIR).\n"
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
  return complain(why + "; use: retail-audit DATA|URL [--json]");
}

int run(std::string_view log_name, bool json) {
  millrace::SeededRandom random(millrace::real_seed());
  millrace::log::LogEnvironment environment{millrace::real_clock(), millrace::real_file_system(),
                                            random, millrace::real_processes()};
  millrace::log::LogOptions options;
  options.member = "retail-audit";
  options.create = false;
  options.access = millrace::log::LogAccess::prefer_write;
  millrace::service::register_backends();
  const auto log = millrace::log::open_log(url_of(log_name), environment, options);
  if (!log) return complain(log.error().to_string());
  if (const auto reason = (*log)->read_only_reason()) {
    complain("reading only: " + *reason);
  }
  const auto report = retail::audit(**log);
  if (!report) return complain(report.error().to_string());
  const std::string text = json ? retail::to_json(*report) + "\n" : retail::to_text(*report);
  std::fputs(text.c_str(), stdout);
  return report->ok ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string_view log_name;
  bool named = false;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(usage, stdout);
      return 0;
    }
    if (argument == "--json") {
      json = true;
    } else if (argument.starts_with('-') || named) {
      return refuse("unexpected '" + std::string(argument) + "'");
    } else {
      log_name = argument;
      named = true;
    }
  }
  if (log_name.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return refuse("the directory of a run is missing, or the URL of a log");
  }
  return run(log_name, json);
}
