// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "harness.hpp"
#include "run.hpp"

// A system that moves from log to log. The cluster in MILLRACE_TEST_KAFKA is another kind of log
// to move to and back from.
namespace retail_test {
namespace {

// Directories only, or the other kind of log in between.
class Moved : public testing::TestWithParam<std::string> {
 protected:
  std::string other_log() {
    if (GetParam() == "file") return "file:" + directory.file("other");
    static int made = 0;
    return std::string("kafka://") + std::getenv("MILLRACE_TEST_KAFKA") + "/moved" +
           std::to_string(::getpid()) + "n" + std::to_string(++made);
  }
  static std::vector<std::string> arguments(const std::string& log) {
    return {"--once", "--stock", "ample", "--limit", "600", "--log", log};
  }
  // Runs until so many requests are answered, then ends it by the signal.
  void run_until(const std::string& log, std::int64_t position, int signal) {
    std::vector<std::string> words = arguments(log);
    // So slowly that most of the requests are left when the process hears the signal.
    words.insert(words.end(), {"--rate", "20"});
    Command command = run_command(directory.file("data"), words);
    command.output = directory.file("run.txt");
    Process run(command);
    ASSERT_TRUE(await("some requests are answered", [&] {
      return read_feed_position(directory) > position;
    })) << read_text(directory.file("run.txt"));
    run.signal(signal);
    ASSERT_TRUE(run.wait());
    ASSERT_LT(read_feed_position(directory), 600);
  }
  // Its services end after a run that was killed, but not before it: until then they are in the
  // way.
  void copy(const std::string& from, const std::string& to) {
    Finished copied;
    EXPECT_TRUE(await("services are gone", [&] {
      copied = run_program({{program("millrace"), "copy", from, to}}, directory.path());
      return !contains(copied.output, "[base.busy]");
    }));
    EXPECT_EQ(copied.exit, (Exit{0, 0})) << copied.output;
    EXPECT_TRUE(contains(copied.output, ": the same")) << copied.output;
  }
  void run_to_the_end(const std::string& log) {
    const Finished run = run_retail(directory, arguments(log));
    ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
    const auto summary = read_summary(directory.file("data/summary.json"));
    ASSERT_TRUE(summary);
    EXPECT_TRUE(holds(summary->audit));
    EXPECT_TRUE(same_outcome(*summary, expected_in_ample("600")));
  }

  TemporaryDirectory directory;
  std::string first = "file:" + directory.file("first");
  std::string other = other_log();
};

std::vector<std::string> kinds() {
  // Beside a cluster the rest has been tested elsewhere.
  return {std::getenv("MILLRACE_TEST_KAFKA") != nullptr ? "kafka" : "file"};
}
INSTANTIATE_TEST_SUITE_P(Logs, Moved, testing::ValuesIn(kinds()),
                         [](const auto& one) { return one.param; });

TEST_P(Moved, there_and_back_continues_each_time) {
  run_until(first, 60, SIGTERM);
  copy(first, other);
  run_until(other, 200, SIGTERM);
  const std::string last = "file:" + directory.file("last");
  copy(other, last);
  run_to_the_end(last);
}

// Nothing was drained: records wait everywhere on the way.
TEST_P(Moved, continues_after_it_was_killed_amid_its_work) {
  run_until(first, 100, SIGKILL);
  copy(first, other);
  run_to_the_end(other);
}

}  // namespace
}  // namespace retail_test
