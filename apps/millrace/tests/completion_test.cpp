// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "completion.hpp"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <millrace_test_paths.hpp>

#include "millrace/base/file_system.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

// What bash would offer for the words typed so far, the last of which is unfinished.
std::vector<std::string> offered(const std::vector<std::string>& words) {
  std::string script = run({"completion", "bash"}).out + "COMP_WORDS=(millrace";
  for (const std::string& word : words)
    script += " '" + word + "'";
  script += "); COMP_CWORD=" + std::to_string(words.size()) +
            "; _millrace; printf '%s\\n' \"${COMPREPLY[@]}\"\n";
  std::array<char, 64> path{"/tmp/millrace_completion_XXXXXX"};
  const int descriptor = ::mkstemp(path.data());
  std::FILE* file = ::fdopen(descriptor, "w");
  std::fputs(script.c_str(), file);
  std::fclose(file);
  std::FILE* shell = ::popen(("bash " + std::string(path.data())).c_str(), "r");
  std::string out;
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), shell)) {
    out.append(buffer.data(), got);
  }
  EXPECT_EQ(::pclose(shell), 0);
  ::unlink(path.data());
  return lines_of(out);
}

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

TEST(Completion, offers_commands) {
  EXPECT_EQ(offered({"tr"}), std::vector<std::string>{"trace"});
  EXPECT_TRUE(contains(offered({""}), "dead-letters"));
}

TEST(Completion, offers_the_commands_of_a_command) {
  EXPECT_EQ(offered({"dead-letters", "re"}), std::vector<std::string>{"replay"});
}

TEST(Completion, offers_the_options_of_a_command_and_of_the_program) {
  const auto words = offered({"tail", "--"});
  EXPECT_TRUE(contains(words, "--follow"));
  EXPECT_TRUE(contains(words, "--log"));
  EXPECT_FALSE(contains(words, "--public"));
}

TEST(Completion, offers_the_choices_of_a_value) {
  EXPECT_EQ(offered({"completion", "fi"}), std::vector<std::string>{"fish"});
}

TEST(Completion, offers_the_choices_of_an_option) {
  EXPECT_EQ(offered({"topics", "create", "t", "--kind", "co"}),
            std::vector<std::string>{"commands"});
  EXPECT_EQ(offered({"topics", "create", "t", "--kind", ""}),
            (std::vector<std::string>{"events", "commands", "private"}));
}

TEST(Completion, offers_settings_of_topics_and_their_values) {
  EXPECT_EQ(offered({"topics", "alter", "t", "--set", "ret"}),
            (std::vector<std::string>{"retention.ms=", "retention.bytes="}));
  EXPECT_EQ(offered({"topics", "create", "t", "--set", "min"}),
            std::vector<std::string>{"min.compaction.lag.ms="});
  EXPECT_EQ(offered({"topics", "alter", "t", "--unset", "del"}),
            std::vector<std::string>{"delete.retention.ms"});
  // As zsh gives the words, and as bash does, which makes three of them.
  EXPECT_EQ(offered({"topics", "alter", "t", "--set", "cleanup.policy=co"}),
            (std::vector<std::string>{"cleanup.policy=compact", "cleanup.policy=compact,delete"}));
  EXPECT_EQ(offered({"topics", "alter", "t", "--set", "cleanup.policy", "=", "k"}),
            std::vector<std::string>{"keep"});
  EXPECT_EQ(offered({"topics", "alter", "t", "--set", "cleanup.policy", "="}),
            (std::vector<std::string>{"keep", "delete", "compact", "compact,delete"}));
  // What comes behind a value is known, too.
  EXPECT_TRUE(
      contains(offered({"topics", "alter", "t", "--set", "cleanup.policy", "=", "keep", "--un"}),
               "--unset"));
}

TEST(Completion, of_fish_names_the_settings_of_topics) {
  const std::string fish = run({"completion", "fish"}).out;
  EXPECT_NE(fish.find("-l set -r -a 'cleanup.policy=keep "), std::string::npos);
  EXPECT_NE(fish.find("-l unset -r -a 'cleanup.policy "), std::string::npos);
}

TEST(Completion, knows_where_it_is_behind_options) {
  EXPECT_TRUE(contains(offered({"--log", "file:x", "trace", "--"}), "--public"));
}

TEST(Completion, of_zsh_and_fish_names_every_command) {
  const std::string zsh = run({"completion", "zsh"}).out;
  const std::string fish = run({"completion", "fish"}).out;
  EXPECT_TRUE(zsh.starts_with("#compdef millrace\n"));
  for (const char* command :
       {"topics", "tail", "trace", "groups", "query", "services", "dead-letters", "log"}) {
    EXPECT_NE(zsh.find(command), std::string::npos) << command;
    EXPECT_NE(fish.find("-a " + std::string(command) + " "), std::string::npos) << command;
  }
  EXPECT_NE(fish.find("-l follow"), std::string::npos);
}

TEST(Completion, of_another_shell_is_wrong_usage) {
  EXPECT_EQ(run({"completion", "csh"}).exit_code, 2);
}

// The page is written by hand; what it leaves out is found here.
TEST(CliPage, names_every_command_and_option) {
  const auto page = read_file(real_file_system(), std::string(test::source_dir) + "/docs/cli.md");
  ASSERT_TRUE(page) << page.error().to_string();
  const auto check = [&](const std::string& path, const std::string& help) {
    EXPECT_NE(page->find("`millrace " + path), std::string::npos) << path;
    std::string word;
    for (const char c : help + " ") {
      const bool part = c == '-' || (c >= 'a' && c <= 'z');
      if (part) {
        word += c;
      } else {
        if (word.starts_with("--") && word.size() > 2) {
          EXPECT_NE(page->find(word), std::string::npos) << path << " " << word;
        }
        word.clear();
      }
    }
  };
  for (const std::string command :
       {"topics", "tail", "trace", "groups", "query", "completion", "dead-letters list",
        "dead-letters show", "dead-letters replay", "log verify", "log stat", "log repair"}) {
    std::vector<std::string> arguments;
    std::string word;
    for (const char c : command + " ") {
      if (c == ' ') {
        arguments.push_back(std::exchange(word, {}));
      } else {
        word += c;
      }
    }
    arguments.emplace_back("--help");
    const Outcome help = run(arguments);
    EXPECT_EQ(help.exit_code, 0) << command;
    check(command, help.out);
  }
}

}  // namespace
}  // namespace millrace::cli
