// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/run/directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "millrace/base/die_at.hpp"
#include "millrace/log_embedded/shared_region.hpp"

namespace retail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

constexpr const char* files_of_run[] = {"log/LOCK",
                                        "log/control",
                                        "log/checkpoint",
                                        "log/checkpoint.tmp",
                                        "log/FAILED",
                                        "log/FAILED.room",
                                        "log/ballast",
                                        "log/ballast.3.tmp",
                                        "log/members/0",
                                        "log/members/17",
                                        "log/index/0.blocks",
                                        "log/journal/00000000000000000000.journal",
                                        "log/journal/00000000000000004096.journal",
                                        "log/journal/00000000000000000000.batches",
                                        "log/journal/00000000000000000000.batches.tmp",
                                        "log/journal/next.0.prepared",
                                        "log/journal/next.unfinished",
                                        "log/settled/orders-0/00000000000000000000.log",
                                        "log/settled/orders-0/00000000000000000000.index",
                                        "log/settled/orders-0/00000000000000000000.timeindex",
                                        "log/settled/orders-0/00000000000000000007.commits.swap",
                                        "log/settled/orders-0/00000000000000000007.log.cleaned",
                                        "log/settled/orders-0/compaction",
                                        "state/stock/shelves-0.snapshot",
                                        "state/stock/shelves-1.snapshot.new",
                                        "state/stock-2/shelves-12.snapshot",
                                        "state/orders/1/lock",
                                        "state/orders/1/fulfil-0.snapshot",
                                        "state/orders/2/fulfil-1.snapshot.new",
                                        "run/stock.json",
                                        "logs/stock.log",
                                        "logs/stock-2.log",
                                        "feed.position",
                                        "summary.json"};

class RunDirectory : public testing::Test {
 protected:
  RunDirectory() {
    std::string path = (fs::temp_directory_path() / "millrace-run-XXXXXX").string();
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    data_ = root_ / "data";
  }
  ~RunDirectory() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  millrace::Result<DataDirectory> open(bool fresh = false, const std::string& stock = "scarce") {
    RunOptions options;
    options.data = data_.string();
    options.stock = stock;
    options.fresh = fresh;
    said_.clear();
    return DataDirectory::open(options, [this](const std::string& line) { said_.push_back(line); });
  }
  void write(const std::string& name, const std::string& text = "x") const {
    fs::create_directories((data_ / name).parent_path());
    std::ofstream(data_ / name) << text;
  }
  [[nodiscard]] bool exists(const std::string& name) const { return fs::exists(data_ / name); }
  // What a run leaves behind.
  void write_run() const {
    for (const char* name : files_of_run) {
      write(name);
    }
    write("log/version", "millrace-log 1 5ca1ab1e\n");
    write("kafka/state.json", R"({"brokers": [], "watcher": null})");
    write("kafka/broker-1/data/meta.properties");
  }
  [[nodiscard]] std::vector<std::string> everything() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(data_)) {
      names.push_back(fs::relative(entry.path(), data_).string());
    }
    return names;
  }

  fs::path root_, data_;
  std::vector<std::string> said_;
};

TEST_F(RunDirectory, a_directory_with_something_in_it_and_no_marker_is_refused_and_left_as_it_is) {
  write("notes.txt");
  write("log/mine");
  for (const bool fresh : {false, true}) {
    const auto opened = open(fresh);
    ASSERT_FALSE(opened) << fresh;
    EXPECT_TRUE(opened.error().is(millrace::errc::invalid_argument));
    EXPECT_THAT(opened.error().message(), HasSubstr("not the directory of a run"));
    EXPECT_TRUE(exists("log/mine"));
    EXPECT_TRUE(exists("notes.txt"));
    EXPECT_EQ(std::distance(fs::directory_iterator(data_), {}), 2) << "nothing was written there";
  }
}

TEST_F(RunDirectory, a_new_one_and_an_empty_one_are_taken_and_readable_by_their_owner_only) {
  for (const bool there : {false, true}) {
    if (there) fs::create_directories(data_);
    ASSERT_TRUE(open(true)) << there;
    EXPECT_TRUE(exists("retail-run.json"));
    EXPECT_EQ(fs::status(data_).permissions(), fs::perms::owner_all);
    EXPECT_THAT(said_, IsEmpty());
    fs::remove_all(data_);
  }
}

TEST_F(RunDirectory, one_that_is_open_to_its_group_alone_stays_so) {
  fs::create_directories(data_);
  fs::permissions(data_, fs::perms(0770));
  ASSERT_TRUE(open());
  EXPECT_EQ(fs::status(data_).permissions(), fs::perms(0770));
  EXPECT_EQ(fs::status(data_ / "lock").permissions(), fs::perms(0660))
      << "or its group could not run there";
}

