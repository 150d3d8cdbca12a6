// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include "directory.hpp"
#include "estate.hpp"
#include "millrace/base/file_system.hpp"
#include "options.hpp"
#include "summary.hpp"

namespace retail {
namespace {

std::string program_directory() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string program(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return program.substr(0, program.rfind('/'));
}

int complain(const millrace::Error& error, int code) {
  std::fprintf(stderr, "./run: %s\n", error.message().c_str());
  return code;
}

int conclude(const RunOptions& options, const EstateDirectory& directory, const Summary& summary) {
  millrace::FileSystem& files = millrace::real_file_system();
  const std::string json = to_json(summary);
  for (const std::string& path : {directory.path("summary.json"), options.summary}) {
    if (path.empty()) continue;
    if (const auto written = millrace::write_file_atomically(files, path, json); !written)
      return complain(written.error(), 1);
  }
  std::fputs(to_text(summary).c_str(), stdout);
  return summary.audit.ok ? 0 : 1;
}

// Answers the exit code: that of the finished run, or 1 when the estate cannot stay up.
int stay_up(Estate& estate, int code) {
  std::printf("\nThe year is over and the estate stays up: %s\nCtrl-C drains it.\n",
              estate.storefront_url().c_str());
  std::fflush(stdout);
  const auto stayed = estate.stay_up();
  estate.stop();
  return stayed ? code : complain(stayed.error(), 1);
}

int run_through(const RunOptions& options, const EstateDirectory& directory, Estate& estate) {
  const auto rested = estate.run_to_rest();
  if (!rested) return complain(rested.error(), 1);
  if (!*rested) {
    std::printf("draining; run again with --data %s to go on\n", options.data.c_str());
    estate.stop();
    return options.once ? 1 : 0;
  }
  if (options.once) estate.stop();
  const auto summary = estate.sum_up();
  if (!summary) return complain(summary.error(), 1);
  const int code = conclude(options, directory, *summary);
  return options.once ? code : stay_up(estate, code);
}

// Shows what a finished run left behind, and with it the exit code it had.
millrace::Result<int> show_finished(const RunOptions& options, const FinishedRun& finished) {
  std::printf("%s holds a finished run:\n%s", options.data.c_str(), finished.text.c_str());
  if (!options.summary.empty()) {
    MILLRACE_TRY(millrace::write_file_atomically(millrace::real_file_system(), options.summary,
                                                 finished.text));
  }
  return finished.audit_ok ? 0 : 1;
}

int run(const RunOptions& options) {
  auto directory = EstateDirectory::open(options);
  if (!directory)
    return complain(directory.error(),
                    directory.error().is(millrace::errc::invalid_argument) ? 2 : 1);
  auto invoices = read_invoices(millrace::real_file_system(), options.source,
                                static_cast<std::size_t>(options.limit));
  if (!invoices) return complain(invoices.error(), 1);
  const auto finished = finished_summary(directory->path("summary.json"), invoices->size());
  int code = 0;
  if (finished) {
    const auto shown = show_finished(options, *finished);
    if (!shown) return complain(shown.error(), 1);
    code = *shown;
    if (options.once) return code;
  }
  Estate estate(options, *directory, std::move(*invoices));
  if (const auto started = estate.start(program_directory()); !started)
    return complain(started.error(), 1);
  if (!finished) return run_through(options, *directory, estate);
  return stay_up(estate, code);
}

}  // namespace
}  // namespace retail

int main(int argc, char** argv) {
  const auto parsed = retail::parse_run(argc, argv, retail::program_directory());
  if (!parsed) {
    std::fprintf(stderr, "./run: %s\n", parsed.error().message().c_str());
    return 2;
  }
  if (!parsed->print_and_exit.empty()) {
    std::fputs(parsed->print_and_exit.c_str(), stdout);
    return 0;
  }
  return retail::run(parsed->options);
}
