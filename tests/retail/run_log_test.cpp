// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A run and its log: one run at a time on a log, one --stock for the life of a log, and files
// beside the log that are believed only when they are of its past.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "harness.hpp"
#include "run.hpp"
#include "services.hpp"

namespace retail_test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> once(const std::string& limit, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"--once", "--stock", "ample", "--limit", limit};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string url_in(const TemporaryDirectory& directory) {
  return "file:" + directory.file("data/log");
}

// A run in another directory, on the log of the first one.
Finished run_elsewhere(const TemporaryDirectory& directory, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--log", url_in(directory)});
  return run_program(run_command(directory.file("other"), std::move(arguments)), directory.path());
}

// The whole state of a directory, to be put back later.
void copy(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

TEST(RunLog, a_second_run_on_the_log_of_one_at_work_is_refused_from_any_directory) {
  const TemporaryDirectory directory;
  Process run = start_run(directory, {"--stock", "ample", "--limit", "20"});
  ASSERT_TRUE(await("the summary is written", [&] {
    return read_summary(directory.file("data/summary.json")).has_value();
  })) << read_text(directory.file("run.txt"));
  const Finished second = run_elsewhere(directory, once("20"));
  EXPECT_EQ(second.exit, (Exit{1, 0})) << second.output;
  EXPECT_TRUE(contains(second.output, "another ./run works on this log")) << second.output;
  EXPECT_TRUE(contains(second.output, std::to_string(run.pid()))) << second.output;
  for (const std::string& service : service_names())
    EXPECT_FALSE(fs::exists(directory.file("other/logs/" + service + ".log"))) << service;
  EXPECT_TRUE(run.running());

  // One that died holds nothing.
  run.kill();
  const Finished next = run_elsewhere(directory, once("20"));
  EXPECT_EQ(next.exit, (Exit{0, 0})) << next.output;
}

TEST(RunLog, stock_stays_the_same_for_the_life_of_a_log_in_runs_and_services) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, once("10")).exit, (Exit{0, 0}));
  const Finished other = run_elsewhere(directory, {"--once", "--stock", "scarce", "--limit", "10"});
  EXPECT_EQ(other.exit, (Exit{2, 0})) << other.output;
  EXPECT_TRUE(contains(other.output, "begun with --stock ample")) << other.output;
  EXPECT_TRUE(contains(other.output, "--stock scarce")) << other.output;
  const Finished service =
      run_program({{program("retail-stock"), "--log", url_in(directory), "--stock", "scarce"}},
                  directory.path());
  EXPECT_EQ(service.exit, (Exit{2, 0})) << service.output;
  EXPECT_TRUE(contains(service.output, "begun with --stock ample")) << service.output;
  EXPECT_TRUE(contains(service.output, "--stock scarce")) << service.output;
}

TEST(RunLog, of_two_services_that_begin_a_log_at_once_with_other_values_one_is_refused) {
  const TemporaryDirectory directory;
  Services ample(directory, {.stock = "ample"});
  const TemporaryDirectory elsewhere;
  Services scarce(elsewhere, {.stock = "scarce", .log = ample.log_directory()});
  ample.start("orders");
  scarce.start("stock");
  Process& first = ample.process("orders");
  Process& second = scarce.process("stock");
  ASSERT_TRUE(await("one is refused", [&] { return !first.running() || !second.running(); }));
  Process& refused = first.running() ? second : first;
  const auto exit = refused.wait();
  ASSERT_TRUE(exit);
  EXPECT_EQ(*exit, (Exit{2, 0}));
  EXPECT_TRUE(contains(ample.log_of("orders") + scarce.log_of("stock"), "was begun with --stock"));
  Services& left = first.running() ? ample : scarce;
  EXPECT_TRUE(left.ready(first.running() ? "orders" : "stock"));
}

TEST(RunLog, a_log_that_vanishes_while_in_use_ends_the_run_and_no_other_is_begun) {
  const TemporaryDirectory directory;
  Process run = start_run(directory, {"--stock", "ample", "--limit", "20"});
  ASSERT_TRUE(await("the summary is written", [&] {
    return read_summary(directory.file("data/summary.json")).has_value();
  })) << read_text(directory.file("run.txt"));
  fs::rename(directory.file("data/log"), directory.file("gone"));
  const auto exit = run.wait();
  ASSERT_TRUE(exit) << "it runs on without its log";
  EXPECT_EQ(*exit, (Exit{1, 0}));
  EXPECT_TRUE(contains(read_text(directory.file("run.txt")), "the log vanished"))
      << read_text(directory.file("run.txt"));
  EXPECT_FALSE(fs::exists(directory.file("data/log/version")));
}

TEST(RunLog, services_whose_log_vanishes_say_so_and_end) {
  const TemporaryDirectory directory;
  Services services(directory);
  services.start_all();
  ASSERT_TRUE(services.all_ready());
  fs::rename(directory.file("data/log"), directory.file("gone"));
  for (const std::string& service : service_names()) {
    const auto exit = services.process(service).wait();
    ASSERT_TRUE(exit) << service << " runs on without its log";
    EXPECT_EQ(*exit, (Exit{1, 0})) << service;
    EXPECT_TRUE(contains(services.log_of(service), "the log vanished")) << services.log_of(service);
  }
  EXPECT_FALSE(fs::exists(directory.file("data/log/version")));
}