TEST_F(RunDirectory, root_leaves_nothing_of_its_own_in_the_directory_of_a_user) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root opens the directories of others";
  }
  constexpr uid_t somebody = 12'345;
  fs::create_directories(data_);
  ASSERT_EQ(::chown(data_.c_str(), somebody, somebody), 0);
  ASSERT_TRUE(open());
  for (const std::string& name : everything()) {
    struct stat found{};
    ASSERT_EQ(::lstat((data_ / name).c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, somebody) << name;
    EXPECT_EQ(found.st_gid, somebody) << name;
  }
}

TEST_F(RunDirectory, a_run_that_ended_before_its_marker_was_written_can_be_begun_again) {
  write("lock", "");
  EXPECT_TRUE(open());
}

TEST_F(RunDirectory, fresh_says_what_it_deletes_and_keeps_what_no_run_wrote) {
  ASSERT_TRUE(open());
  write_run();
  write("notes.txt");
  write("logs/notes.log");
  ASSERT_TRUE(open(true, "ample"));
  ASSERT_EQ(said_.size(), 2U);
  EXPECT_EQ(said_[0], "--fresh deletes of " + data_.string() +
                          ": feed.position, kafka, log, logs/stock-2.log, logs/stock.log, run, "
                          "state, summary.json");
  EXPECT_EQ(said_[1], "--fresh keeps what no run wrote: logs/notes.log, notes.txt");
  for (const char* gone :
       {"log", "state/stock", "run/stock.json", "logs/stock.log", "feed.position", "summary.json"})
    EXPECT_FALSE(exists(gone)) << gone;
  EXPECT_TRUE(exists("notes.txt"));
  EXPECT_TRUE(exists("logs/notes.log"));
  EXPECT_FALSE(open(false, "scarce")) << "begun with ample now";
}

TEST_F(RunDirectory, fresh_keeps_files_of_others_among_those_of_a_cluster_and_of_settled_segments) {
  ASSERT_TRUE(open());
  write_run();
  write("kafka/notes.txt");
  write("log/settled/notes.txt");
  write("log/settled/orders-0/notes.log");
  ASSERT_TRUE(open(true));
  ASSERT_EQ(said_.size(), 2U);
  EXPECT_EQ(said_[1],
            "--fresh keeps what no run wrote: kafka/notes.txt, log/settled/notes.txt, "
            "log/settled/orders-0/notes.log");
  EXPECT_FALSE(exists("kafka/broker-1"));
  EXPECT_FALSE(exists("log/settled/orders-0/compaction"));
}

TEST_F(RunDirectory, a_directory_named_log_that_is_no_log_is_kept) {
  ASSERT_TRUE(open());
  write("log/wood.txt");
  write("log/version", "of the forest");
  write("kafka/state.json", "of mind");
  ASSERT_TRUE(open(true));
  EXPECT_THAT(said_,
              ElementsAre(HasSubstr("deletes"), "--fresh keeps what no run wrote: kafka, log"));
  EXPECT_TRUE(exists("log/wood.txt"));
  EXPECT_TRUE(exists("log/version"));
  EXPECT_TRUE(exists("kafka/state.json"));
}

TEST_F(RunDirectory, fresh_keeps_and_lists_what_no_run_wrote_inside_of_what_runs_wrote) {
  ASSERT_TRUE(open());
  write_run();
  const std::vector<std::string> mine{"log/backup/version",
                                      "log/index/old.blocks",
                                      "log/journal/0.journal",
                                      "log/journal/00000000000000000000.journal.gz",
                                      "log/journal/next.md",
                                      "log/members/list.txt",
                                      "log/versions",
                                      "state/garden/plan-0.snapshot",
                                      "state/stock/deep/shelves-0.snapshot",
                                      "state/stock/notes.txt",
                                      "state/orders/2/lock.txt",
                                      "state/stock/mine.snapshot"};
  for (const std::string& name : mine) {
    write(name);
  }
  ASSERT_TRUE(open(true));
  for (const std::string& name : mine) {
    EXPECT_TRUE(exists(name)) << name;
  }
  ASSERT_EQ(said_.size(), 2U);
  EXPECT_EQ(said_[1],
            "--fresh keeps what no run wrote: log/backup, log/index/old.blocks, "
            "log/journal/0.journal, log/journal/00000000000000000000.journal.gz, "
            "log/journal/next.md, log/members/list.txt, log/versions, state/garden, "
            "state/orders/2/lock.txt, state/stock/deep, state/stock/mine.snapshot, "
            "state/stock/notes.txt");
  for (const char* gone :
       {"log/version", "log/LOCK", "log/control", "log/members/17", "log/index/0.blocks",
        "log/journal/00000000000000004096.journal", "log/journal/next.0.prepared",
        "state/stock/shelves-1.snapshot.new", "state/stock-2", "kafka"}) {
    EXPECT_FALSE(exists(gone)) << gone;
  }
}

