// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "options.hpp"

#include <CLI/CLI.hpp>

#include "millrace/service/version.hpp"
#include "own_cluster.hpp"

namespace retail {

millrace::Result<ParsedRun> parse_run(int argc, const char* const* argv,
                                      const std::string& program_directory) {
  RunOptions run;
  run.source = program_directory + "/../../../examples/retail/data/online-retail.csv.zst";
  CLI::App app{
      "Runs the retail estate: a year of real invoices through seven services on a shared log.",
      "./run"};
  app.set_version_flag("--version", "millrace " + std::string(millrace::service::version));
  app.add_flag("--once", run.once,
               "Come to rest, print the summary and leave; exit 0 only if the audit holds");
  app.add_option("--stock", run.stock, "How shelves are filled")
      ->check(CLI::IsMember({"ample", "scarce"}))
      ->capture_default_str();
  app.add_option("--limit", run.limit, "Send only the first N invoices; 0 sends all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--data", run.data, "Directory of the run")->capture_default_str();
  app.add_flag("--fresh", run.fresh, "Forget what is in that directory");
  app.add_option("--port", run.port, "Port of the storefront; 0 takes a free one")
      ->capture_default_str();
  app.add_option(
      "--log", run.log,
      "The log, as a URL: file:DIR (default file:DATA/log), kafka://HOST:PORT,...[/PREFIX], or\n"
      "kafka://auto for a Kafka of its own, gone with the run");
  app.add_option("--durability", run.durability,
                 "When an answer may leave: sync, interval=MS or os")
      ->capture_default_str();
  app.add_option("--summary", run.summary, "Write the summary to this file as well");
  app.add_option("--chaos", run.chaos_seconds,
                 "Kill a service about every so many seconds (fractions allowed)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", run.seed, "Seed of the chaos; 0 draws one");
  CLI::Option* in_flight =
      app.add_option("--in-flight", run.in_flight, "Closed loop: requests at once")
          ->check(CLI::Range(1, 10'000))
          ->capture_default_str();
  app.add_option("--rate", run.rate, "Open loop: requests per second, answered or not")
      ->check(CLI::PositiveNumber)
      ->excludes(in_flight);
  app.add_option("--source", run.source, "The invoices, CSV packed with zstd")->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return ParsedRun{{}, app.help()};
  } catch (const CLI::CallForVersion&) {
    return ParsedRun{{}, app.version() + "\n"};
  } catch (const CLI::ParseError& error) {
    return millrace::fail(millrace::errc::invalid_argument,
                          std::string(error.what()) + "\n\n" + app.help());
  }
  if (run.fresh && !run.log.empty() && run.log != own_cluster_url &&
      run.log != "file:" + run.data + "/log") {
    return millrace::fail(
        millrace::errc::invalid_argument,
        "--fresh forgets what is in --data and cannot empty " + run.log +
            ": remove that log yourself (or choose another prefix), or leave out --log\n\n" +
            app.help());
  }
  if (run.log.empty()) run.log = "file:" + run.data + "/log";
  return ParsedRun{std::move(run), ""};
}

}  // namespace retail
