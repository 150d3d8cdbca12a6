// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What `millrace new` writes and refuses. tests/package builds and runs a project of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "shop.hpp"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class NewProject : public testing::Test {
 protected:
  NewProject() {
    char made[] = "/tmp/millrace_new_XXXXXX";
    directory_ = ::mkdtemp(made);
  }
  ~NewProject() override { fs::remove_all(directory_); }
  std::string in(const std::string& path) const { return (directory_ / path).string(); }

  fs::path directory_;
};

TEST_F(NewProject, has_no_word_left_to_replace) {
  const auto made = run({"new", "order-desk", "--directory", in("desk")});
  ASSERT_EQ(made.exit_code, 0) << made.notes;
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory_ / "desk")) {
    ++files;
    EXPECT_THAT(made.out, HasSubstr(entry.path().string() + "\n"));
    const std::string text = text_of(entry.path());
    EXPECT_THAT(text, Not(IsEmpty())) << entry.path();
    for (const char* word : {"@NAME@", "@LOG@", "@VERSION@", "@RUN@", "@CONTAINER@"})
      EXPECT_THAT(text, Not(HasSubstr(word))) << entry.path();
  }
  EXPECT_EQ(files, 9);
  EXPECT_THAT(text_of(in("desk/topology.cpp")),
              HasSubstr("TopologyBuilder builder(\"order-desk\");"));
  EXPECT_THAT(text_of(in("desk/README.md")),
              HasSubstr("\n    build/order-desk --log file:./data --port 8080\n"));
}

TEST_F(NewProject, of_kafka_differs_where_it_is_started) {
  ASSERT_EQ(run({"new", "desk", "--directory", in("local")}).exit_code, 0);
  ASSERT_EQ(run({"new", "desk", "--kafka", "--directory", in("cluster")}).exit_code, 0);
  for (const auto& entry : fs::directory_iterator(directory_ / "local")) {
    const fs::path name = entry.path().filename();
    const bool same = text_of(entry.path()) == text_of(directory_ / "cluster" / name);
    EXPECT_EQ(same, name != "README.md" && name != "Dockerfile") << name;
  }
  EXPECT_THAT(text_of(in("cluster/README.md")), HasSubstr("--log kafka://localhost:9092"));
  EXPECT_THAT(text_of(in("cluster/Dockerfile")), HasSubstr("MILLRACE_LOG=kafka://localhost:9092 "));
}

TEST_F(NewProject, writes_over_nothing) {
  std::ofstream(in("mine")) << "mine";
  const auto full = run({"new", "desk", "--directory", directory_.string()});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_THAT(full.notes, HasSubstr("is not empty"));
  const auto file = run({"new", "desk", "--directory", in("mine")});
  EXPECT_EQ(file.exit_code, 1);
  EXPECT_THAT(file.notes, HasSubstr("cannot write to"));
  EXPECT_EQ(text_of(in("mine")), "mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 1);
}

}  // namespace
}  // namespace millrace::cli
