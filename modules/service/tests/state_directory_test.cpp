// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "state_directory.hpp"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <optional>
#include <string>

namespace millrace::service {
namespace {

class StateDirectories : public testing::Test {
 protected:
  StateDirectories() {
    std::string pattern = testing::TempDir() + "millrace-state-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) directory_ = pattern;
  }
  std::string root() const { return directory_ + "/stock"; }
  ~StateDirectories() override { std::filesystem::remove_all(directory_); }

  Result<std::unique_ptr<StateDirectory>> take(std::optional<std::int64_t> number = {}) {
    return StateDirectory::take(real_file_system(), root(), number);
  }

 private:
  std::string directory_;
};

TEST_F(StateDirectories, of_two_instances_are_two) {
  const auto one = take();
  ASSERT_TRUE(one) << one.error().to_string();
  const auto two = take();
  ASSERT_TRUE(two) << two.error().to_string();
  EXPECT_EQ((*one)->path(), root() + "/1");
  EXPECT_EQ((*two)->path(), root() + "/2");
}

TEST_F(StateDirectories, are_free_again_when_their_instance_has_ended) {
  ASSERT_TRUE(take());
  const auto again = take();
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->path(), root() + "/1");
}

TEST_F(StateDirectories, have_the_number_of_the_instance_that_is_given_one) {
  // Also the number that an instance without one tries first.
  for (const std::int64_t number : {1, 3}) {
    const auto first = take(number);
    ASSERT_TRUE(first);
    EXPECT_EQ((*first)->path(), root() + "/" + std::to_string(number));
    const auto second = take(number);
    ASSERT_FALSE(second);
    EXPECT_TRUE(second.error().is(millrace::errc::busy));
    EXPECT_NE(second.error().message().find("--instance"), std::string::npos);
  }
}

TEST_F(StateDirectories, take_over_the_snapshots_of_earlier_versions) {
  FileSystem& files = real_file_system();
  ASSERT_TRUE(files.create_directories(root()));
  ASSERT_TRUE(write_file_atomically(files, root() + "/gatherer-0.snapshot", "state"));
  ASSERT_TRUE(write_file_atomically(files, root() + "/notes", "mine"));
  const auto two = take(2);
  ASSERT_TRUE(two);
  EXPECT_TRUE(files.exists(root() + "/gatherer-0.snapshot"));
  const auto one = take(1);
  ASSERT_TRUE(one);
  EXPECT_EQ(read_file(files, root() + "/1/gatherer-0.snapshot").value(), "state");
  EXPECT_FALSE(files.exists(root() + "/gatherer-0.snapshot"));
  EXPECT_TRUE(files.exists(root() + "/notes"));
}

}  // namespace
}  // namespace millrace::service
