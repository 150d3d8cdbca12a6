// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>

#include "control.hpp"
#include "frame.hpp"
#include "process_world.hpp"
#include "version.hpp"

// Processes of one log that cannot share its control file: who must stop is named.
namespace millrace::log {
namespace {

using testing::HasSubstr;

std::string text_of(pid_t pid) { return std::to_string(pid); }

class OtherLayout : public EmbeddedProcesses {
 protected:
  /// A process that has the log open and stands still.
  std::function<int()> standing(const std::string& member) {
    return [this, member] {
      const auto log = open(member);
      if (log == nullptr || !put_all(*log, {topic_at(*log, "t")}, member)) {
        return 1;
      }
      ::raise(SIGSTOP);
      return 0;
    };
  }
  [[nodiscard]] std::string control() const { return path() + "/control"; }
  void write_layout(std::uint32_t layout) const {
    std::fstream file(control(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offsetof(embedded::ControlHead, layout));
    file.write(reinterpret_cast<const char*>(&layout), sizeof layout);
    ASSERT_TRUE(file.good());
  }
  void expect_refused(const std::vector<std::string>& words) {
    const auto refused = try_open(options_of("stock", "newer"));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(errc::incompatible)) << refused.error().to_string();
    for (const std::string& word : words) {
      EXPECT_THAT(refused.error().message(), HasSubstr(word));
    }
  }
};

TEST_F(OtherLayout, of_the_control_file_names_the_processes_that_must_stop) {
  Child one(standing("one"));
  one.wait_stopped();
  Child two(standing("two"));
  two.wait_stopped();
  write_layout(embedded::control_layout + 1);
  expect_refused({control(),
                  "processes " + text_of(std::min(one.pid(), two.pid())) + ", " +
                      text_of(std::max(one.pid(), two.pid())) + " of another version",
                  "has layout 15", "shares layout 14", "stop all of them"});
  two.signal(SIGKILL);
  EXPECT_TRUE(was_killed(two.wait()));
  expect_refused({"process " + text_of(one.pid()) + " of another version"});
  one.signal(SIGKILL);
  EXPECT_TRUE(was_killed(one.wait()));
  // It is derived, and made again.
  const auto log = open("newer");
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(values_of(*log, topic_at(*log, "t")), (std::vector<std::string>{"one", "two"}));
}

// What this program would map is larger than the whole file.
TEST_F(OtherLayout, of_a_smaller_control_file_is_refused_and_not_waited_for) {
  Child other(standing("other"));
  other.wait_stopped();
  write_layout(2);
  ASSERT_EQ(::truncate(control().c_str(), 4096), 0);
  expect_refused({"process " + text_of(other.pid()) + " of another version", "has layout 2"});
}

TEST_F(OtherLayout, of_processes_that_wrote_no_pid_says_how_to_find_them) {
  Child other(standing("other"));
  other.wait_stopped();
  ASSERT_EQ(::truncate((path() + "/members/0").c_str(), 0), 0);
  write_layout(2);
  expect_refused({"processes that `fuser " + path() + "/LOCK` shows of another version"});
}

TEST_F(OtherLayout, is_named_once_for_each_process_and_for_the_own_one) {
  const auto first = open("first");
  const auto second = open("second");
  write_layout(2);
  expect_refused({"process " + text_of(::getpid()) + " of another version"});
  write_layout(embedded::control_layout);
}

TEST_F(EmbeddedProcesses,
       a_log_that_is_open_is_not_repaired_and_the_error_names_the_process_that_has_it) {
  const auto log = open("owner");
  const auto refused = repair_log(path(), environment_, false, real_shared_regions());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(millrace::errc::busy)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("first: process " + text_of(::getpid())));
}

// A process must never meet a format that it cannot read: who raises one raises the layout, so that
// no two builds work at once, and writes the row of the release in docs/guide/upgrades.md.
TEST(ControlLayout, is_new_with_each_new_format_of_the_directory) {
  EXPECT_EQ((std::array<std::uint32_t, 3>{embedded::control_layout, embedded::format_version,
                                          embedded::frame_version}),
            (std::array<std::uint32_t, 3>{14, 3, 4}));
}

TEST(OtherNamespace, is_refused_and_the_processes_there_are_named) {
  SimulatedMachine machine;
  const auto log = machine.open();
  machine.regions.enter_namespace(7);
  const auto refused = machine.try_open();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::incompatible)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("by process 1000 there"));
}

}  // namespace
}  // namespace millrace::log