TEST(RunLog, a_service_that_gets_its_log_makes_no_other) {
  const TemporaryDirectory directory;
  const Finished none = run_program(
      {{program("retail-stock"), "--log", url_in(directory), "--log-identity", "file/42"}},
      directory.path());
  EXPECT_EQ(none.exit, (Exit{1, 0})) << none.output;
  EXPECT_FALSE(fs::exists(directory.file("data/log/version")));
  ASSERT_EQ(run_retail(directory, once("1")).exit, (Exit{0, 0}));
  const Finished other = run_program({{program("retail-stock"), "--log", url_in(directory),
                                       "--stock", "ample", "--log-identity", "file/42"}},
                                     directory.path());
  EXPECT_EQ(other.exit, (Exit{2, 0})) << other.output;
  EXPECT_TRUE(contains(other.output, "replaced by another one")) << other.output;
}

TEST(RunLog, a_log_that_was_removed_between_runs_is_an_error_that_says_what_to_do) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, once("10")).exit, (Exit{0, 0}));
  fs::rename(directory.file("data/log"), directory.file("gone"));
  const Finished run = run_retail(directory, once("10"));
  EXPECT_EQ(run.exit, (Exit{1, 0})) << run.output;
  EXPECT_TRUE(contains(run.output, "is gone")) << run.output;
  EXPECT_TRUE(contains(run.output, "--fresh")) << run.output;
  EXPECT_FALSE(fs::exists(directory.file("data/log/version")));
  EXPECT_FALSE(contains(run.output, "finished run")) << run.output;

  fs::rename(directory.file("gone"), directory.file("data/log"));
  EXPECT_EQ(run_retail(directory, once("10")).exit, (Exit{0, 0}));
  fs::remove_all(directory.file("data/log"));
  const Finished fresh = run_retail(directory, once("10", {"--fresh"}));
  EXPECT_EQ(fresh.exit, (Exit{0, 0})) << fresh.output;
}

TEST(RunLog, another_log_in_the_place_of_the_first_is_refused) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, once("10")).exit, (Exit{0, 0}));
  fs::rename(directory.file("data"), directory.file("first"));
  ASSERT_EQ(run_retail(directory, once("10")).exit, (Exit{0, 0}));
  copy(directory.file("first/log"), directory.file("data/log"));
  const Finished run = run_retail(directory, once("10"));
  EXPECT_EQ(run.exit, (Exit{2, 0})) << run.output;
  EXPECT_TRUE(contains(run.output, "was begun on the log file/")) << run.output;
}

TEST(RunLog, files_that_saw_more_than_the_log_holds_are_not_believed) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, once("20")).exit, (Exit{0, 0}));
  copy(directory.file("data/log"), directory.file("backup"));
  ASSERT_EQ(run_retail(directory, once("40")).exit, (Exit{0, 0}));
  copy(directory.file("backup"), directory.file("data/log"));

  const Finished refused = run_retail(directory, once("40"));
  EXPECT_EQ(refused.exit, (Exit{2, 0})) << refused.output;
  EXPECT_TRUE(contains(refused.output, "feed.position does not fit to the log")) << refused.output;
  EXPECT_FALSE(contains(refused.output, "finished run")) << refused.output;

  fs::remove(directory.file("data/feed.position"));
  const Finished run = run_retail(directory, once("40"));
  EXPECT_EQ(run.exit, (Exit{0, 0})) << run.output;
  EXPECT_TRUE(contains(run.output, "summary.json does not fit to the log")) << run.output;
  const Audited audited = audit(directory);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.invoices, 40);
}

TEST(RunLog, a_feed_position_beyond_the_invoices_or_the_log_is_an_error) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, once("20")).exit, (Exit{0, 0}));
  const Finished fewer = run_retail(directory, once("10"));
  EXPECT_EQ(fewer.exit, (Exit{2, 0})) << fewer.output;
  EXPECT_TRUE(contains(fewer.output, "says that 20 requests were answered")) << fewer.output;
  // As builds write it that do not name the log.
  write_text(directory.file("data/feed.position"), "30\n");
  const Finished beyond = run_retail(directory, once("40"));
  EXPECT_EQ(beyond.exit, (Exit{2, 0})) << beyond.output;
  EXPECT_TRUE(contains(beyond.output, "counts 30 requests, and the log holds 20")) << beyond.output;
  write_text(directory.file("data/feed.position"), "many\n");
  const Finished none = run_retail(directory, once("40"));
  EXPECT_EQ(none.exit, (Exit{2, 0})) << none.output;
  EXPECT_TRUE(contains(none.output, "holds no position")) << none.output;
}

// Takes out of a directory what builds before did not write.
void make_old(const TemporaryDirectory& directory) {
  fs::remove(directory.file("data/retail-run.json"));
  write_text(directory.file("data/estate"), "stock=ample\n");
  std::string summary = read_text(directory.file("data/summary.json"));
  const std::size_t at = summary.find(",\"seen\":");
  ASSERT_NE(at, std::string::npos);
  summary.replace(at, summary.find('}', at) + 1 - at, "");
  write_text(directory.file("data/summary.json"), summary);
}

TEST(RunLog, what_an_earlier_build_wrote_is_read_and_gone_on_with) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, once("20")).exit, (Exit{0, 0}));
  make_old(directory);
  write_text(directory.file("data/feed.position"), "20\n");
  const Finished again = run_retail(directory, once("20"));
  EXPECT_EQ(again.exit, (Exit{0, 0})) << again.output;
  EXPECT_TRUE(contains(again.output, "holds a finished run")) << again.output;
  const Finished more = run_retail(directory, once("150"));
  EXPECT_EQ(more.exit, (Exit{0, 0})) << more.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("150")));
}

}  // namespace
}  // namespace retail_test
