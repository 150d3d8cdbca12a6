// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "member.hpp"
#include "refusing_files.hpp"
#include "settling_world.hpp"

// The files of deleted topics are removed some at a time, as others wait, and on a full disk.
namespace millrace::log {
namespace {

using testing::IsEmpty;

class TopicDeletionRounds : public Settling {
 protected:
  static constexpr std::int64_t ms_for_a_file = 60;

  /// Each file below a renamed directory takes some time.
  void SetUp() override {
    Settling::SetUp();
    files_.refuse([this](std::string_view call, const std::string& path) {
      if (call == "remove" && path.contains("-delete/")) {
        machine().clock.advance_ms(ms_for_a_file);
        ++removed_;
      }
      return Status{};
    });
  }
  std::unique_ptr<Log> open_slowly(std::string member = "") {
    auto log =
        open_embedded(root, environment_, options_of("stock", std::move(member)), settling());
    EXPECT_TRUE(log) << log.error().to_string();
    return log ? *std::move(log) : nullptr;
  }
  std::size_t files_left() {
    std::size_t left = 0;
    for (const std::string& directory : names("/settled", "-delete")) {
      left += names("/settled/" + directory, "").size();
    }
    return left;
  }

  RefusingFiles files_{machine_.files};
  LogEnvironment environment_{machine_.clock, files_, machine_.random, machine_.processes};
  int removed_ = 0;
};

TEST_F(TopicDeletionRounds, leave_the_rest_to_later_calls_and_the_right_to_settle_to_others) {
  auto log = open_slowly("deletes");
  auto other = open("other");
  fill(*log, 60);
  ASSERT_TRUE(log->maintain_storage());
  ASSERT_TRUE(log->delete_topic(a_.topic));
  EXPECT_EQ(removed_, 2);
  ASSERT_GT(files_left(), 6U);
  fill(*other, 1);
  for (int round = 2; files_left() > 0; ++round) {
    ASSERT_TRUE(log->maintain_storage());
    ASSERT_LE(removed_, 2 * round);
    ASSERT_LT(round, 1'000);
  }
  ASSERT_TRUE(log->maintain_storage());
  EXPECT_THAT(names("/settled", "-delete"), IsEmpty());
  EXPECT_EQ(count_of(*log, "deletion_errors"), 0U);
  expect_good_directory();
}

TEST_F(TopicDeletionRounds, are_no_part_of_an_opening) {
  {
    auto log = open_slowly();
    fill(*log, 60);
    ASSERT_TRUE(log->maintain_storage());
    ASSERT_TRUE(log->delete_topic(a_.topic));
    abandon(*log);
  }
  const std::size_t left = files_left();
  ASSERT_GT(left, 0U);
  removed_ = 0;
  auto log = open_slowly();
  EXPECT_EQ(removed_, 0) << "others wait until the log is open";
  EXPECT_EQ(files_left(), left);
  for (std::size_t call = 0; call <= left; ++call) {
    ASSERT_TRUE(log->maintain_storage());
  }
  EXPECT_THAT(names("/settled", "-delete"), IsEmpty());
}

// The handle holds the writer lock then: a waiter would kill its process.
TEST_F(TopicDeletionRounds, end_with_the_file_that_is_removed_when_the_handle_is_given_up) {
  auto member = embedded::Member::open(root, environment_, options_of(), settling());
  ASSERT_TRUE(member) << member.error().to_string();
  embedded::TopicDeletions& deletions = (*member)->deletions;
  auto log = open_slowly("other");
  fill(*log, 60);
  ASSERT_TRUE(log->maintain_storage());
  files_.refuse([](std::string_view call, const std::string& path) {
    return call == "rename" && path.contains("/settled/")
               ? Status(fail(millrace::errc::io_error, path + ": is set to fail"))
               : Status{};
  });
  ASSERT_FALSE(log->delete_topic(a_.topic)) << "it is left to the member";
  ASSERT_TRUE((*member)->topics.refresh());
  std::thread stopping;
  int removed = 0;
  files_.refuse([&](std::string_view call, const std::string& path) {
    if (call == "remove" && path.contains("-delete/") && ++removed == 1) {
      stopping = std::thread([&] { deletions.stop(); });
      while (deletions.is_due(machine().clock.monotonic_ns())) {
        std::this_thread::yield();
      }
    }
    return Status{};
  });
  static_cast<void>((*member)->maintain_storage());
  ASSERT_TRUE(stopping.joinable()) << "nothing was removed";
  stopping.join();
  files_.refuse(nullptr);
  EXPECT_EQ(removed, 1);
  EXPECT_FALSE(deletions.is_due(machine().clock.monotonic_ns()));
}

TEST_F(TopicDeletionRounds, on_a_full_disk_give_back_more_than_the_ballast_that_they_use) {
  auto log = open();
  const std::string ballast = root + "/ballast";
  fill(*log, 60);
  ASSERT_TRUE(log->maintain_storage());
  ASSERT_TRUE(machine().files.exists(ballast));
  const TopicPartition old = a_;
  machine().fill_disk();
  const Status deleted = log->delete_topic(old.topic);
  ASSERT_TRUE(deleted) << deleted.error().to_string();
  EXPECT_THAT(names("/settled", ""), IsEmpty());
  EXPECT_TRUE(machine().files.exists(ballast)) << "there is room for it again";
  expected_a_.clear();
  expected_b_.clear();
  fill(*log, 5);
  EXPECT_NE(a_.topic, old.topic);
  expect_whole(*log);
  expect_good_directory();
}

// As where the checkpoint needs more room than the ballast has.
TEST_F(TopicDeletionRounds, make_the_ballast_again_that_did_not_help) {
  auto log = open_slowly();
  const std::string ballast = root + "/ballast";
  fill(*log, 20);
  ASSERT_TRUE(log->maintain_storage());
  ASSERT_TRUE(machine().files.exists(ballast));
  files_.refuse([](std::string_view call, const std::string& path) {
    return call == "open" && path.contains("/checkpoint.")
               ? Status(fail(millrace::errc::disk_full, path + ": is set to fail"))
               : Status{};
  });
  const Status failed = log->delete_topic(a_.topic);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().is(errc::disk_full)) << failed.error().to_string();
  EXPECT_TRUE(machine().files.exists(ballast));
}

// Somebody put it there, and may need it.
TEST_F(TopicDeletionRounds, leave_what_only_looks_like_a_deleted_directory) {
  auto log = open();
  fill(*log, 20);
  ASSERT_TRUE(log->maintain_storage());
  const std::string other = root + "/settled/notes-delete";
  ASSERT_TRUE(machine().files.create_directories(other));
  ASSERT_TRUE(log->delete_topic(a_.topic));
  EXPECT_THAT(names("/settled", ""), testing::ElementsAre("notes-delete"));
  EXPECT_EQ(count_of(*log, "deletion_errors"), 0U);
  ASSERT_TRUE(machine().files.remove(other));
}

}  // namespace
}  // namespace millrace::log
