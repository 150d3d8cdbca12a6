// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "copy_logs.hpp"

// Copies between every two kinds of logs; beside a cluster (tools/with_kafka) to it and from it.
namespace millrace::connect {

struct Kinds {
  std::string source;
  std::string target;
};

inline std::vector<Kinds> all_kinds() {
  if (const char* const address = std::getenv("MILLRACE_TEST_KAFKA")) {
    // A machine with much else to do responds late.
    const std::string url = std::string("kafka://") + address +
                            "/{}?fetch.wait.max.ms=5&millrace.request.timeout.ms=120000";
    return {{"file", url}, {url, "file"}};
  }
  return {{"file", "file"}, {"file", "sparse"}, {"sparse", "file"}, {"sparse", "sparse"}};
}

class CopyTest : public testing::TestWithParam<Kinds> {
 protected:
  // Copies; fails the test when refused or when something differs.
  CopySummary copied() {
    auto done = run.copy(*source, *target);
    EXPECT_TRUE(done) << done.error().to_string();
    if (!done) return {};
    EXPECT_EQ(done->differences, std::vector<std::string>());
    return *done;
  }
  ErrorCode refused() {
    const auto done = run.copy(*source, *target);
    EXPECT_FALSE(done);
    if (done) return {"none"};
    message = done.error().message();
    return done.error().code();
  }
  void expect_same(const std::string& topic, std::int32_t partitions = 2) {
    const auto a = source->tool();
    const auto b = target->tool();
    for (std::int32_t p = 0; p < partitions; ++p)
      EXPECT_EQ(contents(*b, topic, p), contents(*a, topic, p)) << topic << "-" << p;
  }
  // What a group reads next is the same on both.
  void expect_same_rest(const std::string& group, const std::string& topic,
                        std::int32_t partition) {
    const auto a = source->tool();
    const auto b = target->tool();
    const auto from_a = position_of(*source, group, topic, partition);
    const auto from_b = position_of(*target, group, topic, partition);
    ASSERT_TRUE(from_a);
    ASSERT_TRUE(from_b);
    EXPECT_EQ(contents(*b, topic, partition, from_b), contents(*a, topic, partition, from_a));
  }
  std::vector<Content> numbered(int from, int to) {
    std::vector<Content> records;
    for (int i = from; i < to; ++i)
      records.push_back({i + 1, "k" + std::to_string(i % 3), "v" + std::to_string(i), {}});
    return records;
  }

  std::unique_ptr<CopyLog> source = make_copy_log(GetParam().source);
  std::unique_ptr<CopyLog> target = make_copy_log(GetParam().target);
  CopyRun run;
  std::string message;
};

inline std::string kinds_name(const testing::TestParamInfo<Kinds>& info) {
  const auto kind = [](const std::string& name) {
    return name == "file" || name == "sparse" ? name : std::string("url");
  };
  return kind(info.param.source) + "_to_" + kind(info.param.target);
}

}  // namespace millrace::connect
