// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "program.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <millrace_test_paths.hpp>

#include "millrace/base/processes.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

// An embedded log with some orders and a dead letter in it, in a directory that is gone after the
// test.
class Program : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/millrace_cli_XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    root = path;
    url = "file:" + root + "/log";
    log::LogOptions options;
    options.service = "orders";
    log::register_embedded();
    auto opened = log::open_embedded(root + "/log", environment, options, {.force = true});
    ASSERT_TRUE(opened) << opened.error().to_string();
    orders = *std::move(opened);
    for (const auto& [name, kind] : {std::pair("orders", log::TopicKind::events),
                                     std::pair("orders.state", log::TopicKind::private_topic),
                                     std::pair("orders.dead-letters", log::TopicKind::events),
                                     std::pair("orders.retry", log::TopicKind::commands)}) {
      ASSERT_TRUE(orders->create_topic({name, 2, kind, "orders"}));
    }
    for (int i = 0; i < 5; ++i)
      publish("orders", "e" + std::to_string(i));
    publish("orders.dead-letters", "d0");
  }
  void TearDown() override {
    orders.reset();
    std::filesystem::remove_all(root);
  }
  void publish(const std::string& topic, const std::string& id) {
    log::HeadersBuilder headers;
    headers.add("ce_id", id).add("ce_source", "/orders").add("ce_type", "Happened");
    headers.add("ce_specversion", "1.0").add("correlationid", "c-1");
    headers.add("dl-reason", "not a sale").add("dl-topic", "orders").add("dl-partition", "0");
    log::Transaction transaction;
    transaction.append({orders->find_topic(topic)->id, log::partition(0)},
                       {0, "536365", "{\"id\":\"" + id + "\"}", headers.view()});
    const auto done = orders->commit(transaction);
    ASSERT_TRUE(done) << done.error().to_string();
  }
  Outcome on_log(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--log", url});
    return run(std::move(arguments));
  }

  std::string root;
  std::string url;
  SeededRandom random{3};
  log::LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  std::unique_ptr<log::Log> orders;
};

