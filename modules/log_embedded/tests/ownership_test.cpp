// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "millrace/base/fault_point.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/log_embedded/shared_region.hpp"

namespace millrace {
namespace {

constexpr uid_t somebody = 65'534;

/// Who may use what the machine's file system creates. Runs under the umask that most people have.
class Ownership : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "millrace-modes-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    former_ = ::umask(022);
  }
  void TearDown() override {
    ::umask(former_);
    std::filesystem::remove_all(root_);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }
  [[nodiscard]] mode_t mode(const std::string& name) const { return status(name).st_mode & 07777U; }
  [[nodiscard]] struct stat status(const std::string& name) const {
    struct stat found{};
    EXPECT_EQ(::lstat(path(name).c_str(), &found), 0) << name;
    return found;
  }
  void share_a_region(const std::string& name) {
    const auto region = real_shared_regions().open(path(name), true);
    ASSERT_TRUE(region) << region.error().to_string();
    ASSERT_TRUE((*region)->map(4096, true));
    ASSERT_TRUE((*region)->block(0, 4096, true));
    ASSERT_TRUE((*region)->join(0).value());
  }

  FileSystem& files_ = real_file_system();
  std::string root_;
  mode_t former_ = 0;
};

TEST_F(Ownership, what_is_created_can_be_used_by_its_owner_alone) {
  ASSERT_TRUE(files_.create_directories(path("a/b")));
  ASSERT_TRUE(files_.create_subdirectory(path("a/b/c")));
  ASSERT_TRUE(files_.open(path("a/file"), OpenMode::create));
  ASSERT_TRUE(files_.open(path("a/new"), OpenMode::create_exclusive));
  ASSERT_TRUE(write_file_atomically(files_, path("a/whole"), "x"));
  const auto appended = open_to_append(path("a/lines"));
  ASSERT_TRUE(appended);
  ::close(*appended);
  for (const char* name : {"a", "a/b", "a/b/c"}) {
    EXPECT_EQ(mode(name), 0700U) << name;
  }
  for (const char* name : {"a/file", "a/new", "a/whole", "a/lines"}) {
    EXPECT_EQ(mode(name), 0600U) << name;
  }
}

TEST_F(Ownership, a_shared_region_can_be_used_by_its_owner_alone) {
  share_a_region("log");
  for (const char* name : {"log", "log/members", "log/index"}) {
    EXPECT_EQ(mode(name), 0700U) << name;
  }
  for (const char* name : {"log/LOCK", "log/control", "log/members/0", "log/index/0.blocks"}) {
    EXPECT_EQ(mode(name), 0600U) << name;
  }
}

TEST_F(Ownership, a_mode_that_a_umask_left_open_shares_nothing) {
  ASSERT_EQ(::mkdir(path("old").c_str(), 0755), 0);
  ASSERT_TRUE(files_.open(path("old/file"), OpenMode::create));
  ASSERT_TRUE(files_.create_subdirectory(path("old/inside")));
  EXPECT_EQ(mode("old"), 0755U) << "an existing directory keeps its mode";
  EXPECT_EQ(mode("old/file"), 0600U);
  EXPECT_EQ(mode("old/inside"), 0700U);
}

TEST_F(Ownership, a_directory_opened_to_its_group_passes_that_on_whatever_the_umask_is) {
  for (const auto& [name, directory, file] :
       {std::tuple{"write", 0770U, 0660U}, std::tuple{"read", 0750U, 0640U}}) {
    ASSERT_EQ(::mkdir(path(name).c_str(), 0700), 0);
    ASSERT_EQ(::chmod(path(name).c_str(), directory), 0);
    ::umask(077);
    share_a_region(name);
    EXPECT_EQ(mode(name), directory);
    for (const char* inside : {"/members", "/index"}) {
      EXPECT_EQ(mode(name + std::string(inside)), directory) << inside;
    }
    for (const char* inside : {"/LOCK", "/control", "/members/0", "/index/0.blocks"}) {
      EXPECT_EQ(mode(name + std::string(inside)), file) << inside;
    }
    ASSERT_TRUE(files_.create_directories(path(name + std::string("/own"))));
    EXPECT_EQ(mode(name + std::string("/own")), 0700U) << "only parts of a directory are shared";
  }
}

TEST_F(Ownership, the_group_of_a_shared_directory_gets_what_is_created_in_it) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give a directory to another group";
  }
  ASSERT_EQ(::mkdir(path("log").c_str(), 0700), 0);
  ASSERT_EQ(::chown(path("log").c_str(), 0, somebody), 0);
  ASSERT_EQ(::chmod(path("log").c_str(), 0770), 0);
  share_a_region("log");
  for (const char* name : {"log/members", "log/members/0", "log/control"}) {
    EXPECT_EQ(status(name).st_gid, somebody) << name;
  }
}

TEST_F(Ownership, root_leaves_nothing_of_its_own_in_the_directory_of_a_user) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root opens the directories of others";
  }
  ASSERT_EQ(::mkdir(path("home").c_str(), 0700), 0);
  ASSERT_EQ(::chown(path("home").c_str(), somebody, somebody), 0);
  share_a_region("home/data/log");
  ASSERT_TRUE(write_file_atomically(files_, path("home/data/summary"), "x"));
  const auto appended = open_to_append(path("home/data/lines"));
  ASSERT_TRUE(appended);
  ::close(*appended);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path("home"))) {
    struct stat found{};
    ASSERT_EQ(::lstat(entry.path().c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, somebody) << entry.path();
    EXPECT_EQ(found.st_gid, somebody) << entry.path();
    EXPECT_EQ(found.st_mode & 077U, 0U) << entry.path();
  }
}

