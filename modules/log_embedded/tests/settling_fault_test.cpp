// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <functional>
#include <utility>

#include "failing_files.hpp"
#include "member.hpp"
#include "settling_world.hpp"

// Rounds of settling that end early: by a death, a loss of power, a call that fails. On a simulated
// machine. Nothing that was committed durably is lost or doubled, and the next round completes.
namespace millrace::log {
namespace {

class SettlingFaults : public Settling {
 protected:
  /// A new machine whose log has settled once and has more to settle.
  std::unique_ptr<Log> begin() {
    start_over();
    auto log = open("one");
    fill(*log, 20);
    EXPECT_TRUE(maintain_all(*log));
    fill(*log, 25);
    return log;
  }
  /// The log is whole, for all who open it, and settles to the end.
  void expect_recovered(std::unique_ptr<Log> log) {
    ASSERT_NE(log, nullptr);
    expect_whole(*log);
    ASSERT_TRUE(maintain_all(*log));
    fill(*log, 20);
    ASSERT_TRUE(maintain_all(*log));
    EXPECT_LE(names("/journal", ".journal").size(), 2U);
    expect_whole(*log);
    expect_good_directory();
    log.reset();
    log = open("last");
    ASSERT_NE(log, nullptr);
    expect_whole(*log);
  }
};

const char* const points[] = {
    "settle.file_made",      "settle.written",        "settle.synced",
    "settle.before_publish", "settle.published",      "checkpoint.before_write",
    "settle.before_begin",   "settle.before_removal", "settle.removed"};

TEST_F(SettlingFaults, a_death_at_any_point_of_a_round_costs_nothing) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* const point : points) {
    int deaths = 0;
    for (int nth = 1; nth <= 40; ++nth) {
      bool died = false;
      for (const char* const after : {"survivor", "recovery", "power"}) {
        SCOPED_TRACE(std::string(point) + " " + std::to_string(nth) + ", " + after);
        auto victim = begin();
        std::unique_ptr<Log> next;
        if (after == std::string_view("survivor")) {
          next = open("survivor");
        }
        plan(point, nth);
        died = dies(*victim, [&] { static_cast<void>(maintain_all(*victim)); });
        forget_plan();
        if (!died) {
          break;
        }
        ++deaths;
        if (after == std::string_view("power")) {
          SeededRandom random(static_cast<std::uint64_t>(nth));
          machine().lose_power(random);
        }
        victim.reset();
        expect_recovered(next != nullptr ? std::move(next) : open("next"));
        if (HasFailure()) {
          return;
        }
      }
      if (!died) {
        break;
      }
    }
    EXPECT_GT(deaths, 0) << point;
  }
}

TEST_F(SettlingFaults, a_death_while_what_another_death_left_is_cut_costs_nothing) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (int nth = 1; nth <= 3; ++nth) {
    SCOPED_TRACE(nth);
    auto first = begin();
    auto second = open("second");
    auto third = open("third");
    plan(nth == 3 ? "settle.published" : "settle.before_publish", 1);
    ASSERT_TRUE(dies(*first, [&] { static_cast<void>(maintain_all(*first)); }));
    plan("settle.cut", nth == 3 ? 1 : nth);
    ASSERT_TRUE(dies(*second, [&] { static_cast<void>(maintain_all(*second)); }));
    first.reset();
    second.reset();
    expect_recovered(std::move(third));
  }
}

TEST_F(SettlingFaults, a_call_that_fails_anywhere_in_a_round_costs_nothing) {
  for (const ErrorCode code : {millrace::errc::disk_full, millrace::errc::io_error}) {
    bool reached = true;
    int number = 0;
    for (; reached; ++number) {
      SCOPED_TRACE(std::string(code.name) + " at call " + std::to_string(number + 1));
      begin().reset();
      FailingFiles files(machine().files);
      LogEnvironment environment{machine().clock, files, machine().random, machine().processes};
      auto opened =
          open_embedded(SimulatedMachine::directory, environment, options_of(), settling());
      ASSERT_TRUE(opened) << opened.error().to_string();
      auto log = *std::move(opened);
      fill(*log, 10);
      files.fail_call(number + 1, code);
      const Status kept = maintain_all(*log);
      reached = files.failed();
      files.fail_call(0, code);
      if (!kept) {
        // A sync of the journal itself: it takes no appends until it was read again.
        ASSERT_TRUE(kept.error().is(errc::failed_sync)) << kept.error().to_string();
        log.reset();
        ASSERT_TRUE(repair_log(SimulatedMachine::directory, machine().environment, false,
                               machine().regions));
      } else {
        expect_whole(*log);
        ASSERT_TRUE(maintain_all(*log));
        log.reset();
      }
      expect_recovered(open("next"));
      if (HasFailure()) {
        return;
      }
    }
    EXPECT_GT(number, 50);
  }
}

TEST_F(SettlingFaults, a_handle_that_gives_up_its_slot_settles_nothing_more) {
  const auto log = begin();
  EmbeddedOptions options = settling();
  options.regions = &machine().regions;
  const auto member =
      embedded::Member::open(root, machine().environment, options_of("stock", "two"), options)
          .value();
  member->settler.stop();
  const auto before = names("/settled/t-0", "");
  const Status kept = member->maintain_storage();
  ASSERT_FALSE(kept);
  EXPECT_TRUE(kept.error().is(errc::closed)) << kept.error().to_string();
  EXPECT_EQ(names("/settled/t-0", ""), before);
}

