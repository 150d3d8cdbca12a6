// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <optional>

#include "settling_world.hpp"

// A member dies while it creates a topic or changes its settings. Afterwards the settings are all
// the old ones or all the new ones, for everybody, and the log continues.
namespace millrace::log {
namespace {

const char* const change_points[] = {
    "commit.before_frame", "commit.inside_frame", "commit.after_frame", "commit.after_publish",
    "commit.before_wake",  "commit.after_wake",   "sync.leader_before", "sync.leader_after"};
const char* const continuations[] = {"survivor", "recovery", "power"};

TopicSettings deleting_after(std::int64_t retention_ms, std::int64_t lag_ms) {
  TopicSettings settings;
  settings.deletes = true;
  settings.retention_ms = retention_ms;
  settings.min_compaction_lag_ms = lag_ms;
  return settings;
}

std::vector<SettingChange> changes_to(std::int64_t retention_ms, std::int64_t lag_ms) {
  return {{"cleanup.policy", "delete"},
          {"retention.ms", std::to_string(retention_ms)},
          {"min.compaction.lag.ms", std::to_string(lag_ms)}};
}

class SettingsFaults : public Settling {
 protected:
  /// Runs `work` of a member that dies at the point and returns another handle on the log, by the
  /// way that `after` names; null when the member did not come to the point.
  template <class Work>
  std::unique_ptr<Log> die_and_continue(const std::string& point, const std::string& after,
                                        Work work) {
    auto victim = open("victim");
    std::unique_ptr<Log> next;
    if (after == "survivor") {
      next = open("survivor");
    }
    plan(point, 1);
    const bool died = dies(*victim, [&] { work(*victim); });
    forget_plan();
    if (!died) {
      return nullptr;
    }
    if (after == "power") {
      SeededRandom random(5);
      machine().lose_power(random);
    }
    victim.reset();
    if (next == nullptr) {
      next = open("next");
    }
    // Sees the death, and completes or wipes what it left.
    EXPECT_TRUE(maintain_all(*next));
    return next;
  }
  /// All handles, old and new ones, say the same of the topic, and it can be changed and written.
  void expect_continues(std::unique_ptr<Log> log, TopicId topic) {
    const TopicSettings now = log->topic_settings(topic).value();
    EXPECT_EQ(open_to_read()->topic_settings(topic).value(), now);
    EXPECT_EQ(open("joins")->topic_settings(topic).value(), now);
    ASSERT_TRUE(log->alter_topic(topic, changes_to(70'000, 7)));
    ASSERT_TRUE(put_all(*log, {{topic, partition(0)}}, "after"));
    ASSERT_TRUE(log->wait_durable(log->committed()));
    ASSERT_TRUE(maintain_all(*log));
    log.reset();
    log = open("last");
    ASSERT_NE(log, nullptr);
    EXPECT_EQ(log->topic_settings(topic).value(), deleting_after(70'000, 7));
    EXPECT_EQ(values_of(*log, {topic, partition(0)}).back(), "after");
    expect_good_directory();
  }
};

TEST_F(SettingsFaults, leave_the_old_settings_or_the_new_ones_wherever_a_change_dies) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const std::string point : change_points) {
    for (const std::string after : continuations) {
      SCOPED_TRACE(point + ", " + after);
      start_over();
      TopicId topic;
      {
        auto log = open("first");
        topic = topic_at(*log, "t").topic;
        ASSERT_TRUE(log->alter_topic(topic, changes_to(50'000, 5)));
        ASSERT_TRUE(put_all(*log, {{topic, partition(0)}}, "before"));
        ASSERT_TRUE(log->wait_durable(log->committed()));
        ASSERT_TRUE(maintain_all(*log));
      }
      bool promised = false;
      auto next = die_and_continue(point, after, [&](Log& log) {
        ASSERT_TRUE(log.alter_topic(topic, changes_to(60'000, 6)));
        ASSERT_TRUE(log.wait_durable(log.committed()));
        promised = true;
      });
      ASSERT_NE(next, nullptr);
      EXPECT_FALSE(promised);
      const TopicSettings now = next->topic_settings(topic).value();
      EXPECT_TRUE(now == deleting_after(50'000, 5) || now == deleting_after(60'000, 6))
          << describe_changed(now);
      if (point == "commit.before_frame" || point == "commit.inside_frame") {
        EXPECT_EQ(now, deleting_after(50'000, 5));
      }
      if (point == "sync.leader_after" || (point == "commit.after_publish" && after != "power")) {
        EXPECT_EQ(now, deleting_after(60'000, 6));
      }
      EXPECT_EQ(values_of(*next, {topic, partition(0)}), std::vector<std::string>{"before"});
      expect_continues(std::move(next), topic);
    }
  }
}

TEST_F(SettingsFaults, leave_no_topic_without_the_settings_that_it_was_created_with) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  const TopicSpec spec{"t", 1, TopicKind::events, "stock"};
  int created = 0;
  int missing = 0;
  for (const std::string point : change_points) {
    for (const std::string after : continuations) {
      SCOPED_TRACE(point + ", " + after);
      start_over();
      topic_at(*open("first"), "other");
      auto next = die_and_continue(point, after, [&](Log& log) {
        ASSERT_TRUE(log.create_topic(spec, deleting_after(60'000, 6)));
        ASSERT_TRUE(log.wait_durable(log.committed()));
      });
      ASSERT_NE(next, nullptr);
      const auto found = next->find_topic("t");
      if (found) {
        EXPECT_EQ(next->topic_settings(found->id).value(), deleting_after(60'000, 6));
      } else {
        EXPECT_TRUE(found.error().is(errc::unknown_topic)) << found.error().to_string();
      }
      (found ? created : missing) += 1;
      const auto again = next->create_topic(spec, deleting_after(80'000, 8));
      ASSERT_TRUE(again) << again.error().to_string();
      EXPECT_EQ(next->topic_settings(again->id).value(),
                found ? deleting_after(60'000, 6) : deleting_after(80'000, 8));
      expect_continues(std::move(next), again->id);
    }
  }
  EXPECT_GT(created, 0);
  EXPECT_GT(missing, 0);
}

}  // namespace
}  // namespace millrace::log