TEST_F(Ownership, a_file_that_exists_keeps_its_mode_and_its_owner) {
  std::ofstream(path("file")) << "x";
  ASSERT_EQ(::chmod(path("file").c_str(), 0644), 0);
  ASSERT_TRUE(files_.open(path("file"), OpenMode::create));
  EXPECT_EQ(mode("file"), 0644U);
}

TEST_F(Ownership, a_symbolic_link_is_not_followed_for_writing) {
  std::ofstream(path("precious")) << "kept";
  for (const char* link : {"file", "whole.tmp", "log/LOCK", "log/control", "log/members/0"}) {
    std::filesystem::create_directories(path("log/members"));
    std::filesystem::create_symlink(path("precious"), path(link));
  }
  for (const OpenMode mode : {OpenMode::create, OpenMode::read_write}) {
    const auto opened = files_.open(path("file"), mode);
    ASSERT_FALSE(opened);
    EXPECT_TRUE(opened.error().is(errc::invalid_argument));
    EXPECT_NE(opened.error().message().find("symbolic link"), std::string::npos);
  }
  ASSERT_TRUE(write_file_atomically(files_, path("whole"), "new"));
  EXPECT_FALSE(real_shared_regions().open(path("log"), true));
  EXPECT_EQ(read_file(files_, path("precious")).value(), "kept");
  EXPECT_EQ(read_file(files_, path("whole")).value(), "new");
}

TEST_F(Ownership, a_part_of_a_log_that_is_a_symbolic_link_is_not_followed) {
  ASSERT_TRUE(files_.create_directories(path("precious")));
  std::ofstream(path("precious/7.blocks")) << "kept";
  for (const std::string part : {"members", "index", "journal"}) {
    ASSERT_TRUE(files_.create_directories(path(part)));
    std::filesystem::create_symlink(path("precious"), path(part + "/" + part));
    const auto region = real_shared_regions().open(path(part), true);
    ASSERT_FALSE(region) << part;
    EXPECT_TRUE(region.error().is(errc::invalid_argument)) << region.error().to_string();
    EXPECT_NE(region.error().message().find(path(part + "/" + part) + ": is a symbolic link"),
              std::string::npos);
  }
  EXPECT_EQ(files_.list(path("precious")).value(), std::vector<std::string>{"7.blocks"});
  std::filesystem::create_directory_symlink(path("members"), path("link"));
  ASSERT_TRUE(files_.remove(path("members/members")));
  share_a_region("link");
}

/// What somebody does who may write to the directory in which another one was just made.
std::function<void()> after_mkdir;

TEST_F(Ownership, root_gives_away_no_directory_that_it_did_not_make) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give a directory away";
  }
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "fault points are not compiled in";
  }
  ASSERT_EQ(::mkdir(path("home").c_str(), 0700), 0);
  ASSERT_EQ(::chown(path("home").c_str(), somebody, somebody), 0);
  const auto swap_in = [&](const std::string& name) {
    after_mkdir = [this, name] {
      std::filesystem::remove(path("home/log"));
      std::filesystem::rename(path(name), path("home/log"));
    };
  };
  const FaultHandler former = set_fault_handler([](std::string_view point) {
    if (point == "ownership.directory_made" && after_mkdir) {
      std::exchange(after_mkdir, nullptr)();
    }
  });
  const auto make = [&] {
    EXPECT_TRUE(files_.create_directories(path("home/log")));
    const struct stat found = status("home/log");
    std::filesystem::remove_all(path("home/log"));
    return found;
  };
  EXPECT_EQ(make().st_uid, somebody) << "its own it gives away";

  ASSERT_EQ(::mkdir(path("full").c_str(), 0700), 0);
  std::ofstream(path("full/secret")) << "x";
  swap_in("full");
  EXPECT_EQ(make().st_uid, 0U);

  ASSERT_EQ(::mkdir(path("open").c_str(), 0755), 0);
  swap_in("open");
  EXPECT_EQ(make().st_uid, 0U);

  constexpr uid_t third = 12'345;
  ASSERT_EQ(::mkdir(path("other").c_str(), 0700), 0);
  ASSERT_EQ(::chown(path("other").c_str(), third, third), 0);
  swap_in("other");
  EXPECT_EQ(make().st_uid, third);
  EXPECT_FALSE(after_mkdir) << "all were swapped in";
  set_fault_handler(former);
}

TEST_F(Ownership, what_may_not_be_looked_at_is_not_taken_for_missing) {
  ASSERT_TRUE(files_.create_directories(path("private")));
  ASSERT_TRUE(write_file_atomically(files_, path("private/file"), "x"));
  ASSERT_EQ(::chmod(path("private").c_str(), 0), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Modes do not bind root.
    if (::geteuid() == 0 && (::chmod(root_.c_str(), 0755) != 0 || ::setuid(somebody) != 0)) {
      ::_exit(3);
    }
    const auto opened = files_.open(path("private/file"), OpenMode::read);
    const bool good = files_.exists(path("private/file")) && !files_.exists(path("nothing")) &&
                      !opened && opened.error().is(errc::no_permission);
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(::chmod(path("private").c_str(), 0700), 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Ownership, an_empty_path_is_refused) {
  const auto made = files_.create_directories("");
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().is(errc::invalid_argument));
}

}  // namespace
}  // namespace millrace
