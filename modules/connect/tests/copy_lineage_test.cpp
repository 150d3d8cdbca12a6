// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "copy_logs.hpp"
#include "millrace/connect/errors.hpp"

// A source that lost what was copied of it.
namespace millrace::connect {
namespace {

namespace fs = std::filesystem;

class CopyLineage : public testing::Test {
 protected:
  void write_some(const std::string& value, int count) {
    for (int i = 0; i < count; ++i)
      write(*source_, "orders", 0, {{i + 1, "k", value, {}}});
  }
  // A log that is open prepares segments: a file may go while it is copied.
  void keep_backup() {
    std::error_code failed = std::make_error_code(std::errc::interrupted);
    for (int tries = 0; failed && tries < 1'000; ++tries) {
      fs::remove_all(backup());
      fs::copy(log(), backup(), fs::copy_options::recursive, failed);
    }
    ASSERT_FALSE(failed) << failed.message();
  }
  void put_back() {
    source_->close();
    fs::remove_all(log());
    fs::copy(backup(), log(), fs::copy_options::recursive);
  }
  // Copies the six records that the target then has, and is refused after the source was put back
  // and has become longer.
  std::string refused_after_the_backup_was_put_back() {
    EXPECT_EQ(run_.copy(*source_, *target_)->records, 6);
    put_back();
    for (int opened = 0; opened < 3; ++opened) {
      write_some("another", 3);
      source_->close();
    }
    const std::vector<Content> before = contents(*target_->tool(), "orders", 0);
    EXPECT_EQ(before.size(), 6U);
    const auto planned = plan_copy(*source_->tool(), target_->tool().get(), run_.request);
    EXPECT_FALSE(planned) << "nothing is refused";
    const auto done = run_.copy(*source_, *target_);
    EXPECT_EQ(contents(*target_->tool(), "orders", 0), before);
    if (planned || done) return "nothing is refused";
    EXPECT_EQ(planned.error().code(), errc::not_ours);
    EXPECT_EQ(done.error().code(), errc::not_ours);
    return done.error().message();
  }
  [[nodiscard]] std::string log() const { return directory_.path() + "/log"; }
  [[nodiscard]] std::string backup() const { return directory_.path() + "/backup"; }

  CopyDirectory directory_;
  std::unique_ptr<CopyLog> source_ = file_copy_log(log());
  std::unique_ptr<CopyLog> target_ = make_copy_log("file");
  CopyRun run_;
};

TEST_F(CopyLineage, of_a_source_that_was_opened_again_goes_on) {
  make_topic(*source_, "orders", "orders");
  for (int opened = 1; opened <= 3; ++opened) {
    write_some("v", 2);
    source_->close();
    const auto done = run_.copy(*source_, *target_);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(done->records, 2);
  }
}

TEST_F(CopyLineage, that_the_source_does_not_know_since_it_was_put_back_is_refused) {
  make_topic(*source_, "orders", "orders");
  write_some("v", 3);
  source_->close();
  keep_backup();
  write_some("v", 3);
  EXPECT_THAT(refused_after_the_backup_was_put_back(),
              testing::HasSubstr("a history that this log does not have"));
}

TEST_F(CopyLineage, of_which_the_source_lost_the_end_is_refused) {
  make_topic(*source_, "orders", "orders");
  write_some("v", 3);
  keep_backup();  // while it is open, and rests
  write_some("v", 3);
  EXPECT_THAT(refused_after_the_backup_was_put_back(),
              testing::HasSubstr("of that history the log holds what was before position"));
}

}  // namespace
}  // namespace millrace::connect
