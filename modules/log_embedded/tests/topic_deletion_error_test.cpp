// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <functional>

#include "hooked_files.hpp"
#include "refusing_files.hpp"
#include "settled/compaction_state.hpp"
#include "settled_path.hpp"
#include "settling_world.hpp"

// Topics are deleted while calls of the file system fail, others create and delete topics of the
// name, and power is lost later.
namespace millrace::log {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::function<void(std::string_view)> at_point;

void call_at_point(std::string_view point) {
  // It may replace itself.
  if (const auto call = at_point) {
    call(point);
  }
}

class TopicDeletionErrors : public Settling {
 protected:
  void TearDown() override {
    at_point = nullptr;
    Settling::TearDown();
  }
  /// A member on a file system of its own.
  std::unique_ptr<Log> open_on(FileSystem& files, std::string member) {
    environment_.emplace(machine().clock, files, machine().random, machine().processes);
    auto log =
        open_embedded(root, *environment_, options_of("stock", std::move(member)), settling());
    if (!log) {
      ADD_FAILURE() << log.error().to_string();
      return nullptr;
    }
    return *std::move(log);
  }
  TopicPartition settled_topic(Log& log, const std::string& name) {
    const TopicPartition partition = topic_at(log, name);
    EXPECT_TRUE(put_all(log, {partition}, "old"));
    EXPECT_TRUE(log.wait_durable(log.committed()));
    EXPECT_TRUE(log.maintain_storage());
    EXPECT_THAT(names("/settled", ""), Contains(name + "-0"));
    return partition;
  }
  /// The name is used for another topic, which holds only what is written to it.
  void expect_name_can_be_used(Log& log) {
    expected_a_.clear();
    expected_b_.clear();
    fill(log, 15);
    ASSERT_TRUE(log.maintain_storage());
    fill(log, 4);
    expect_whole(log);
    expect_good_directory();
  }
  static bool is_topic_replaced(Log& log, TopicPartition partition) {
    const auto end = log.end_offset(partition);
    return !end && end.error().is(errc::topic_replaced);
  }

