// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"

namespace retail {

/// What `./run` is asked to do.
struct RunOptions {
  bool once = false;             ///< come to rest, print the summary, leave
  std::string stock = "scarce";  ///< ample or scarce
  std::int64_t limit = 0;        ///< invoices to send; 0: all
  std::string data = "./data";   ///< everything of a run lives here
  bool fresh = false;            ///< delete the run that is there
  std::int64_t first_pass = 1;   ///< over the invoices
  std::int64_t last_pass = 1;
  std::optional<std::int64_t> retention_ms = {};  ///< of public topics; no value: as it is
  std::int64_t storefronts = 1;                   ///< instances of the storefront
  std::uint16_t port = 0;                         ///< of the first of them; 0: a free one
  std::string log;                                ///< URL; default file:DATA/log
  std::string summary;                            ///< another file for the summary
  double chaos_seconds = 0;                       ///< kill a service about so often; 0: never
  std::uint64_t seed = 0;                         ///< of the chaos; 0: from the system
  std::int64_t in_flight = 64;                    ///< closed loop: requests at once
  double rate = 0;  ///< open loop: requests per second; 0: closed loop
  std::string durability = "sync";
  std::string source;  ///< the invoices
};

/// Options, or what to print and exit 0 for (help, version).
struct ParsedRun {
  RunOptions options;
  std::string print_and_exit;
};

/// Reads the command line. errc::invalid_argument: print the message, one line that names the
/// option and what it takes, and exit 2.
/// `program_directory` is where the executables are.
[[nodiscard]] millrace::Result<ParsedRun> parse_run(int argc, const char* const* argv,
                                                    const std::string& program_directory);

/// Each option that the help names, with its default; empty where there is none.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> described_options();

/// Whether the files that the options name can be read and written, so that a run does not find out
/// at its end. A summary may go to a directory that DataDirectory::open() is to make: call
/// check_summary() after it. errc::invalid_argument as above.
[[nodiscard]] millrace::Status check_files(const RunOptions& options);

/// Whether the summary can be written. errc::invalid_argument as above.
[[nodiscard]] millrace::Status check_summary(const RunOptions& options);

}  // namespace retail
