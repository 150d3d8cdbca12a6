// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness.hpp"
#include "process.hpp"

namespace retail_test {

/// What became of the requests: what a run and an audit both tell.
struct Outcome {
  std::int64_t invoices = 0, orders = 0, completed = 0, rejected = 0;
  std::map<std::string, std::int64_t> rejected_by;
  std::int64_t returns = 0, write_offs = 0, dead_lettered = 0, lines = 0;
  std::map<std::string, std::int64_t> revenue_milli, refunds_milli;
};
BOOST_DESCRIBE_STRUCT(Outcome, (),
                      (invoices, orders, completed, rejected, rejected_by, returns, write_offs,
                       dead_lettered, lines, revenue_milli, refunds_milli))

struct AuditFigures {
  bool ok = false;
  std::vector<std::string> violations;
};
BOOST_DESCRIBE_STRUCT(AuditFigures, (), (ok, violations))

/// What retail-audit says.
struct AuditReport : Outcome, AuditFigures {};
BOOST_DESCRIBE_STRUCT(AuditReport, (Outcome, AuditFigures), ())

struct LatencyFigures {
  double p50 = -1, p99 = -1, max = -1;
};
BOOST_DESCRIBE_STRUCT(LatencyFigures, (), (p50, p99, max))

struct ServiceFigures {
  std::int64_t instances = 0;
  std::int64_t starts = 0;
};
BOOST_DESCRIBE_STRUCT(ServiceFigures, (), (instances, starts))

/// What a finished run says of itself.
struct Summary : Outcome {
  double wall_seconds = 0, lines_per_s = 0;
  LatencyFigures order_latency_ms;
  std::int64_t kills = 0;
  std::uint64_t seed = 0;
  std::map<std::string, ServiceFigures> services;
  AuditFigures audit;
};
BOOST_DESCRIBE_STRUCT(Summary, (Outcome),
                      (wall_seconds, lines_per_s, order_latency_ms, kills, seed, services, audit))

/// The names of all services, in the order in which the supervisor starts them.
[[nodiscard]] const std::vector<std::string>& service_names();

/// Programs of a system of which some die, or stop, at a fault point when they are started for the
/// first time.
class FaultyPrograms {
 public:
  /// `directory` is new; it is filled with what retail-run expects beside itself.
  explicit FaultyPrograms(std::string directory);
  /// `fault` as MILLRACE_FAULT takes it, for the first start of the service; the next starts are
  /// sound.
  void plan(const std::string& service, const std::string& fault) const;
  [[nodiscard]] std::string run_program() const { return directory_ + "/retail-run"; }

 private:
  std::string directory_;
};

/// `retail-run --data DIRECTORY ...`, of `program` or of this build.
[[nodiscard]] Command run_command(const std::string& data, std::vector<std::string> arguments,
                                  std::string program_path = {});

/// Runs it to its end.
[[nodiscard]] Finished run_retail(const TemporaryDirectory& directory,
                                  std::vector<std::string> arguments, std::string program_path = {},
                                  std::chrono::milliseconds limit = default_timeout);

/// Starts it in `data` below the directory and does not wait for it; what it prints goes to
/// `run.txt` there.
[[nodiscard]] Process start_run(const TemporaryDirectory& directory,
                                std::vector<std::string> arguments);

/// Where a service of the run in `data` below the directory can be found; no value while it is
/// down.
struct RunFile {
  std::int64_t pid = 0;
  std::int64_t port = 0;
};
BOOST_DESCRIBE_STRUCT(RunFile, (), (pid, port))
[[nodiscard]] std::optional<RunFile> read_run_file(const TemporaryDirectory& directory,
                                                   const std::string& service);

/// So many requests of a pass were all answered, as the run in `data` below the directory says; 0
/// before it says anything.
[[nodiscard]] std::int64_t read_feed_position(const TemporaryDirectory& directory,
                                              std::int64_t pass = 1);

/// The summary that a run left in its directory.
[[nodiscard]] std::optional<Summary> read_summary(const std::string& path);

/// What the first so many invoices come to in `ample`, counted from the file with no code of the
/// system: 150, 600 or `year`.
[[nodiscard]] Outcome expected_in_ample(const std::string& invoices);

/// What retail-audit says of a directory.
struct Audited {
  Exit exit;
  std::string output;
  AuditReport report;  ///< without a report: a violation that says so
};
[[nodiscard]] Audited audit(const TemporaryDirectory& directory);
/// What it says of one pass.
[[nodiscard]] Audited audit_pass(const TemporaryDirectory& directory, std::int64_t pass);
/// The same of a log named by its URL.
[[nodiscard]] Audited audit(const TemporaryDirectory& directory, const std::string& log);

/// Succeeds when the audit holds; the failure lists what it found.
[[nodiscard]] testing::AssertionResult holds(const AuditFigures& audit);

/// Succeeds when both count the same: requests by outcome, lines, money.
[[nodiscard]] testing::AssertionResult same_outcome(const Outcome& one, const Outcome& other);

}  // namespace retail_test