// Another member may have written a newer one.
TEST_F(SettlingFaults, a_handle_that_gives_up_its_slot_replaces_no_checkpoint) {
  const auto log = begin();
  EmbeddedOptions options = settling();
  options.regions = &machine().regions;
  const auto member =
      embedded::Member::open(root, machine().environment, options_of("stock", "two"), options)
          .value();
  const auto made = [&] { return member->checkpointer.make(member->lock().value()); }();
  ASSERT_TRUE(made);
  const auto before = read_file(machine().files, root + "/checkpoint").value_or("");
  member->checkpointer.stop();
  const Status written = member->checkpointer.write(*made);
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().is(errc::closed)) << written.error().to_string();
  EXPECT_EQ(read_file(machine().files, root + "/checkpoint").value_or(""), before);
}

std::function<void()> at_point;
std::string_view watched_point;

void call_there(std::string_view point) {
  if (point == watched_point && at_point != nullptr) {
    std::exchange(at_point, nullptr)();
  }
}

/// Calls a function once where the settler is.
class SettlingMeanwhile : public SettlingFaults {
 protected:
  void TearDown() override {
    at_point = nullptr;
    SettlingFaults::TearDown();
  }
  static void at(std::string_view point, std::function<void()> call) {
    watched_point = point;
    at_point = std::move(call);
    set_fault_handler(call_there);
  }
};

TEST_F(SettlingMeanwhile, a_topic_that_is_made_while_a_round_begins_keeps_its_records) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = begin();
  auto other = open("other");
  TopicPartition made;
  at("settle.begun", [&] {
    made = topic_at(*other, "made");
    ASSERT_TRUE(put_all(*other, {made}, "first"));
    fill(*other, 60);
  });
  ASSERT_TRUE(maintain_all(*log));
  ASSERT_EQ(at_point, nullptr);
  EXPECT_EQ(values_of(*log, made), std::vector<std::string>{"first"});
  abandon(*other);
  abandon(*log);
  log = open("next");
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(values_of(*log, made), std::vector<std::string>{"first"});
  expect_whole(*log);
}

TEST_F(SettlingMeanwhile, a_reader_finds_on_the_other_side_what_left_the_journal) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const bool read_only : {false, true}) {
    auto log = begin();
    const auto reader = read_only ? open_to_read() : open("reader");
    const std::size_t last = expected_a_.size() - 20;
    at("fetch.unsettled", [&] {
      fill(*log, 40);
      ASSERT_TRUE(maintain_all(*log));
      EXPECT_LE(names("/journal", ".journal").size(), 2U);
    });
    FetchBuffer buffer;
    const Status fetched = reader->fetch(a_, expected_a_[last].offset, 1, buffer);
    ASSERT_EQ(at_point, nullptr);
    ASSERT_TRUE(fetched) << fetched.error().to_string();
    ASSERT_EQ(buffer.records.size(), 1U);
    EXPECT_EQ(buffer.records[0].value, expected_a_[last].value);
    EXPECT_EQ(buffer.batches[0].position.position, expected_a_[last].commit_end);
    expect_whole(*reader);
  }
}

TEST_F(SettlingMeanwhile, others_commit_while_the_outcome_of_a_removed_frame_is_read) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = begin();
  Transaction once;
  once.append(a_, {0, "k", "once", {}});
  once.set_sequence("feed", 1);
  const auto first = log->commit(once);
  ASSERT_TRUE(first);
  expected_a_.push_back({"once", first->partitions[0].first, first->position.position});
  fill(*log, 60);
  ASSERT_TRUE(maintain_all(*log));
  const auto other = open("other");
  at("commit.removed_outcome", [&] { fill(*other, 1); });
  const auto again = log->commit(once);
  ASSERT_EQ(at_point, nullptr);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->position, first->position);
  expect_whole(*log);
}

TEST_F(SettlingMeanwhile, a_member_that_was_taken_for_dead_publishes_nothing) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const std::string_view point : {"settle.before_publish", "settle.published"}) {
    auto slow = begin();
    auto other = open("other");
    at(point, [&] {
      abandon(*slow);
      for (int round = 0; round < 2; ++round) {
        fill(*other, 30);
        ASSERT_TRUE(maintain_all(*other));
      }
    });
    static_cast<void>(maintain_all(*slow));
    ASSERT_EQ(at_point, nullptr) << point;
    slow.reset();
    expect_whole(*other);
    expect_recovered(std::move(other));
  }
}

TEST_F(SettlingFaults, another_member_takes_over) {
  auto one = begin();
  auto two = open("two");
  abandon(*one);
  one.reset();
  ASSERT_TRUE(maintain_all(*two));
  fill(*two, 60);
  ASSERT_TRUE(maintain_all(*two));
  EXPECT_LE(names("/journal", ".journal").size(), 2U);
  expect_whole(*two);
}

TEST_F(SettlingFaults, a_loss_of_power_takes_nothing_that_was_durable) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    auto log = begin();
    for (std::uint64_t round = random.below(3); round > 0; --round) {
      ASSERT_TRUE(maintain_all(*log));
      fill(*log, static_cast<int>(random.below(40)) + 1);
    }
    machine().lose_power(random);
    log.reset();
    expect_recovered(open("next"));
    if (HasFailure()) {
      return;
    }
  }
}

}  // namespace
}  // namespace millrace::log