  std::optional<LogEnvironment> environment_;
};

TEST_F(TopicDeletionErrors, leave_the_topic_or_delete_it_whatever_call_fails) {
  for (const ErrorCode& code : {millrace::errc::io_error, millrace::errc::disk_full}) {
    bool failed = true;
    int deleted = 0;
    for (int number = 1; failed; ++number) {
      SCOPED_TRACE(std::string(code.name) + " " + std::to_string(number));
      start_over();
      auto other = open("other");
      fill(*other, 20);
      ASSERT_TRUE(other->maintain_storage());
      const TopicPartition old = a_;
      RefusingFiles files(machine().files);
      auto log = open_on(files, "fails");
      failed = false;
      files.refuse([&, left = number](std::string_view call, const std::string& path) mutable {
        const bool counts = path.contains("/settled") || path.contains("/checkpoint");
        if (!counts || --left != 0) {
          return Status{};
        }
        failed = true;
        return Status(fail(code, std::string(call) + " " + path + ": is set to fail"));
      });
      const Status done = log->delete_topic(old.topic);
      files.refuse(nullptr);
      EXPECT_TRUE(done || failed) << done.error().to_string();
      EXPECT_TRUE(is_topic_replaced(*log, old)) << "the deletion was committed before";
      EXPECT_TRUE(is_topic_replaced(*other, old));
      deleted += failed && done ? 1 : 0;
      expect_name_can_be_used(*other);
      machine().clock.advance_ms(61'000);
      ASSERT_TRUE(log->maintain());
      ASSERT_TRUE(other->maintain());
      const Status kept = log->maintain_storage();
      ASSERT_TRUE(kept) << kept.error().to_string();
      EXPECT_THAT(names("/settled", "-delete"), IsEmpty());
      if (HasFailure()) {
        return;
      }
    }
    EXPECT_GT(deleted, 0) << "what fails in the removal is for housekeeping";
  }
}

TEST_F(TopicDeletionErrors, of_one_topic_keep_no_other_name_and_are_tried_again_after_a_pause) {
  RefusingFiles files(machine().files);
  auto log = open_on(files, "");
  const TopicPartition bad = settled_topic(*log, "bad");
  const TopicPartition good = settled_topic(*log, "good");
  int attempts = 0;
  files.refuse([&](std::string_view call, const std::string& path) {
    if (call != "rename" || !path.ends_with("/settled/bad-0")) {
      return Status{};
    }
    ++attempts;
    return Status(fail(millrace::errc::io_error, path + ": is set to fail"));
  });
  const Status failed = log->delete_topic(bad.topic);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message(), HasSubstr("the deletion of topic 'bad' is committed"));
  ASSERT_TRUE(log->delete_topic(good.topic)) << "another name";
  EXPECT_THAT(names("/settled", ""), testing::ElementsAre("bad-0"));
  EXPECT_NE(topic_at(*log, "good").topic, good.topic);
  const auto made = log->create_topic({"bad", 1, TopicKind::events, "stock"});
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().is(millrace::errc::io_error));
  EXPECT_THAT(made.error().message(), HasSubstr("topic 'bad' is not created"));
  const int before = attempts;
  const std::uint64_t errors = count_of(*log, "deletion_errors");
  EXPECT_GT(errors, 0U);
  for (int call = 0; call < 10; ++call) {
    ASSERT_TRUE(log->maintain_storage());
  }
  EXPECT_EQ(attempts, before) << "not at each call";
  machine().clock.advance_ms(61'000);
  ASSERT_TRUE(log->maintain_storage());
  EXPECT_EQ(attempts, before + 1);
  EXPECT_EQ(count_of(*log, "deletion_errors"), errors + 1);
  files.refuse(nullptr);
  machine().clock.advance_ms(61'000);
  ASSERT_TRUE(log->maintain_storage());
  EXPECT_THAT(names("/settled", ""), IsEmpty());
  EXPECT_NE(topic_at(*log, "bad").topic, bad.topic);
}

TEST_F(TopicDeletionErrors, of_a_file_that_cannot_be_removed_leave_the_name_free) {
  RefusingFiles files(machine().files);
  auto log = open_on(files, "");
  const TopicPartition old = settled_topic(*log, "t");
  files.refuse([&](std::string_view call, const std::string& path) {
    return call == "remove" && path.contains("-delete")
               ? Status(fail(millrace::errc::io_error, path + ": is set to fail"))
               : Status{};
  });
  ASSERT_TRUE(log->delete_topic(old.topic));
  EXPECT_THAT(names("/settled", ""),
              testing::ElementsAre("t-0." + std::to_string(old.topic.value) + "-delete"));
  EXPECT_NE(topic_at(*log, "t").topic, old.topic);
}

TEST_F(TopicDeletionErrors, without_descriptors_are_overcome_by_closing_segments) {
  HookedFiles files(machine().files);
  auto log = open_on(files, "");
  const TopicPartition old = settled_topic(*log, "u");
  fill(*log, 80);
  files.limit_open(files.open_now());
  const Status deleted = log->delete_topic(old.topic);
  ASSERT_TRUE(deleted) << deleted.error().to_string();
  EXPECT_NE(topic_at(*log, "u").topic, old.topic);
}

TEST_F(TopicDeletionErrors, do_not_come_from_the_longest_name) {
  const std::string name(249, 'n');
  auto log = open();
  const TopicPartition old = settled_topic(*log, name);
  const Status deleted = log->delete_topic(old.topic);
  ASSERT_TRUE(deleted) << deleted.error().to_string();
  EXPECT_THAT(names("/settled", ""), IsEmpty());
  EXPECT_NE(settled_topic(*log, name).topic, old.topic);
  expect_good_directory();
}

TEST_F(TopicDeletionErrors, loss_of_power_never_brings_back_what_a_dead_member_renamed) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    start_over();
    auto first = open("first");
    fill(*first, 20);
    ASSERT_TRUE(first->maintain_storage());
    const TopicPartition old = a_;
    auto next = open("next");
    plan("delete.before_sync", 1);
    ASSERT_TRUE(dies(*first, [&] { static_cast<void>(first->delete_topic(old.topic)); }));
    first.reset();
    ASSERT_TRUE(next->maintain());
    const TopicPartition now = topic_at(*next, "t");
    ASSERT_TRUE(put_all(*next, {now}, "new"));
    ASSERT_TRUE(next->wait_durable(next->committed()));
    SeededRandom random(seed);
    machine().lose_power(random);
    next.reset();
    next = open("last");
    EXPECT_THAT(names("/settled", ""), Not(Contains(testing::MatchesRegex("t-[0-9]"))));
    EXPECT_EQ(next->tombstones_complete_from(now).value(), offset(0));
    ASSERT_TRUE(next->maintain_storage());
    expect_good_directory();
    if (HasFailure()) {
      return;
    }
  }
}

