// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "options.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <string_view>

#include "directory.hpp"
#include "millrace/service/log_settings.hpp"
#include "millrace/service/settings.hpp"
#include "own_cluster.hpp"
#include "retail/feed/pass.hpp"
#include "retail_run_help.hpp"

namespace retail {

namespace {

using Check = std::function<std::string(const std::string&)>;

constexpr std::uint64_t max_limit = 1'000'000'000;
constexpr std::uint64_t max_in_flight = 10'000;
constexpr std::uint64_t max_port = 65'535;
constexpr std::uint64_t max_storefronts = 16;
constexpr std::uint64_t max_retention_ms = 3'153'600'000'000;  // a hundred years

template <class Number>
bool reads_as(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string refusal(const std::string& text, const std::string& wanted) {
  return "'" + text + "' is not " + wanted;
}

Check whole_number(std::uint64_t min, std::uint64_t max) {
  return [min, max](const std::string& text) {
    std::uint64_t value = 0;
    if (reads_as(text, value) && value >= min && value <= max) return std::string();
    return refusal(text,
                   "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  };
}

// A number of at least `min`, given as text for the message, and of at most `max`.
Check number(double min, double max, const std::string& wanted) {
  return [min, max, wanted](const std::string& text) {
    double value = 0;
    // Not a number compares with nothing.
    if (reads_as(text, value) && value >= min && value <= max) return std::string();
    return refusal(text, wanted);
  };
}

Check one_of(std::string first, std::string second) {
  return [first = std::move(first), second = std::move(second)](const std::string& text) {
    return text == first || text == second ? std::string() : refusal(text, first + " or " + second);
  };
}

Check named(const std::string& wanted) {
  return [wanted](const std::string& text) {
    return text.find_first_not_of(" \t\r\n") == std::string::npos ? refusal(text, wanted)
                                                                  : std::string();
  };
}

std::string check_durability(const std::string& text) {
  millrace::log::LogOptions ignored;
  return millrace::service::read_durability(text, ignored)
             ? std::string()
             : refusal(text, "sync, interval=MS or os");
}

std::string check_log(const std::string& url) {
  for (const std::string_view scheme : {"file:", "kafka://"}) {
    if (url.starts_with(scheme) && url.size() > scheme.size()) return {};
  }
  return refusal(url,
                 "file:DIR, kafka://HOST:PORT,...[/PREFIX] or " + std::string(own_cluster_url));
}

void add_options(CLI::App& app, RunOptions& run) {
  app.add_flag("--once", run.once,
               "Come to rest, print the summary and leave; exit 0 only if the audit holds")
      ->disable_flag_override();
  app.add_option("--stock", run.stock, "How shelves are filled: ample or scarce")
      ->check(one_of("ample", "scarce"))
      ->capture_default_str();
  app.add_option("--limit", run.limit, "Send only the first N invoices; 0 sends all")
      ->check(whole_number(0, max_limit))
      ->capture_default_str();
  CLI::Option* pass =
      app.add_option_function<std::int64_t>(
             "--pass", [&run](std::int64_t number) { run.first_pass = run.last_pass = number; },
             "Send the invoices for the Nth time, with ids and times of its own")
          ->check(whole_number(1, last_pass_max))
          ->default_str("1");
  app.add_option("--passes", run.last_pass, "Run the passes up to the Nth, one after the other")
      ->check(whole_number(1, last_pass_max))
      ->capture_default_str()
      ->excludes(pass);
  app.add_option("--retention", run.retention_ms,
                 "Public topics keep records for MS milliseconds; those of the pass stay")
      ->check(whole_number(0, max_retention_ms));
  app.add_option("--data", run.data, "Directory of the run")
      ->check(named("the name of a directory"))
      ->capture_default_str();
  app.add_flag("--fresh", run.fresh, "Delete the run that is in that directory, and begin again")
      ->disable_flag_override();
  app.add_option("--storefronts", run.storefronts, "Instances of the storefront")
      ->check(whole_number(1, max_storefronts))
      ->capture_default_str();
  app.add_option("--port", run.port, "Port of the first storefront; 0 takes a free one")
      ->check(whole_number(0, max_port))
      ->capture_default_str();
  app.add_option(
         "--log", run.log,
         "The log, as a URL: file:DIR (default file:DATA/log), kafka://HOST:PORT,...[/PREFIX], or\n"
         "kafka://auto for a Kafka of its own, gone with the run")
      ->check(check_log);
  app.add_option("--durability", run.durability,
                 "When an answer may leave: sync, interval=MS or os")
      ->check(check_durability)
      ->capture_default_str();
  app.add_option("--summary", run.summary, "Write the summary to this file as well")
      ->check(named("the name of a file"));
  app.add_option("--chaos", run.chaos_seconds,
                 "Kill a service about every so many seconds (fractions allowed); 0 kills none")
      ->check(number(0, 86'400, "a number of seconds from 0 to 86400"));
  app.add_option("--seed", run.seed, "Seed of the chaos; 0 draws one")
      ->check(whole_number(0, std::numeric_limits<std::uint64_t>::max()));
  CLI::Option* in_flight =
      app.add_option("--in-flight", run.in_flight, "Closed loop: requests at once")
          ->check(whole_number(1, max_in_flight))
          ->capture_default_str();
  app.add_option("--rate", run.rate, "Open loop: requests per second, answered or not")
      ->check(number(0.001, 1e6, "a number of requests per second from 0.001 to 1000000"))
      ->excludes(in_flight);
  app.add_option("--source", run.source, "The invoices, CSV packed with zstd")->group("");
}

std::unexpected<millrace::Error> refuse(const std::string& what) {
  return millrace::fail(millrace::errc::invalid_argument, what);
}

// One line, whatever was wrong.
std::string describe(const CLI::ParseError& error) {
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text + "; `./run --help` lists the options";
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Without `.`, `..` and a slash at the end, so that two names of one directory are equal.
std::filesystem::path normal_path(const std::filesystem::path& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

// Whether opening the directory of the run makes the directory of the summary.
bool run_makes_directory_of_summary(const RunOptions& options) {
  const std::string directory = directory_of(options.summary);
  struct stat found{};
  if (::stat(directory.c_str(), &found) == 0 || errno != ENOENT) {
    return false;
  }
  const std::filesystem::path wanted = normal_path(directory);
  const std::filesystem::path data = normal_path(options.data);
  return wanted == data || std::any_of(directories_of_run.begin(), directories_of_run.end(),
                                       [&](const char* name) { return wanted == data / name; });
}

}  // namespace

millrace::Result<ParsedRun> parse_run(int argc, const char* const* argv,
                                      const std::string& program_directory) {
  RunOptions run;
  run.source = program_directory + "/../../../examples/retail/data/online-retail.csv.zst";
  CLI::App app{
      "Runs the retail example: a year of real invoices through seven services on a shared log.",
      "./run"};
  app.set_version_flag("--version", "millrace " + std::string(millrace::service::version));
  add_options(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return ParsedRun{{}, help_text};
  } catch (const CLI::CallForVersion&) {
    return ParsedRun{{}, app.version() + "\n"};
  } catch (const CLI::ParseError& error) {
    return refuse(describe(error));
  }
  // CLI11 does not name an option that the help does not list.
  if (const std::string wrong = named("the name of a file")(run.source); !wrong.empty()) {
    return refuse("--source: " + wrong);
  }
  if (run.fresh && !run.log.empty() && run.log != own_cluster_url &&
      run.log != "file:" + run.data + "/log") {
    return refuse("--fresh deletes what is in --data and cannot empty " + run.log +
                  ": remove that log yourself (or choose another prefix), or leave out --log");
  }
  if (run.retention_ms && run.log.starts_with("kafka:")) {
    return refuse(
        "--retention is for an embedded log: a cluster deletes by the time of the records, and the "
        "invoices are years old");
  }
  if (run.log.empty()) run.log = "file:" + run.data + "/log";
  return ParsedRun{std::move(run), ""};
}

std::vector<std::pair<std::string, std::string>> described_options() {
  RunOptions run;
  CLI::App app;
  add_options(app, run);
  std::vector<std::pair<std::string, std::string>> described;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty())
      described.emplace_back(option->get_name(), option->get_default_str());
  }
  return described;
}

millrace::Status check_files(const RunOptions& options) {
  if (::access(options.source.c_str(), R_OK) != 0) {
    return refuse("--source: " + options.source + ": " + std::strerror(errno));
  }
  if (!options.summary.empty() && run_makes_directory_of_summary(options)) {
    return {};
  }
  return check_summary(options);
}

millrace::Status check_summary(const RunOptions& options) {
  if (options.summary.empty()) {
    return {};
  }
  struct stat found{};
  if (::stat(options.summary.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) {
    return refuse("--summary: " + options.summary + " is a directory: name a file");
  }
  const std::string directory = directory_of(options.summary);
  if (::stat(directory.c_str(), &found) != 0) {
    return refuse("--summary: " + directory + ": " + std::strerror(errno) +
                  ": name a file in a directory that exists");
  }
  if (!S_ISDIR(found.st_mode)) {
    return refuse("--summary: " + directory + " is not a directory");
  }
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    return refuse("--summary: a file in " + directory +
                  " cannot be written: " + std::strerror(errno));
  }
  return {};
}

}  // namespace retail
