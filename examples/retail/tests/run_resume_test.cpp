// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/run/resume.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/log/memory_log.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/run/feed_position.hpp"
#include "retail/run/log_guard.hpp"

namespace retail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;
namespace log = millrace::log;

class RunResume : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (fs::temp_directory_path() / "millrace-run-XXXXXX").string();
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    RunOptions options;
    options.data = path;
    auto opened = DataDirectory::open(options, [](const std::string&) {});
    ASSERT_TRUE(opened) << opened.error().message();
    directory_.emplace(*std::move(opened));
    topic_ = *log_->create_topic({requests_topic, 2, log::TopicKind::events, "storefront"});
    for (int i = 0; i < 20; ++i)
      add_request(i);
  }
  void TearDown() override {
    if (!directory_) return;
    std::error_code ignored;
    fs::remove_all(directory_->path(""), ignored);
  }

  void add_request(int number) {
    log::Transaction transaction;
    transaction.append({topic_.id, log::partition(number % 2)}, {0, "k", "v", {}});
    ASSERT_TRUE(log_->commit(transaction));
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_->path(name)) << text;
  }
  void write_position(std::size_t answered, const LogSeen& seen) const {
    ASSERT_TRUE(write_feed_position(directory_->path("feed.position"), {answered, seen}));
  }
  void write_summary(std::int64_t invoices, const LogSeen& seen) const {
    write("summary.json", R"({"invoices":)" + std::to_string(invoices) +
                              R"(,"audit":{"ok":true,"violations":[]},"seen":)" + R"({"log":")" +
                              seen.log + R"(","incarnation":)" + std::to_string(seen.incarnation) +
                              R"(,"position":)" + std::to_string(seen.position) +
                              R"(,"lineage":")" + seen.lineage.value_or("0") + R"("}})");
  }
  millrace::Result<Resumed> try_resume(std::size_t invoices) {
    said_.clear();
    return resume(*log_, *directory_, pass_, invoices,
                  [this](const std::string& line) { said_.push_back(line); });
  }
  LogSeen ahead() {
    LogSeen seen = see(*log_);
    seen.position += 1'000;
    return seen;
  }

  log::MemoryBroker broker_{millrace::real_clock(), false};
  std::unique_ptr<log::Log> log_ = broker_.connect({.service = "storefront", .member = ""});
  log::Topic topic_;
  std::optional<DataDirectory> directory_;
  RunPass pass_;
  std::vector<std::string> said_;
};

TEST_F(RunResume, without_files_a_run_starts_at_the_first_request) {
  const auto resumed = try_resume(20);
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->answered, 0U);
  EXPECT_FALSE(resumed->finished);
}

TEST_F(RunResume, a_summary_of_a_later_format_is_refused_by_its_number) {
  const std::string later = R"({"format":2,"figures":[20]})";
  write("summary.json", later);
  const auto refused = try_resume(20);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(),
              HasSubstr("summary.json has format 2 and this ./run reads"));
  write("summary.json", R"({"format":1,"invoices":20,"audit":{"ok":true,"violations":[]}})");
  const auto resumed = try_resume(20);
  ASSERT_TRUE(resumed) << resumed.error().message();
  EXPECT_TRUE(resumed->finished);
}

TEST_F(RunResume, a_pass_that_is_over_is_not_sent_again_from_a_directory_without_its_summary) {
  pass_.end.emplace();
  pass_.next_has_begun = true;
  const auto refused = try_resume(20);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(millrace::errc::invalid_argument));
  EXPECT_THAT(refused.error().message(), HasSubstr("pass 1 is complete in " + log_->identity()));
  write_position(20, see(*log_));
  write_summary(20, see(*log_));
  const auto finished = try_resume(20);
  ASSERT_TRUE(finished) << finished.error().message();
  EXPECT_TRUE(finished->finished);
}

TEST_F(RunResume, files_of_this_log_are_believed) {
  write_position(20, see(*log_));
  write_summary(20, see(*log_));
  auto resumed = try_resume(20);
  ASSERT_TRUE(resumed) << resumed.error().message();
  EXPECT_EQ(resumed->answered, 20U);
  ASSERT_TRUE(resumed->finished);
  EXPECT_TRUE(resumed->finished->audit_ok);
  resumed = try_resume(40);
  ASSERT_TRUE(resumed);
  EXPECT_FALSE(resumed->finished) << "that run was shorter";
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(RunResume, a_position_of_another_log_is_said_and_passed_over) {
  LogSeen other = see(*log_);
  other.log = "file/42";
  write_position(10, other);
  const auto resumed = try_resume(20);
  ASSERT_TRUE(resumed) << resumed.error().message();
  EXPECT_EQ(resumed->answered, 0U) << "each request takes effect once";
  EXPECT_THAT(said_, ElementsAre(HasSubstr("of the log file/42")));
}

TEST_F(RunResume, a_position_of_a_history_that_the_log_does_not_know_is_said_and_passed_over) {
  LogSeen seen = see(*log_);
  ASSERT_TRUE(seen.lineage);
  seen.lineage = "000000000000002a";
  write_position(10, seen);
  write_summary(20, seen);
  const auto resumed = try_resume(20);
  ASSERT_TRUE(resumed) << resumed.error().message();
  EXPECT_EQ(resumed->answered, 0U);
  EXPECT_FALSE(resumed->finished);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("feed.position is not of this log: it saw a history"),
                                 HasSubstr("summary.json does not fit to the log")));
}

