// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Where a run works: what it refuses before it writes anything, what it deletes, who may read it,
// and what of its surroundings reaches its services.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "harness.hpp"
#include "run.hpp"

namespace retail_test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> entries(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    names.push_back(fs::relative(entry.path(), directory).string());
  std::sort(names.begin(), names.end());
  return names;
}

// Whether it is one line and no help.
bool is_one_line(const std::string& output) {
  return std::count(output.begin(), output.end(), '\n') == 1 && output.ends_with('\n');
}

TEST(RunDirectory, wrong_flags_exit_with_2_and_one_line_before_anything_is_written) {
  const TemporaryDirectory directory;
  write_text(directory.file("file"), "");
  fs::create_directories(directory.file("sealed"));
  fs::permissions(directory.file("sealed"), fs::perms(0500));
  const bool root = ::geteuid() == 0;
  std::vector<std::vector<std::string>> wrong{{"--nonsense"},
                                              {"--stock", "plenty"},
                                              {"--limit", "-3"},
                                              {"--limit", "many"},
                                              {"--in-flight", "0"},
                                              {"--rate", "5", "--in-flight", "3"},
                                              {"--chaos", "-1"},
                                              {"--chaos", "nan"},
                                              {"--port", "70000"},
                                              {"--summary", directory.file("missing/s.json")},
                                              {"--summary", directory.file("file/s.json")},
                                              {"--summary", directory.path()},
                                              {"--source", "/nonexistent/invoices.csv.zst"}};
  if (!root) wrong.push_back({"--summary", directory.file("sealed/s.json")});
  for (const auto& arguments : wrong) {
    const Finished run = run_retail(directory, arguments);
    EXPECT_EQ(run.exit, (Exit{2, 0})) << arguments[0] << ": " << run.output;
    EXPECT_TRUE(contains(run.output, arguments[0])) << run.output;
    EXPECT_TRUE(is_one_line(run.output)) << run.output;
  }
  EXPECT_FALSE(fs::exists(directory.file("data")));
}

TEST(RunDirectory, an_audit_of_no_log_is_refused_in_one_line) {
  const TemporaryDirectory directory;
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {}, {""}, {"--yaml"}, {directory.path(), directory.path()}, {directory.path()}}) {
    std::vector<std::string> words{program("retail-audit")};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const Finished audit = run_program({words}, directory.path());
    EXPECT_EQ(audit.exit, (Exit{2, 0})) << audit.output;
    EXPECT_TRUE(is_one_line(audit.output)) << audit.output;
  }
}

TEST(RunDirectory, an_empty_name_is_no_directory) {
  const TemporaryDirectory directory;
  for (const std::string name : {"", " "}) {
    const Finished run =
        run_program(run_command(name, {"--once", "--limit", "1"}), directory.path());
    EXPECT_EQ(run.exit, (Exit{2, 0})) << run.output;
    EXPECT_TRUE(contains(run.output, "--data")) << run.output;
    EXPECT_TRUE(is_one_line(run.output)) << run.output;
  }
}

TEST(RunDirectory, a_directory_of_somebody_else_is_refused_and_left_as_it_is) {
  const TemporaryDirectory directory;
  for (const char* name : {"data/log", "data/run"})
    fs::create_directories(directory.file(name));
  write_text(directory.file("data/run/program"), "mine");
  write_text(directory.file("data/summary.json"), "mine");
  const auto before = entries(directory.file("data"));
  for (const auto& arguments : {std::vector<std::string>{"--once", "--limit", "1"},
                                {"--once", "--limit", "1", "--fresh"}}) {
    const Finished run = run_retail(directory, arguments);
    EXPECT_EQ(run.exit, (Exit{2, 0})) << run.output;
    EXPECT_TRUE(contains(run.output, "not the directory of a run")) << run.output;
    EXPECT_EQ(entries(directory.file("data")), before);
  }
  EXPECT_EQ(read_text(directory.file("data/summary.json")), "mine");
}

