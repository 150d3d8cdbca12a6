// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/log/library_topics.hpp"
#include "settling_world.hpp"

// Records of a repartition are removed once its reader has passed them. On a simulated machine.
namespace millrace::log {
namespace {

constexpr std::int64_t day_ms = 86'400'000;

/// A repartition topic whose record n has the offset n, and the part of the service that reads it.
class Trimming : public Settling {
 protected:
  void begin_again() {
    start_over();
    count_ = 0;
  }
  void make_topic(Log& log) {
    const auto topic =
        log.create_topic({"stock.by-key.repartition", 1, TopicKind::private_topic, "stock"});
    ASSERT_TRUE(topic) << topic.error().to_string();
    moved_ = {topic->id, partition(0)};
  }
  static std::string value_of(std::int64_t number) {
    return std::to_string(number) + std::string(2'000, 'x');
  }
  /// Durable on return.
  void write(Log& log, int records) {
    make_topic(log);
    for (int i = 0; i < records; ++i, ++count_) {
      Transaction transaction;
      transaction.append(moved_, {0, "k", value_of(count_), {}});
      const auto committed = log.commit(transaction);
      ASSERT_TRUE(committed) << committed.error().to_string();
    }
    ASSERT_TRUE(log.wait_durable(log.committed()));
  }
  void commit_position(Log& log, const std::string& group, std::int64_t next) {
    Transaction transaction;
    transaction.set_position(log.group(group).value(), moved_, offset(next));
    const auto committed = log.commit(transaction);
    ASSERT_TRUE(committed) << committed.error().to_string();
  }
  /// Reads on from the position of the part, and commits how far it came. "" when no record was
  /// missing.
  std::string read_on(Log& log, std::size_t records) {
    const GroupId group = log.group("stock/part").value();
    FetchBuffer buffer;
    std::int64_t next = log.position(group, moved_).value().value_or(Offset{}).value;
    for (std::size_t left = records; left > 0 && next < count_;) {
      const Status fetched = log.fetch(moved_, offset(next), 5'000, buffer);
      if (!fetched) {
        return fetched.error().to_string();
      }
      for (std::size_t i = 0; i < buffer.records.size() && left > 0; ++i, ++next, --left) {
        if (buffer.records[i].offset != offset(next) || buffer.records[i].value != value_of(next)) {
          return "offset " + std::to_string(next) + " is missing";
        }
      }
    }
    commit_position(log, "stock/part", next);
    return "";
  }
  static void clean(Log& log) {
    for (int call = 0; call < 16; ++call) {
      const Status kept = maintain_all(log);
      ASSERT_TRUE(kept) << kept.error().to_string();
    }
  }
  std::int64_t start(Log& log) { return log.start_offset(moved_).value().value; }
  void set(Log& log, const std::vector<std::string>& texts) {
    std::vector<SettingChange> changes;
    for (const std::string& text : texts) {
      changes.push_back(parse_setting_change(text).value());
    }
    const auto altered = log.alter_topic(moved_.topic, changes);
    ASSERT_TRUE(altered) << altered.error().to_string();
  }
  std::uint64_t bytes_on_disk() {
    std::uint64_t bytes = 0;
    for (const std::string& name : names("/settled/stock.by-key.repartition-0", ".log")) {
      bytes +=
          read_file(machine().files, root + "/settled/stock.by-key.repartition-0/" + name)->size();
    }
    return bytes;
  }

  TopicPartition moved_;
  std::int64_t count_ = 0;  ///< of records
};

TEST_F(Trimming, what_the_reader_has_passed_is_removed_and_gives_its_disk_back) {
  auto log = open("one");
  write(*log, 100);
  ASSERT_EQ(read_on(*log, 30), "");
  clean(*log);
  EXPECT_GT(start(*log), 10);
  EXPECT_LE(start(*log), 30);
  ASSERT_EQ(read_on(*log, 70), "");
  clean(*log);
  EXPECT_GT(start(*log), 80);
  EXPECT_LT(bytes_on_disk(), 30'000U) << "no more than the segment that is written";
  EXPECT_GT(count_of(*log, "removed_bytes"), 150'000U);
  EXPECT_EQ(count_of(*log, "cleaning_errors"), 0U);
  expect_good_directory();
  for (const bool killed : {true, false}) {
    if (killed) {
      abandon(*log);
    }
    log.reset();
    log = open("next");
    ASSERT_NE(log, nullptr);
    EXPECT_GT(start(*log), 80);
    write(*log, 20);
    ASSERT_EQ(read_on(*log, 20), "");
  }
}

TEST_F(Trimming, everything_stays_until_the_service_itself_has_a_position) {
  const auto log = open();
  write(*log, 60);
  clean(*log);
  EXPECT_EQ(start(*log), 0);
  commit_position(*log, "spy", 50);
  clean(*log);
  EXPECT_EQ(start(*log), 0) << "the position of another service says nothing of the reader";
  ASSERT_EQ(read_on(*log, 20), "");
  clean(*log);
  EXPECT_GT(start(*log), 0);
  EXPECT_LE(start(*log), 20);
}

TEST_F(Trimming, a_group_of_another_service_holds_nothing) {
  const auto log = open();
  write(*log, 60);
  commit_position(*log, "spy", 1);
  ASSERT_EQ(read_on(*log, 50), "");
  clean(*log);
  EXPECT_GT(start(*log), 30);
  EXPECT_LE(start(*log), 50);
}

TEST_F(Trimming, a_group_that_reads_no_more_holds_nothing) {
  const auto log = open();
  write(*log, 60);
  commit_position(*log, "stock/earlier-part", reads_no_more.value);
  ASSERT_EQ(read_on(*log, 50), "");
  clean(*log);
  EXPECT_GT(start(*log), 30);
  EXPECT_LE(start(*log), 50);
}

TEST_F(Trimming, a_group_that_begins_later_holds_what_it_has_not_read) {
  const auto log = open();
  write(*log, 60);
  commit_position(*log, "stock/later-part", 0);
  ASSERT_EQ(read_on(*log, 50), "");
  clean(*log);
  EXPECT_EQ(start(*log), 0);
  commit_position(*log, "stock/later-part", 30);
  clean(*log);
  EXPECT_GT(start(*log), 10);
  EXPECT_LE(start(*log), 30);
}

TEST_F(Trimming, the_slowest_group_counts) {
  const auto log = open();
  write(*log, 60);
  commit_position(*log, "stock/earlier-part", 15);
  ASSERT_EQ(read_on(*log, 50), "");
  clean(*log);
  EXPECT_GT(start(*log), 0);
  EXPECT_LE(start(*log), 15);
}

TEST_F(Trimming, settings_show_it_and_hold_what_was_read_for_a_time_or_for_ever) {
  auto log = open();
  write(*log, 60);
  const TopicSettings shown = log->topic_settings(moved_.topic).value();
  EXPECT_TRUE(shown.deletes);
  EXPECT_EQ(shown.retention_ms, 0);
  set(*log, {"retention.ms=86400000"});
  ASSERT_EQ(read_on(*log, 40), "");
  clean(*log);
  EXPECT_EQ(start(*log), 0);
  machine().clock.advance_ms(day_ms + 1);
  clean(*log);
  EXPECT_GT(start(*log), 20);
  EXPECT_LE(start(*log), 40) << "old, and not read";
  set(*log, {"cleanup.policy=keep", "retention.ms=default"});
  const std::int64_t before = start(*log);
  ASSERT_EQ(read_on(*log, 20), "");
  write(*log, 40);
  ASSERT_EQ(read_on(*log, 40), "");
  machine().clock.advance_ms(day_ms + 1);
  clean(*log);
  EXPECT_EQ(start(*log), before);
  log.reset();
  log = open("next");
  EXPECT_FALSE(log->topic_settings(moved_.topic)->deletes);
}

TEST_F(Trimming, compaction_of_a_repartition_is_refused) {
  const auto log = open();
  make_topic(*log);
  const SettingChange change[] = {{"cleanup.policy", "compact"}, {"retention.ms", {}}};
  const auto altered = log->alter_topic(moved_.topic, change);
  ASSERT_FALSE(altered);
  EXPECT_TRUE(altered.error().is(errc::invalid_argument)) << altered.error().to_string();
  EXPECT_THAT(altered.error().message(), testing::HasSubstr("cleanup.policy=keep or delete"));
}

const char* const trimming_points[] = {"clean.version_raised",    "clean.before_checkpoint",
                                       "checkpoint.before_write", "clean.start_raised",
                                       "clean.before_removal",    "settle.change"};

TEST_F(Trimming, a_death_at_any_point_costs_the_reader_nothing) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* const point : trimming_points) {
    int deaths = 0;
    bool died = true;
    for (int nth = 1; died && nth <= 40; nth += 1 + nth / 8) {
      for (const char* const after : {"survivor", "recovery", "power"}) {
        SCOPED_TRACE(std::string(point) + " " + std::to_string(nth) + ", " + after);
        begin_again();
        auto victim = open("one");
        write(*victim, 40);
        ASSERT_EQ(read_on(*victim, 25), "");
        std::unique_ptr<Log> next;
        if (after == std::string_view("survivor")) {
          next = open("survivor");
        }
        plan(point, nth);
        died = dies(*victim, [&] { clean(*victim); });
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
        if (next == nullptr) {
          next = open("next");
        }
        ASSERT_NE(next, nullptr);
        ASSERT_EQ(read_on(*next, 10), "");
        write(*next, 20);
        ASSERT_EQ(read_on(*next, 60), "");
        clean(*next);
        ASSERT_GT(start(*next), 40);
        ASSERT_EQ(std::stoll(names("/settled/stock.by-key.repartition-0", ".log").front()),
                  start(*next));
        ASSERT_TRUE(names("/settled/stock.by-key.repartition-0", ".deleted").empty());
        expect_good_directory();
      }
    }
    EXPECT_GT(deaths, 0) << point;
  }
}

std::string trimming_call_point;
int trimming_calls_left = 0;
std::function<void()> at_trimming_call;

void call_while_trimming(std::string_view point) {
  if (point == trimming_call_point && --trimming_calls_left == 0) {
    at_trimming_call();
  }
}

TEST_F(Trimming, a_position_that_comes_while_records_are_removed_finds_its_record) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  set_fault_handler(call_while_trimming);
  int removed = 0;
  for (const char* const point : {"clean.before_checkpoint", "clean.start_raised",
                                  "checkpoint.before_write", "clean.before_removal"}) {
    for (int nth = 1, calls = 1; calls > 0; ++nth) {
      calls = 0;
      for (const bool dies_then : {false, true}) {
        SCOPED_TRACE(std::string(point) + " " + std::to_string(nth) + (dies_then ? ", dies" : ""));
        begin_again();
        auto cleaner = open("one");
        auto other = open("two");
        write(*cleaner, 40);
        ASSERT_EQ(read_on(*cleaner, 25), "");
        std::int64_t next = -1;
        at_trimming_call = [&] {
          ++calls;
          next = start(*other);
          commit_position(*other, "stock/later-part", next);
          if (dies_then) {
            throw SimulatedDeath{point};
          }
        };
        trimming_call_point = point;
        trimming_calls_left = nth;
        const bool died = dies(*cleaner, [&] { clean(*cleaner); });
        trimming_call_point = "";
        ASSERT_EQ(died, dies_then && next >= 0);
        if (died) {
          abandon(*other);
          other.reset();
          cleaner.reset();
          other = open("next");
          ASSERT_NE(other, nullptr);
        }
        if (next < 0) {
          continue;
        }
        removed += next > 0 ? 1 : 0;
        clean(*other);
        ASSERT_LE(start(*other), next);
        FetchBuffer buffer;
        const Status fetched = other->fetch(moved_, offset(next), 5'000, buffer);
        ASSERT_TRUE(fetched) << fetched.error().to_string();
        ASSERT_EQ(buffer.records.at(0).value, value_of(next));
        expect_good_directory();
      }
    }
  }
  EXPECT_GT(removed, 0);
}

TEST_F(Trimming, no_record_is_missed_whatever_members_do_meanwhile) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    begin_again();
    SeededRandom random(seed);
    auto reader = open("reader");
    auto writer = open("writer");
    for (int step = 0; step < 80; ++step) {
      switch (random.below(5)) {
        case 0:
          write(*writer, static_cast<int>(random.below(12)));
          break;
        case 1:
          ASSERT_NO_FATAL_FAILURE(clean(random.below(2) == 0 ? *reader : *writer));
          break;
        case 2:
          abandon(*reader);
          reader = open("reader " + std::to_string(step));
          ASSERT_NE(reader, nullptr);
          break;
        default:
          if (count_ > 0) {
            ASSERT_EQ(read_on(*reader, random.below(15)), "");
          }
      }
    }
    ASSERT_EQ(read_on(*reader, static_cast<std::size_t>(count_)), "");
    clean(*writer);
    EXPECT_LE(start(*writer), count_);
    EXPECT_GT(start(*writer), 0);
  }
}

}  // namespace
}  // namespace millrace::log
