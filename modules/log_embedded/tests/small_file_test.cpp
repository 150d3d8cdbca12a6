// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "small_file.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "process_world.hpp"

// Files of a real directory whose size is damaged.
namespace millrace::log {
namespace {

constexpr std::uintmax_t enormous = 1ULL << 42U;

class EnormousFile : public EmbeddedProcesses {
 protected:
  EnormousFile() {
    const auto log = open("one");
    partition_ = topic_at(*log, "t");
    EXPECT_TRUE(put_all(*log, {partition_}, "v"));
  }
  void grow(const std::string& name) {
    std::filesystem::resize_file(path() + "/" + name, enormous);
  }

  TopicPartition partition_;
};

TEST_F(EnormousFile, is_named) {
  grow("version");
  const auto refused = try_open(options_of());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::corrupt)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), testing::HasSubstr(path() + "/version: corrupt"));
}

TEST_F(EnormousFile, that_is_not_needed_is_passed_over) {
  grow("checkpoint");
  grow("lineages");
  const auto log = open("two");
  ASSERT_NE(log, nullptr);
  EXPECT_THAT(values_of(*log, partition_), testing::ElementsAre("v"));
}

}  // namespace
}  // namespace millrace::log
