// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "run_pass.hpp"

#include "millrace/base/file_system.hpp"

namespace retail {

namespace {

std::string file_of(std::int64_t pass, const std::string& name, const std::string& ending) {
  return name + (pass == 1 ? "" : "-" + std::to_string(pass)) + ending;
}

}  // namespace

std::string position_file(std::int64_t pass) { return file_of(pass, "feed", ".position"); }

std::string summary_file(std::int64_t pass) { return file_of(pass, "summary", ".json"); }

millrace::Result<RunPass> find_pass(millrace::log::Log& log, const DataDirectory& directory,
                                    std::int64_t number, std::size_t invoices) {
  RunPass pass;
  pass.number = number;
  if (number > 1) {
    MILLRACE_ASSIGN(pass.begin, read_pass_end(log, number - 1));
    if (!pass.begin) {
      const std::string before = std::to_string(number - 1);
      return millrace::fail(millrace::errc::invalid_argument,
                            "pass " + before + " is not complete in " + log.identity() +
                                ": run it to its end first, or run all of them with --passes " +
                                std::to_string(number));
    }
  }
  MILLRACE_ASSIGN(pass.end, read_pass_end(log, number));
  pass.next_has_begun =
      millrace::real_file_system().exists(directory.path(position_file(number + 1)));
  if (!pass.end || static_cast<std::int64_t>(invoices) <= pass.end->requests) return pass;
  if (pass.next_has_begun) {
    return millrace::fail(
        millrace::errc::invalid_argument,
        "pass " + std::to_string(number) + " was completed with " +
            std::to_string(pass.end->requests) + " requests, this run sends " +
            std::to_string(invoices) + ", and the next pass has begun: use --limit " +
            std::to_string(pass.end->requests) + ", or --fresh to delete the run that is there");
  }
  pass.end.reset();
  return pass;
}

}  // namespace retail