// While a member waits for the right to settle, others create a topic of the name, settle it, and
// delete it: its directories have to go, too, before the name is used.
TEST_F(TopicDeletionErrors, a_name_that_was_used_again_meanwhile_is_freed_again) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  set_fault_handler(call_at_point);
  auto waits = open("waits");
  auto creates = open("creates");
  auto deletes = open("deletes");
  auto holder = open("holder");
  fill(*waits, 20);
  ASSERT_TRUE(waits->maintain_storage());
  ASSERT_TRUE(waits->delete_topic(a_.topic));
  put_all(*holder, {topic_at(*holder, "other")}, "v").value();
  ASSERT_TRUE(holder->wait_durable(holder->committed()));
  at_point = [](std::string_view point) {
    if (point == "settle.begun") {
      throw SimulatedDeath{point};
    }
  };
  EXPECT_THROW(static_cast<void>(holder->maintain_storage()), SimulatedDeath);
  TopicPartition between;
  at_point = [&](std::string_view point) {
    if (point == "create.name_is_free" && between != TopicPartition{}) {
      at_point = [](std::string_view later) {
        if (later == "delete.durable") {
          throw SimulatedDeath{later};
        }
      };
      EXPECT_THROW(static_cast<void>(deletes->delete_topic(between.topic)), SimulatedDeath);
      at_point = nullptr;
      abandon(*deletes);
    }
  };
  machine().regions.schedule(machine().clock.monotonic_ns() + 20'000'000, [&] {
    abandon(*holder);
    const TopicPartition made = topic_at(*creates, "t", 3);
    ASSERT_TRUE(put_all(*creates, {made, {made.topic, partition(1)}, {made.topic, partition(2)}},
                        "between"));
    ASSERT_TRUE(creates->wait_durable(creates->committed()));
    ASSERT_TRUE(creates->maintain_storage());
    EXPECT_THAT(names("/settled", ""), Contains("t-2"));
    between = made;
  });
  const auto made = waits->create_topic({"t", 1, TopicKind::events, "stock"});
  ASSERT_TRUE(made) << made.error().to_string();
  ASSERT_NE(between, TopicPartition{}) << "the others came first";
  EXPECT_NE(made->id, between.topic);
  EXPECT_TRUE(is_topic_replaced(*creates, between));
  EXPECT_THAT(names("/settled", ""), Not(Contains(testing::MatchesRegex("t-[0-9]"))));
  holder.reset();
  deletes.reset();
  ASSERT_TRUE(waits->maintain());
  ASSERT_TRUE(waits->maintain_storage());
  EXPECT_THAT(names("/settled", "-delete"), IsEmpty());
  expect_good_directory();
}

TEST_F(TopicDeletionErrors, tombstones_of_a_deleted_topic_are_not_those_of_another_one) {
  for (const LogAccess access : {LogAccess::read_write, LogAccess::read_only}) {
    bool reached = true;
    int replaced = 0;
    for (int number = 0; reached; ++number) {
      SCOPED_TRACE(number);
      start_over();
      auto log = open("deletes");
      fill(*log, 20);
      ASSERT_TRUE(log->maintain_storage());
      const TopicPartition old = a_;
      HookedFiles files(machine().files);
      LogEnvironment environment{machine().clock, files, machine().random, machine().processes};
      LogOptions options = options_of();
      options.access = access;
      auto reader = open_embedded(root, environment, options, settling());
      ASSERT_TRUE(reader) << reader.error().to_string();
      files.before_call(number, [&] {
        ASSERT_TRUE(log->delete_topic(old.topic));
        fill(*log, 1);
        // As a compaction of the other topic leaves it.
        const std::string path = embedded::settled_directory(root, "t", 0);
        ASSERT_TRUE(machine().files.create_directories(path));
        ASSERT_TRUE(
            embedded::save_compaction_state(machine().files, path, {offset(9), offset(7), 0}));
      });
      const auto complete = (*reader)->tombstones_complete_from(old);
      reached = files.was_called();
      if (complete) {
        EXPECT_EQ(*complete, offset(0));
        continue;
      }
      EXPECT_TRUE(complete.error().is(errc::topic_replaced)) << complete.error().to_string();
      ++replaced;
    }
    EXPECT_GT(replaced, 0);
  }
}

}  // namespace
}  // namespace millrace::log