TEST(RunDirectory, fresh_says_what_it_deletes_and_keeps_what_no_run_wrote) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, {"--once", "--limit", "10"}).exit, (Exit{0, 0}));
  write_text(directory.file("data/notes.txt"), "mine");
  const Finished run = run_retail(directory, {"--once", "--limit", "5", "--fresh"});
  EXPECT_EQ(run.exit, (Exit{0, 0})) << run.output;
  EXPECT_TRUE(contains(run.output, "--fresh deletes of " + directory.file("data") +
                                       ": feed.position, log, logs, run, state, summary.json\n"))
      << run.output;
  EXPECT_TRUE(contains(run.output, "--fresh keeps what no run wrote: notes.txt\n")) << run.output;
  EXPECT_EQ(read_text(directory.file("data/notes.txt")), "mine");
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->invoices, 5);
}

TEST(RunDirectory, a_summary_can_go_into_the_directory_that_the_run_makes) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("data/out.json");
  const Finished run = run_retail(directory, {"--once", "--limit", "5", "--summary", file});
  EXPECT_EQ(run.exit, (Exit{0, 0})) << run.output;
  EXPECT_EQ(read_text(file), read_text(directory.file("data/summary.json")));
  EXPECT_TRUE(read_summary(file));
}

TEST(RunDirectory, nobody_else_may_read_what_a_run_writes) {
  const TemporaryDirectory directory;
  const mode_t before = ::umask(022);
  const Finished run = run_retail(directory, {"--once", "--limit", "10"});
  ::umask(before);
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  std::vector<std::string> open;
  for (const auto& entry : fs::recursive_directory_iterator(directory.file("data"))) {
    struct stat found{};
    ASSERT_EQ(::stat(entry.path().c_str(), &found), 0);
    if ((found.st_mode & 077U) != 0) open.push_back(entry.path().string());
  }
  struct stat data{};
  ASSERT_EQ(::stat(directory.file("data").c_str(), &data), 0);
  EXPECT_EQ(data.st_mode & 0777U, 0700U);
  EXPECT_TRUE(open.empty()) << open.size() << " files, such as " << open.front();
}

// The addresses that a process listens on, as the kernel writes them: `0100007F:1F90`.
std::vector<std::string> listening(std::uint16_t port) {
  std::vector<std::string> found;
  char wanted[8];
  std::snprintf(wanted, sizeof wanted, ":%04X", port);
  std::istringstream table(read_text("/proc/net/tcp"));
  for (std::string number, local, remote, state, rest;
       table >> number >> local >> remote >> state;) {
    std::getline(table, rest);
    if (state == "0A" && local.ends_with(wanted)) found.push_back(local.substr(0, local.find(':')));
  }
  return found;
}

TEST(RunDirectory, what_the_environment_says_to_other_services_does_not_reach_those_of_a_run) {
  const TemporaryDirectory directory;
  Command command = run_command(directory.file("data"), {"--limit", "10"});
  command.environment = {{"MILLRACE_INSTANCE", "2"},
                         {"MILLRACE_ADDRESS", "0.0.0.0"},
                         {"MILLRACE_LOG", "file:" + directory.file("other")},
                         {"MILLRACE_LOG_LEVEL", "warn"}};
  command.output = directory.file("run.txt");
  Process run(command);
  ASSERT_TRUE(await("the summary is written", [&] {
    return read_summary(directory.file("data/summary.json")).has_value() || !run.running();
  })) << read_text(command.output);
  const std::string output = read_text(command.output);
  EXPECT_TRUE(contains(output,
                       "not passed on to the services: MILLRACE_ADDRESS, MILLRACE_INSTANCE, "
                       "MILLRACE_LOG\n"))
      << output;
  for (const std::string& service : service_names()) {
    const auto file = read_run_file(directory, service);
    ASSERT_TRUE(file) << service << "\n" << output;
    EXPECT_EQ(listening(static_cast<std::uint16_t>(file->port)),
              std::vector<std::string>{"0100007F"})
        << service;
  }
  EXPECT_FALSE(fs::exists(directory.file("other")));
  run.signal(SIGINT);
  const auto exit = run.wait();
  ASSERT_TRUE(exit);
  EXPECT_EQ(*exit, (Exit{0, 0})) << read_text(command.output);
}

}  // namespace
}  // namespace retail_test
