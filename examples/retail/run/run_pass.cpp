// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "run_pass.hpp"

namespace retail {

using millrace::fail;
using millrace::Result;
using millrace::errc::invalid_argument;

namespace {

std::string file_of(std::int64_t pass, const std::string& name, const std::string& ending) {
  return name + (pass == 1 ? "" : "-" + std::to_string(pass)) + ending;
}

// The ends of passes are offsets of the log in which they were written.
Result<RunPass> refuse_copy(millrace::log::Log& log, std::int64_t begun) {
  return fail(invalid_argument, "pass " + std::to_string(begun) + " has begun in the log that " +
                                    log.identity() +
                                    " is a copy of: continue with that log, or use a new one");
}

}  // namespace

std::string position_file(std::int64_t pass) { return file_of(pass, "feed", ".position"); }

std::string summary_file(std::int64_t pass) { return file_of(pass, "summary", ".json"); }

Result<RunPass> find_pass(millrace::log::Log& log, std::int64_t number, std::size_t invoices) {
  RunPass pass;
  pass.number = number;
  MILLRACE_ASSIGN(const std::int64_t begun, last_begun(log));
  pass.has_begun = begun >= number;
  pass.next_has_begun = begun > number;
  if (number > 1) {
    MILLRACE_ASSIGN(pass.begin, read_pass_end(log, number - 1));
    if (!pass.begin && pass.has_begun) return refuse_copy(log, number);
    if (!pass.begin) {
      const std::string before = std::to_string(number - 1);
      return fail(invalid_argument,
                  "pass " + before + " is not complete in " + log.identity() +
                      ": run it to its end first, or run all of them with --passes " +
                      std::to_string(number));
    }
  }
  MILLRACE_ASSIGN(pass.end, read_pass_end(log, number));
  if (!pass.end && pass.next_has_begun) return refuse_copy(log, number + 1);
  if (!pass.end || static_cast<std::int64_t>(invoices) <= pass.end->requests) return pass;
  if (pass.next_has_begun) {
    return fail(invalid_argument, "pass " + std::to_string(number) + " was completed with " +
                                      std::to_string(pass.end->requests) +
                                      " requests, this run sends " + std::to_string(invoices) +
                                      ", and the next pass has begun: use --limit " +
                                      std::to_string(pass.end->requests) +
                                      ", or --fresh to delete the run that is there");
  }
  pass.end.reset();
  return pass;
}

}  // namespace retail
