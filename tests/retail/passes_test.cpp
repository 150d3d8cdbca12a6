// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The invoices sent more than once to one system: each pass is audited alone, also when the events
// of the pass before are gone.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "harness.hpp"
#include "log_reader.hpp"
#include "run.hpp"

namespace retail_test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> ample(const std::string& limit, std::vector<std::string> more) {
  std::vector<std::string> arguments{"--stock", "ample", "--limit", limit};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

Finished run_audit(const TemporaryDirectory& directory, std::vector<std::string> more) {
  std::vector<std::string> words{program("retail-audit"), directory.file("data")};
  words.insert(words.end(), more.begin(), more.end());
  return run_program({words}, directory.path());
}

void expect_summary(const TemporaryDirectory& directory, const std::string& file,
                    const std::string& limit) {
  const auto summary = read_summary(directory.file("data/" + file));
  ASSERT_TRUE(summary) << file;
  EXPECT_TRUE(holds(summary->audit)) << file;
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample(limit))) << file;
}

TEST(Passes, two_in_one_command_come_to_the_same_each) {
  const TemporaryDirectory directory;
  const auto arguments = ample("150", {"--once", "--passes", "2"});
  const Finished run = run_retail(directory, arguments);
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  expect_summary(directory, "summary.json", "150");
  expect_summary(directory, "summary-2.json", "150");
  for (const std::int64_t pass : {1, 2}) {
    const Audited audited = audit_pass(directory, pass);
    EXPECT_EQ(audited.exit, (Exit{0, 0})) << audited.output;
    EXPECT_TRUE(same_outcome(audited.report, expected_in_ample("150"))) << pass;
  }
  const Audited whole = audit(directory);
  EXPECT_TRUE(holds(whole.report));
  EXPECT_EQ(whole.report.invoices, 300);

  const Finished again = run_retail(directory, arguments);
  EXPECT_EQ(again.exit, (Exit{0, 0})) << again.output;
  EXPECT_TRUE(contains(again.output, "holds a finished run")) << again.output;
}

TEST(Passes, one_is_refused_before_the_one_before_it_is_complete) {
  const TemporaryDirectory directory;
  const Finished early = run_retail(directory, ample("20", {"--once", "--pass", "2"}));
  EXPECT_EQ(early.exit, (Exit{2, 0})) << early.output;
  EXPECT_TRUE(contains(early.output, "pass 1 is not complete")) << early.output;
  ASSERT_EQ(run_retail(directory, ample("20", {"--once"})).exit, (Exit{0, 0}));
  const Finished audited = run_audit(directory, {"--pass", "2"});
  EXPECT_EQ(audited.exit, (Exit{2, 0}));
  EXPECT_TRUE(contains(audited.output, "pass 2 is not complete")) << audited.output;
  for (const std::string wrong : {"0", "-1", "two", ""}) {
    const Finished refused = run_audit(directory, {"--pass", wrong});
    EXPECT_EQ(refused.exit, (Exit{2, 0})) << wrong;
    EXPECT_TRUE(contains(refused.output, "--pass takes")) << refused.output;
  }
  EXPECT_EQ(run_retail(directory, ample("20", {"--once", "--pass", "2"})).exit, (Exit{0, 0}));
}

TEST(Passes, one_that_was_stopped_continues_and_the_one_before_stays_as_it_was) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, ample("150", {"--once"})).exit, (Exit{0, 0}));
  {
    // So slowly that most of the requests are left when the process hears the signal.
    Process run = start_run(directory, ample("150", {"--pass", "2", "--rate", "2"}));
    ASSERT_TRUE(await("some requests are answered", [&] {
      return read_feed_position(directory, 2) > 2;
    })) << read_text(directory.file("run.txt"));
    run.signal(SIGTERM);
    ASSERT_TRUE(run.wait());
  }
  ASSERT_LT(read_feed_position(directory, 2), 150);
  EXPECT_EQ(run_audit(directory, {"--pass", "2"}).exit, (Exit{2, 0})) << "it is not complete";
  EXPECT_TRUE(same_outcome(audit_pass(directory, 1).report, expected_in_ample("150")));
  const Finished longer = run_retail(directory, ample("600", {"--once"}));
  EXPECT_EQ(longer.exit, (Exit{2, 0})) << longer.output;
  EXPECT_TRUE(contains(longer.output, "the next pass has begun")) << longer.output;

  const Finished run = run_retail(directory, ample("150", {"--once", "--passes", "2"}));
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  EXPECT_TRUE(contains(run.output, "were answered before")) << run.output;
  expect_summary(directory, "summary-2.json", "150");
}

TEST(Passes, one_that_is_over_is_not_begun_again_from_another_directory) {
  const TemporaryDirectory directory;
  const std::string log = "file:" + directory.file("log");
  const Finished both =
      run_retail(directory, ample("20", {"--once", "--passes", "2", "--log", log}));
  ASSERT_EQ(both.exit, (Exit{0, 0})) << both.output;
  const Finished refused =
      run_program(run_command(directory.file("other"), ample("20", {"--once", "--log", log})),
                  directory.path());
  EXPECT_EQ(refused.exit, (Exit{2, 0})) << refused.output;
  EXPECT_TRUE(contains(refused.output, "pass 1 is complete")) << refused.output;
  for (const std::string pass : {"1", "2"}) {
    const Finished audited =
        run_program({{program("retail-audit"), log, "--pass", pass}}, directory.path());
    EXPECT_EQ(audited.exit, (Exit{0, 0})) << audited.output;
    EXPECT_TRUE(contains(audited.output, "requests       20\n")) << audited.output;
  }
}