TEST_F(Program, lists_topics_of_a_log_in_use) {
  const Outcome outcome = on_log({"topics"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.notes;
  EXPECT_NE(outcome.out.find("orders"), std::string::npos);
  EXPECT_NE(outcome.out.find("1 private topic and 1 empty topic for retries"), std::string::npos);
}

TEST_F(Program, every_json_line_is_json) {
  const std::vector<std::vector<std::string>> commands{
      {"topics", "--all", "--json"},
      {"tail", "orders", "--from", "beginning", "--json", "--headers"},
      {"trace", "c-1", "--json"},
      {"groups", "--json"},
      {"dead-letters", "list", "--json"},
      {"dead-letters", "show", "orders", "0:0", "--json"},
      {"log", "verify", "--json"},
      {"log", "stat", "--json"}};
  for (const auto& command : commands) {
    const Outcome outcome = on_log(command);
    EXPECT_EQ(outcome.exit_code, 0) << command[0] << ": " << outcome.notes;
    for (const std::string& line : lines_of(outcome.out)) {
      EXPECT_TRUE(is_json(line)) << command[0] << ": " << line;
    }
  }
}

TEST_F(Program, tells_a_story_from_an_embedded_log) {
  const Outcome outcome = on_log({"trace", "536365"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.notes;
  EXPECT_TRUE(outcome.out.starts_with("536365: 6 records in 2 topics")) << outcome.out;
}

TEST_F(Program, replays_a_dead_letter_once) {
  const Outcome first = on_log({"dead-letters", "replay", "orders", "--all"});
  EXPECT_EQ(first.exit_code, 0) << first.notes;
  EXPECT_EQ(first.out, "orders.dead-letters-0:0 -> orders.retry-0:0\n1 dead letter replayed\n");
  EXPECT_EQ(on_log({"dead-letters", "replay", "orders", "--all"}).out, "0 dead letters replayed\n");
  EXPECT_NE(on_log({"dead-letters", "show", "orders", "0:0"}).out.find("as orders.retry-0:0"),
            std::string::npos);
}

TEST_F(Program, leaves_the_writers_of_a_log_alone) {
  on_log({"topics"});
  on_log({"tail", "orders"});
  publish("orders", "e5");
  EXPECT_EQ(on_log({"tail", "orders", "--from", "-2h"}).exit_code, 0);
  EXPECT_NE(on_log({"tail", "orders", "-n", "1"}).out.find("\"e5\""), std::string::npos);
}

TEST_F(Program, a_log_that_cannot_be_written_to_is_read_and_the_reason_is_given) {
  ASSERT_TRUE(orders->group("orders"));
  orders.reset();
  ASSERT_TRUE(write_file_atomically(real_file_system(), root + "/log/FAILED", "the disk is old"));
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"topics"},
                                             {"tail", "orders"},
                                             {"trace", "c-1"},
                                             {"groups"},
                                             {"dead-letters", "list"}}) {
    const Outcome outcome = on_log(command);
    EXPECT_EQ(outcome.exit_code, 0) << command[0] << ": " << outcome.notes;
    EXPECT_NE(outcome.notes.find("read-only: no live wake-up"), std::string::npos) << outcome.notes;
    EXPECT_NE(outcome.notes.find("the disk is old"), std::string::npos) << outcome.notes;
  }
  EXPECT_NE(on_log({"tail", "orders"}).out.find("\"e4\""), std::string::npos);
  // Who works there is not known, which is not the same as nobody.
  const std::string groups = on_log({"groups", "--json"}).out;
  EXPECT_NE(groups.find("\"members\":null,\"tasks\":null"), std::string::npos) << groups;
  const Outcome replayed = on_log({"dead-letters", "replay", "orders", "--all"});
  EXPECT_NE(replayed.exit_code, 0);
  EXPECT_NE(replayed.notes.find("log.read_only"), std::string::npos) << replayed.notes;
}

TEST_F(Program, shows_sizes_members_and_topics_of_a_log) {
  const Outcome text = on_log({"log", "stat"});
  EXPECT_EQ(text.exit_code, 0) << text.notes;
  for (const char* const part : {"journal ", "prepared ", "unsettled ", "settled ", "ballast ",
                                 "member       ", "TOPIC", "\norders "}) {
    EXPECT_NE(text.out.find(part), std::string::npos) << part << text.out;
  }
  const std::string json = on_log({"log", "stat", "--json"}).out;
  EXPECT_NE(json.find("\"by_topic\":[{\"name\":"), std::string::npos) << json;
  EXPECT_NE(json.find("\"first_time\":\"1970-01-01T00:00:00.000Z\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"pid\":" + std::to_string(::getpid())), std::string::npos) << json;
}

TEST_F(Program, verifies_a_good_log) {
  const Outcome outcome = on_log({"log", "verify"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.notes;
  EXPECT_NE(outcome.out.find(" batches, "), std::string::npos) << outcome.out;
}

TEST_F(Program, names_the_place_of_corruption_and_fails) {
  for (int i = 0; i < 3; ++i) {
    log::Transaction transaction;
    transaction.append({orders->find_topic("orders")->id, log::partition(0)},
                       {0, "k", std::string("needle-in-the-journal"), {}});
    const auto done = orders->commit(transaction);
    ASSERT_TRUE(done);
    ASSERT_TRUE(orders->wait_durable(done->position));
  }
  orders.reset();
  std::string journal;
  std::size_t needle = std::string::npos;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root + "/log")) {
    if (!entry.is_regular_file()) continue;
    const auto text = read_file(real_file_system(), entry.path().string());
    ASSERT_TRUE(text);
    const std::size_t found = text->find("needle-in-the-journal");
    if (found == std::string::npos) continue;
    journal = entry.path().string();
    needle = found;
  }
  ASSERT_FALSE(journal.empty());
  std::fstream file(journal, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(needle)).put('N');
  file.close();
  const Outcome outcome = on_log({"log", "verify"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("CORRUPT"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(journal), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.notes.find("log.corrupt"), std::string::npos) << outcome.notes;
  const Outcome repair = on_log({"log", "repair", "--dry-run"});
  EXPECT_EQ(repair.exit_code, 0) << repair.notes;
  EXPECT_NE(repair.out.find("would cut "), std::string::npos) << repair.out;
  EXPECT_EQ(on_log({"log", "verify"}).exit_code, 1);
  EXPECT_EQ(on_log({"log", "repair"}).exit_code, 0);
  EXPECT_EQ(on_log({"log", "verify"}).exit_code, 0);
}

TEST_F(Program, does_not_repair_a_log_in_use) {
  const Outcome outcome = on_log({"log", "repair"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.notes.find("base.busy"), std::string::npos) << outcome.notes;
}

TEST_F(Program, ends_quietly_when_nobody_reads_on) {
  const std::string command = std::string(test::bin_dir) + "/millrace --log " + url +
                              " tail orders --follow --from beginning 2>&1 | head -n 1";
  std::FILE* shell = ::popen(("bash -c 'set -o pipefail; " + command + "'").c_str(), "r");
  std::array<char, 4096> line{};
  ASSERT_NE(std::fgets(line.data(), line.size(), shell), nullptr);
  // Nothing more comes, no message either, and no further record is needed for the program to
  // notice.
  while (std::fgets(line.data(), line.size(), shell) != nullptr) {
    ADD_FAILURE() << line.data();
  }
  EXPECT_EQ(WEXITSTATUS(::pclose(shell)), 0);
}

TEST_F(Program, follows_until_interrupted) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const std::string binary = std::string(test::bin_dir) + "/millrace";
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::execl(binary.c_str(), "millrace", "--log", url.c_str(), "tail", "orders", "--follow",
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::FILE* out = ::fdopen(pipe[0], "r");
  std::array<char, 4096> line{};
  for (int i = 0; i < 5; ++i)
    ASSERT_NE(std::fgets(line.data(), line.size(), out), nullptr);
  publish("orders", "new-one");
  ASSERT_NE(std::fgets(line.data(), line.size(), out), nullptr);
  EXPECT_NE(std::string(line.data()).find("new-one"), std::string::npos);
  ::kill(child, SIGINT);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  std::fclose(out);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Usage, a_missing_log_is_an_error_that_says_what_to_do_and_makes_nothing) {
  const Outcome outcome = run({"--log", "file:/tmp/millrace-no-such-log", "topics"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.notes,
            "millrace: no log at file:/tmp/millrace-no-such-log: start ./run, or name another "
            "with --log URL [base.not_found]\n");
  EXPECT_FALSE(std::filesystem::exists("/tmp/millrace-no-such-log"));
}

TEST(Usage, a_log_of_another_kind_is_refused) {
  EXPECT_EQ(run({"--log", "kafka://localhost:9092", "topics"}).exit_code, 1);
}

TEST(Usage, wrong_flags_are_exit_2_with_one_line) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"tail"},
        {"tail", "orders", "--from", "yesterday"},
        {"tail", "orders", "--from", "-2w"},
        {"tail", "orders", "--limit", "-3"},
        {"topics", "--nope"},
        {"dead-letters"},
        {"dead-letters", "replay", "orders"},
        {"dead-letters", "show", "orders", "17"},
        {"query", "stock", "shelves", "k", "--from", "a"}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << (arguments.empty() ? "" : arguments.front());
    EXPECT_TRUE(outcome.notes.starts_with("millrace ")) << outcome.notes;
    EXPECT_EQ(lines_of(outcome.notes).size(), 1U) << outcome.notes;
    EXPECT_TRUE(outcome.out.empty());
  }
}

TEST(Usage, a_mistyped_command_is_answered_with_the_right_one) {
  const Outcome outcome = run({"tpoics"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.notes.find("did you mean 'topics'?"), std::string::npos) << outcome.notes;
}

TEST(Usage, the_overview_has_a_line_for_each_command_and_fits_80_columns) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  const auto lines = lines_of(help.out);
  for (const std::string command : {"topics", "tail", "trace", "services", "groups", "query",
                                    "dead-letters", "copy", "log", "new", "acls", "completion"}) {
    EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                            [&](const auto& one) { return one.starts_with("  " + command + " "); }),
              1)
        << help.out;
  }
  for (const std::string& line : lines)
    EXPECT_LE(line.size(), 80U) << line;
  EXPECT_LT(lines.size(), 35U);
  const Outcome none = run({});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_EQ(none.notes, help.out);
}

TEST(Usage, help_and_version_are_printed_and_done) {
  EXPECT_EQ(run({"--version"}).out.substr(0, 9), "millrace ");
  EXPECT_EQ(run({"--version"}).exit_code, 0);
  EXPECT_NE(run({"tail", "--help"}).out.find("--follow"), std::string::npos);
}

TEST(LogDirectory, is_that_of_a_file_url_or_a_path) {
  EXPECT_EQ(log_directory("file:./data/log"), "./data/log");
  EXPECT_EQ(log_directory("./data/log"), "./data/log");
  EXPECT_EQ(log_directory("kafka://host:9092"), "");
}

}  // namespace
}  // namespace millrace::cli
