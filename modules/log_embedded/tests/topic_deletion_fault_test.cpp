// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "settling_world.hpp"

// A member dies while it deletes a topic, or while it creates one under the name of a deleted one.
// Afterwards the topic is there as a whole, or deleted for everybody, and its name can be used.
namespace millrace::log {
namespace {

const char* const deletion_points[] = {
    "commit.before_frame",      "commit.inside_frame",     "commit.after_frame",
    "commit.after_publish",     "commit.after_wake",       "delete.durable",
    "delete.before_checkpoint", "checkpoint.before_write", "delete.before_rename",
    "delete.before_sync",       "delete.before_removal",   "delete.removed"};
const char* const creation_points[] = {"delete.before_checkpoint", "checkpoint.before_write",
                                       "delete.before_rename",     "delete.before_sync",
                                       "create.name_is_free",      "commit.before_frame",
                                       "commit.inside_frame",      "commit.after_publish"};
const char* const ways_on[] = {"survivor", "recovery", "power"};
constexpr int passes_max = 40;

class TopicDeletionFaults : public Settling {
 protected:
  /// A new machine with a topic that has settled, and has more in the journal, beside another one.
  void begin() {
    start_over();
    auto log = open("first");
    stays_ = topic_at(*log, "stays");
    ASSERT_TRUE(put_all(*log, {stays_}, "stays"));
    fill(*log, 20);
    ASSERT_TRUE(log->maintain_storage());
    fill(*log, 5);
  }
  /// Runs `work` of a member that dies at a pass of the point. False when it did not come there.
  template <class Work>
  bool die(const std::string& point, int nth, const std::string& way, Work work) {
    auto victim = open("victim");
    next_ = way == "survivor" ? open("survivor") : nullptr;
    plan(point, nth);
    const bool died = dies(*victim, [&] { work(*victim); });
    forget_plan();
    if (died && way == "power") {
      SeededRandom random(static_cast<std::uint64_t>(nth));
      machine().lose_power(random);
    }
    victim.reset();
    if (next_ == nullptr) {
      next_ = open("next");
    }
    // Sees the death, and completes or wipes what it left.
    EXPECT_TRUE(maintain_all(*next_));
    return died;
  }
  /// Whether the topic is there, which all handles agree on.
  bool is_there(TopicPartition partition) {
    FetchBuffer buffer;
    const Status fetched = next_->fetch(partition, offset(0), 1'000, buffer);
    const auto joins = open("joins");
    const auto reader = open_to_read();
    for (Log* const log : {reader.get(), joins.get()}) {
      const Status also = log->fetch(partition, offset(0), 1'000, buffer);
      EXPECT_EQ(also.has_value(), fetched.has_value());
      EXPECT_EQ(log->find_topic("t").has_value(), fetched.has_value());
    }
    EXPECT_TRUE(fetched || fetched.error().is(errc::topic_replaced)) << fetched.error().to_string();
    return fetched.has_value();
  }
  /// The name can be used for another topic, and nothing of the old one is left.
  void expect_name_can_be_used(TopicId old) {
    expected_a_.clear();
    expected_b_.clear();
    fill(*next_, 15);
    EXPECT_NE(a_.topic, old);
    ASSERT_TRUE(next_->maintain_storage());
    fill(*next_, 4);
    expect_whole(*next_);
    EXPECT_THAT(names("/settled", "-delete"), testing::IsEmpty());
    expect_good_directory();
    next_.reset();
    next_ = open("last");
    ASSERT_NE(next_, nullptr);
    expect_whole(*next_);
    EXPECT_THAT(values_of(*next_, stays_), testing::ElementsAre("stays"));
  }

  TopicPartition stays_;
  std::unique_ptr<Log> next_;
};

TEST_F(TopicDeletionFaults, delete_a_topic_or_leave_it_wherever_the_deletion_dies) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const std::string point : deletion_points) {
    int deaths = 0;
    bool died = true;
    for (int nth = 1; died && nth <= passes_max; ++nth) {
      for (const std::string way : ways_on) {
        SCOPED_TRACE(point + " " + std::to_string(nth) + ", " + way);
        begin();
        const TopicPartition old = a_;
        died = die(point, nth, way, [&](Log& log) { ASSERT_TRUE(log.delete_topic(old.topic)); });
        deaths += died ? 1 : 0;
        if (is_there(old)) {
          EXPECT_TRUE(died);
          EXPECT_FALSE(point.starts_with("delete."));
          expect_whole(*next_);
          const Status deleted = next_->delete_topic(old.topic);
          ASSERT_TRUE(deleted) << deleted.error().to_string();
        }
        EXPECT_FALSE(is_there(old));
        expect_name_can_be_used(old.topic);
        next_.reset();
        if (HasFailure()) {
          return;
        }
      }
    }
    EXPECT_GT(deaths, 0) << point;
  }
}

TEST_F(TopicDeletionFaults, free_the_name_wherever_the_creation_of_another_topic_dies) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const std::string point : creation_points) {
    int deaths = 0;
    bool died = true;
    for (int nth = 1; died && nth <= passes_max; ++nth) {
      for (const std::string way : ways_on) {
        SCOPED_TRACE(point + " " + std::to_string(nth) + ", " + way);
        begin();
        const TopicPartition old = a_;
        auto first = open("first victim");
        auto second = open("second victim");
        next_ = open("survivor");
        plan("delete.durable", 1);
        ASSERT_TRUE(dies(*first, [&] { static_cast<void>(first->delete_topic(old.topic)); }));
        plan(point, nth);
        died = dies(*second, [&] { EXPECT_NE(topic_at(*second, "t", 2).topic, old.topic); });
        forget_plan();
        if (way == "power") {
          SeededRandom random(static_cast<std::uint64_t>(nth));
          machine().lose_power(random);
        }
        if (way != "survivor") {
          abandon(*next_);
          next_.reset();
          next_ = open("next");
        }
        first.reset();
        second.reset();
        deaths += died ? 1 : 0;
        expect_name_can_be_used(old.topic);
        next_.reset();
        if (HasFailure()) {
          return;
        }
      }
    }
    EXPECT_GT(deaths, 0) << point;
  }
}

// It renames alone, before others can join.
TEST_F(TopicDeletionFaults, leave_the_name_to_the_next_opening_when_the_first_one_dies) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const std::string point : {"delete.before_rename", "delete.before_sync"}) {
    for (const bool power : {false, true}) {
      SCOPED_TRACE(point + (power ? ", power" : ""));
      begin();
      const TopicPartition old = a_;
      {
        auto victim = open("victim");
        plan("delete.before_rename", 1);
        ASSERT_TRUE(dies(*victim, [&] { static_cast<void>(victim->delete_topic(old.topic)); }));
      }
      plan(point, 1);
      EXPECT_THROW(open("opens").reset(), SimulatedDeath);
      forget_plan();
      if (power) {
        SeededRandom random(7);
        machine().lose_power(random);
      }
      next_ = open("next");
      EXPECT_FALSE(is_there(old));
      expect_name_can_be_used(old.topic);
      next_.reset();
    }
  }
}

}  // namespace
}  // namespace millrace::log