/// A run whose topics have small segments, because only whole ones are removed.
class PassesWithRetention : public testing::Test {
 protected:
  static constexpr std::int64_t segment_bytes = 65'536;
  // Those of which even a few hundred invoices fill several segments.
  static const std::vector<std::string>& large_topics() {
    static const std::vector<std::string> names{"requests", "stock.shelves"};
    return names;
  }

  void make_segments_small() {
    ASSERT_EQ(run_retail(directory, ample("1", {"--once", "--retention", "0"})).exit, (Exit{0, 0}));
    for (const std::string& topic : large_topics()) {
      const Finished altered =
          run_program({{program("millrace"), "--log", log_url(), "topics", "alter", topic, "--set",
                        "segment.bytes=" + std::to_string(segment_bytes)}},
                      directory.path());
      ASSERT_EQ(altered.exit, (Exit{0, 0})) << altered.output;
    }
  }
  // What the records of a topic say, that are there now.
  std::uintmax_t said_bytes(const std::string& topic) const {
    LogReader reader(directory.file("data/log"));
    std::uintmax_t bytes = 0;
    for (const Read& read : reader.all(topic)) {
      bytes += read.key.size() + read.value.size();
      for (const auto& [name, value] : read.headers)
        bytes += name.size() + value.size();
    }
    return bytes;
  }
  // What is on the disk around them is less, even when each record came in a batch of its own.
  std::uintmax_t bytes_around(const std::string& topic) const {
    LogReader reader(directory.file("data/log"));
    return reader.all(topic).size() * std::uintmax_t{128};
  }
  // On the disk, without indexes.
  std::uintmax_t settled_bytes(const std::string& topic) const {
    std::uintmax_t bytes = 0;
    for (int partition = 0; partition < partitions; ++partition) {
      const std::string segments =
          directory.file("data/log/settled/" + topic + "-" + std::to_string(partition));
      if (!fs::exists(segments)) continue;
      for (const std::string& path : files_ending(segments, ".log")) {
        std::error_code gone;
        const std::uintmax_t size = fs::file_size(path, gone);
        if (!gone) bytes += size;
      }
    }
    return bytes;
  }
  bool begins_later(const std::string& topic) const {
    LogReader reader(directory.file("data/log"));
    const auto found = reader.log().find_topic(topic);
    for (int number = 0; found && number < partitions; ++number) {
      const auto start = reader.log().start_offset({found->id, millrace::log::partition(number)});
      if (!start || start->value == 0) return false;
    }
    return found.has_value();
  }
  std::string log_url() const { return "file:" + directory.file("data/log"); }

  static constexpr int partitions = 4;
  const TemporaryDirectory directory;
};

TEST_F(PassesWithRetention, large_topics_of_the_first_go_and_the_second_is_audited) {
  ASSERT_NO_FATAL_FAILURE(make_segments_small());
  const Finished first = run_retail(directory, ample("600", {"--once", "--retention", "0"}));
  ASSERT_EQ(first.exit, (Exit{0, 0})) << first.output;
  EXPECT_TRUE(same_outcome(audit_pass(directory, 1).report, expected_in_ample("600")))
      << "nothing of the pass goes while it is the last one";
  std::map<std::string, std::uintmax_t> before;
  std::map<std::string, std::uintmax_t> around;
  for (const std::string& topic : large_topics()) {
    before[topic] = said_bytes(topic);
    around[topic] = bytes_around(topic);
  }

  Process run = start_run(directory, ample("600", {"--pass", "2", "--retention", "0"}));
  ASSERT_TRUE(await("the second pass is over", [&] {
    return read_summary(directory.file("data/summary-2.json")).has_value();
  })) << read_text(directory.file("run.txt"));
  for (const std::string& topic : large_topics()) {
    // In each partition the segments in which the passes meet, and what is not settled yet.
    const std::uintmax_t allowed =
        before[topic] + around[topic] + std::uintmax_t{partitions} * 3 * segment_bytes;
    ASSERT_LT(allowed, 2 * before[topic] * 9 / 10) << topic << ": that would show nothing";
    EXPECT_TRUE(await("the first pass is gone",
                      [&] {
                        return begins_later(topic) && said_bytes(topic) <= allowed &&
                               settled_bytes(topic) <= allowed;
                      }))
        << topic << ": " << said_bytes(topic) << " bytes, on the disk " << settled_bytes(topic)
        << ", " << before[topic] << " before";
  }
  run.signal(SIGTERM);
  ASSERT_EQ(run.wait(), (Exit{0, 0})) << read_text(directory.file("run.txt"));
  expect_summary(directory, "summary-2.json", "600");
  const Audited second = audit_pass(directory, 2);
  EXPECT_TRUE(holds(second.report));
  EXPECT_TRUE(same_outcome(second.report, expected_in_ample("600")));
  const Finished gone = run_audit(directory, {"--pass", "1"});
  EXPECT_EQ(gone.exit, (Exit{2, 0}));
  EXPECT_TRUE(contains(gone.output, "were removed")) << gone.output;
  const Finished whole = run_audit(directory, {});
  EXPECT_EQ(whole.exit, (Exit{2, 0}));
  EXPECT_TRUE(contains(whole.output, "with --pass N")) << whole.output;

  const Finished third = run_retail(directory, ample("150", {"--once", "--pass", "3"}));
  ASSERT_EQ(third.exit, (Exit{0, 0})) << third.output;
  expect_summary(directory, "summary-3.json", "150");
}

}  // namespace
}  // namespace retail_test
