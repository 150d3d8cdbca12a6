// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/logger.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <thread>

namespace millrace::telemetry {
namespace {

struct LoggerTest : testing::Test {
  ManualClock clock{1'291'192'000'000};
  std::shared_ptr<CapturingSink> sink = std::make_shared<CapturingSink>();
  Logger logger{{.service = "stock", .pid = 42, .level = Level::info}, clock, sink};
};

TEST_F(LoggerTest, a_line_is_one_json_object_with_the_named_members) {
  logger.warn("refused", {{"topic", "orders"}, {"offset", 7}, correlation("c-1")});
  ASSERT_EQ(sink->lines().size(), 1U);
  EXPECT_EQ(
      sink->lines()[0],
      R"({"time":"2010-12-01T08:26:40.000Z","level":"warn","service":"stock","pid":42,"message":"refused",)"
      R"("topic":"orders","offset":7,"correlation_id":"c-1"})");
}

TEST_F(LoggerTest, lines_below_the_level_are_left_out_and_the_level_can_change) {
  logger.debug("quiet");
  logger.set_level(Level::debug);
  logger.debug("loud");
  logger.set_level(Level::off);
  logger.error("never");
  EXPECT_EQ(sink->lines().size(), 1U);
  EXPECT_TRUE(sink->contains("loud"));
}

TEST_F(LoggerTest, a_message_cannot_break_out_of_its_line) {
  logger.info("a\n{\"level\":\"error\"}", {{"k", "x\"y"}});
  ASSERT_EQ(sink->lines().size(), 1U);
  EXPECT_EQ(sink->lines()[0].find('\n'), std::string::npos);
  EXPECT_TRUE(sink->contains(R"("message":"a\n{\"level\":\"error\"}")"));
}

TEST_F(LoggerTest, text_of_others_cannot_steer_the_terminal) {
  logger.info("a\u009b2J", {{"k", "b\x7f"}, {"bidi", "c\u202ed"}});
  ASSERT_EQ(sink->lines().size(), 1U);
  EXPECT_TRUE(sink->contains(R"("message":"a\u009b2J")")) << sink->lines()[0];
  EXPECT_TRUE(sink->contains(R"("k":"b\u007f")")) << sink->lines()[0];
  EXPECT_TRUE(sink->contains(R"("bidi":"c\u202ed")")) << sink->lines()[0];
}

TEST_F(LoggerTest, lines_of_several_threads_stay_whole) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        logger.info("step", {{"thread", t}, {"i", i}});
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  const auto lines = sink->lines();
  EXPECT_EQ(lines.size(), 400U);
  for (const auto& line : lines) {
    EXPECT_TRUE(line.starts_with(R"({"time":")") && line.ends_with("}")) << line;
  }
}

TEST(Level, names_are_read_back_and_others_are_refused_with_the_list) {
  EXPECT_EQ(parse_level("warn").value(), Level::warn);
  const auto refused = parse_level("loud");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::invalid_argument));
  EXPECT_NE(refused.error().message().find("debug, info, warn, error or off"), std::string::npos);
}

TEST(NullLogger, writes_nothing_at_any_level) { EXPECT_FALSE(null_logger().enabled(Level::error)); }

TEST(FileSink, lines_are_appended_to_what_is_there) {
  char directory[] = "/tmp/millrace-log-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/service.log";
  for (const auto* line : {"one\n", "two\n"}) {
    auto sink = file_sink(path);
    ASSERT_TRUE(sink) << sink.error().to_string();
    (*sink)->write(line);
    EXPECT_EQ((*sink)->lost(), 0U);
  }
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "one\ntwo\n");
  std::remove(path.c_str());
  std::remove(directory);
}

TEST(FileSink, a_missing_directory_is_named) {
  const auto sink = file_sink("/nonexistent-directory/service.log");
  ASSERT_FALSE(sink);
  EXPECT_TRUE(sink.error().is(errc::io_error));
  EXPECT_NE(sink.error().message().find("/nonexistent-directory/service.log"), std::string::npos);
}

TEST(FileSink, a_line_that_the_disk_does_not_take_is_counted) {
  auto sink = file_sink("/dev/full");
  ASSERT_TRUE(sink);
  (*sink)->write("lost\n");
  EXPECT_EQ((*sink)->lost(), 1U);
}

}  // namespace
}  // namespace millrace::telemetry