TEST_F(RunDirectory, fresh_that_was_interrupted_anywhere_can_be_repeated) {
  if (!millrace::fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  bool interrupted = true;
  int steps = 0;
  while (interrupted) {
    ASSERT_TRUE(open());
    write_run();
    write("log/backup/version");
    write("state/stock/notes.txt");
    try {
      const millrace::DieAt death("retail.fresh.step", ++steps);
      ASSERT_TRUE(open(true));
      interrupted = false;
    } catch (const millrace::SimulatedDeath&) {
      interrupted = true;
    }
    ASSERT_TRUE(open(true)) << steps;
    EXPECT_THAT(everything(),
                testing::UnorderedElementsAre("lock", "log", "log/backup", "log/backup/version",
                                              "logs", "retail-run.json", "run", "state",
                                              "state/stock", "state/stock/notes.txt"))
        << "interrupted at step " << steps;
  }
  EXPECT_GT(steps, 30);
}

// An earlier build deleted the files of a log in the order in which the system listed them.
TEST_F(RunDirectory, what_an_earlier_build_left_of_a_log_that_it_deleted_is_deleted_too) {
  for (const char* missing : {"version", "journal", "members", "LOCK"}) {
    ASSERT_TRUE(open());
    write_run();
    fs::remove(data_ / "log/version");
    fs::remove_all(data_ / "log" / missing);
    ASSERT_TRUE(open(true));
    EXPECT_FALSE(exists("log")) << missing;
    EXPECT_EQ(said_.size(), 1U) << said_.back();
  }
}

TEST_F(RunDirectory, fresh_refuses_links_and_deletes_nothing_then) {
  ASSERT_TRUE(open());
  write_run();
  fs::create_directories(root_ / "elsewhere");
  std::ofstream(root_ / "elsewhere/version") << "x";
  for (const std::string link : {"log", "state", "logs", "kafka", "state/orders",
                                 "log/journal/more", "kafka/broker-1", "summary.json"}) {
    fs::remove_all(data_ / link);
    fs::create_directory_symlink(root_ / "elsewhere", data_ / link);
    const auto opened = open(true);
    ASSERT_FALSE(opened) << link;
    EXPECT_THAT(opened.error().message(), HasSubstr(link + " is a symbolic link"));
    EXPECT_TRUE(exists("feed.position")) << link;
    EXPECT_TRUE(fs::exists(root_ / "elsewhere/version")) << link;
    fs::remove(data_ / link);
    write_run();
  }
}

TEST_F(RunDirectory, fresh_does_not_delete_a_log_that_a_process_has_open) {
  ASSERT_TRUE(open());
  write_run();
  const auto region = millrace::real_shared_regions().open((data_ / "log").string(), true);
  ASSERT_TRUE(region);
  ASSERT_TRUE((*region)->try_lock(millrace::SharedRegion::LockMode::shared));
  const auto opened = open(true);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is(millrace::errc::busy));
  EXPECT_TRUE(exists("log/version"));
  EXPECT_TRUE(exists("feed.position"));
}

TEST_F(RunDirectory, one_begun_by_an_earlier_build_is_adopted) {
  write_run();
  write("estate", "stock=ample\n");
  fs::permissions(data_, fs::perms(0755));
  EXPECT_FALSE(open(false, "scarce"));
  EXPECT_TRUE(exists("estate"));
  ASSERT_TRUE(open(false, "ample"));
  EXPECT_TRUE(exists("retail-run.json"));
  EXPECT_FALSE(exists("estate"));
  EXPECT_TRUE(exists("log/version"));
  EXPECT_EQ(fs::status(data_).permissions(), fs::perms::owner_all);
  EXPECT_FALSE(open(false, "scarce"));
}

TEST_F(RunDirectory, a_file_that_only_has_the_name_of_the_old_marker_is_none) {
  write("estate", "the house and the garden\n");
  EXPECT_FALSE(open(true));
  EXPECT_TRUE(exists("estate"));
}

TEST_F(RunDirectory, a_marker_of_a_newer_format_is_refused) {
  write("retail-run.json", R"({"format":99,"stock":"scarce","log":""})");
  write("feed.position");
  for (const bool fresh : {false, true}) {
    const auto opened = open(fresh);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().message(), HasSubstr("has format 99"));
    EXPECT_TRUE(exists("feed.position"));
  }
}

TEST_F(RunDirectory, two_runs_at_once_do_not_share_one) {
  const auto first = open();
  ASSERT_TRUE(first);
  const auto second = open(true);
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(millrace::errc::busy));
}

}  // namespace
}  // namespace retail