TEST_F(RunResume, a_position_of_an_earlier_build_which_named_no_history_is_believed) {
  LogSeen seen = see(*log_);
  seen.lineage.reset();
  write_position(10, seen);
  const auto resumed = try_resume(20);
  ASSERT_TRUE(resumed) << resumed.error().message();
  EXPECT_EQ(resumed->answered, 10U);
}

TEST_F(RunResume, a_position_that_names_no_lineage_where_one_belongs_is_an_error) {
  for (const char* const lineage : {"", "x", "1x", "10000000000000000", "-1"}) {
    LogSeen seen = see(*log_);
    seen.lineage = lineage;
    write_position(10, seen);
    const auto resumed = try_resume(20);
    ASSERT_FALSE(resumed) << lineage;
    EXPECT_THAT(resumed.error().message(), HasSubstr("which is no lineage")) << lineage;
  }
}

TEST_F(RunResume, a_position_that_saw_more_than_the_log_holds_is_an_error) {
  write_position(10, ahead());
  const auto resumed = try_resume(20);
  ASSERT_FALSE(resumed);
  EXPECT_TRUE(resumed.error().is(millrace::errc::invalid_argument));
  EXPECT_THAT(resumed.error().message(), HasSubstr("the log ends at"));
  EXPECT_THAT(resumed.error().message(), HasSubstr("--fresh"));
}

TEST_F(RunResume, a_position_beyond_the_requests_of_run_or_log_is_an_error_in_any_format) {
  write_position(21, see(*log_));
  EXPECT_FALSE(try_resume(20));
  EXPECT_FALSE(try_resume(40));
  write("feed.position", "21\n");
  EXPECT_FALSE(try_resume(20));
  EXPECT_FALSE(try_resume(40));
  write("feed.position", "20\n");
  EXPECT_TRUE(try_resume(40));
}

TEST_F(RunResume, a_file_that_holds_no_position_or_one_of_a_newer_format_is_an_error) {
  for (const char* text :
       {"", "many\n", "-5\n", "{}", R"({"format":99,"answered":1})",
        R"({"format":2,"answered":-1,"seen":{"log":"","incarnation":0,"position":0}})"}) {
    write("feed.position", text);
    EXPECT_FALSE(try_resume(20)) << text;
  }
}

TEST_F(RunResume, a_summary_that_is_not_of_this_logs_past_is_said_and_passed_over) {
  write_summary(20, ahead());
  auto resumed = try_resume(20);
  ASSERT_TRUE(resumed);
  EXPECT_FALSE(resumed->finished);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("summary.json does not fit to the log")));
  // One of an earlier build, with more invoices than there are.
  write("summary.json", R"({"invoices":40,"audit":{"ok":true,"violations":[]}})");
  resumed = try_resume(40);
  ASSERT_TRUE(resumed);
  EXPECT_FALSE(resumed->finished);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("the log holds 20")));
  write("summary.json", R"({"invoices":20,"audit":{"ok":true,"violations":[]}})");
  resumed = try_resume(20);
  ASSERT_TRUE(resumed);
  EXPECT_TRUE(resumed->finished);
}

class RunGuard : public testing::Test {
 protected:
  std::unique_ptr<log::Log> connect(const std::string& member) {
    return broker_.connect({.service = "", .member = member});
  }
  log::MemoryBroker broker_{millrace::real_clock(), false};
};

TEST_F(RunGuard, one_run_at_a_time_and_the_next_when_it_ended_or_died) {
  auto first = connect("run-1");
  auto second = connect("run-2");
  auto third = connect("run-3");
  {
    const auto guard = LogGuard::take(*first, millrace::real_clock());
    ASSERT_TRUE(guard) << guard.error().message();
    const auto refused = LogGuard::take(*second, millrace::real_clock());
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(millrace::errc::busy));
    EXPECT_THAT(refused.error().message(), HasSubstr("run-1"));
    EXPECT_TRUE((*guard)->check());
  }
  const auto after = LogGuard::take(*second, millrace::real_clock());
  ASSERT_TRUE(after) << after.error().message();
  broker_.kill_member(*second);
  const auto next = LogGuard::take(*third, millrace::real_clock());
  EXPECT_TRUE(next) << next.error().message();
}

}  // namespace
}  // namespace retail
