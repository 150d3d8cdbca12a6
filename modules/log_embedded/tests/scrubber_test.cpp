// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "hooked_files.hpp"
#include "settling_world.hpp"

// Damage below the checkpoint is found in the background. On a simulated machine.
namespace millrace::log {
namespace {

using testing::HasSubstr;

constexpr std::int64_t pause_ms = 60'000;
constexpr std::uint64_t rate = 1U << 20U;

class Scrubbing : public Settling {
 protected:
  EmbeddedOptions scrubbing() {
    EmbeddedOptions options = settling();
    options.scrub.bytes_per_s = rate;
    options.scrub.pause_ms = pause_ms;
    options.notice = [this](std::string_view line) { lines_.emplace_back(line); };
    return options;
  }
  std::unique_ptr<Log> open_scrubbing(std::string member = "") {
    return machine().open(options_of("stock", std::move(member)), scrubbing());
  }
  void keep_house_for(Log& log, std::int64_t ms) {
    for (; ms > 0; ms -= 100) {
      machine().clock.advance_ms(100);
      ASSERT_TRUE(maintain_all(log));
    }
  }
  /// The log settles, all but a few records.
  void settle_most() {
    const auto log = open();
    for (int i = 0; i < 4; ++i) {
      fill(*log, 50);
      ASSERT_TRUE(maintain_all(*log));
    }
    fill(*log, 5);
  }

  std::vector<std::string> lines_;
};

TEST_F(Scrubbing, finds_damage_of_a_settled_segment_and_says_what_a_reader_would) {
  settle_most();
  const std::string file =
      std::string(SimulatedMachine::directory) + "/settled/t-0/" + names("/settled/t-0", ".log")[1];
  ASSERT_TRUE(machine().files.flip_bit(file, 1'000, 3));
  const auto log = open_scrubbing();
  ASSERT_NE(log, nullptr) << "opening does not look there";
  keep_house_for(*log, pause_ms + 10'000);
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_THAT(lines_.front(), HasSubstr(file));
  EXPECT_EQ(count_of(*log, "scrub_errors"), 1U);
  std::string reported;
  FetchBuffer buffer;
  for (Offset next = offset(0); reported.empty(); next = buffer.next) {
    const Status fetched = log->fetch(a_, next, 1, buffer);
    reported = fetched ? "" : fetched.error().message();
  }
  EXPECT_EQ(lines_.front(), reported);
  EXPECT_TRUE(put_all(*log, {a_, b_}, "continues"));
  EXPECT_TRUE(maintain_all(*log));
}

TEST_F(Scrubbing, finds_damage_of_the_journal_before_the_checkpoint) {
  std::uint64_t position = 0;
  {
    const auto log = machine().open();
    a_ = topic_at(*log, "t");
    for (int i = 0; i < 60; ++i) {
      const auto committed = put_all(*log, {a_}, std::string(5'000, 'y'));
      position = i == 3 ? committed->position.position : position;
    }
  }
  const std::string file =
      std::string(SimulatedMachine::directory) + "/journal/00000000000000000000.journal";
  ASSERT_TRUE(machine().files.flip_bit(file, position - 100, 1));
  EmbeddedOptions embedded = scrubbing();
  embedded.settle.on = false;
  const auto log = machine().open(options_of(), embedded);
  ASSERT_NE(log, nullptr);
  keep_house_for(*log, pause_ms + 10'000);
  ASSERT_EQ(lines_.size(), 1U);
  FetchBuffer buffer;
  const Status damaged = log->fetch(a_, offset(3), 1, buffer);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(lines_.front(), damaged.error().message());
  EXPECT_TRUE(put_all(*log, {a_}, "continues"));
}

TEST_F(Scrubbing, reads_a_good_log_once_for_each_pass_by_one_of_its_members) {
  settle_most();
  const auto first = open_scrubbing("first");
  const auto second = open_scrubbing("second");
  const auto read = [&] {
    return count_of(*first, "scrubbed_bytes") + count_of(*second, "scrubbed_bytes");
  };
  for (std::int64_t ms = 0; ms < pause_ms + 30'000; ms += 100) {
    machine().clock.advance_ms(100);
    ASSERT_TRUE(maintain_all(*first));
    ASSERT_TRUE(maintain_all(*second));
  }
  const std::uint64_t once = read();
  // 205 records of 3,000 bytes in one partition, and a third of them in the other. A pass can end
  // with some records that it began with: what it may read in 100 ms.
  constexpr std::uint64_t least = 205U * 3'000U * 4 / 3;
  constexpr std::uint64_t most = 205U * 3'200U * 4 / 3 + rate / 10;
  EXPECT_GT(once, least);
  EXPECT_LT(once, most);
  for (std::int64_t ms = 0; ms < pause_ms; ms += 100) {
    machine().clock.advance_ms(100);
    ASSERT_TRUE(maintain_all(*first));
    ASSERT_TRUE(maintain_all(*second));
  }
  EXPECT_GT(read(), once + least) << "the next pass";
  EXPECT_LT(read(), once + most) << "the next pass";
  EXPECT_TRUE(lines_.empty());
}

TEST_F(Scrubbing, finds_damage_anywhere_of_a_log_that_is_never_open_for_a_whole_pass) {
  settle_most();
  const std::vector<std::string> segments = names("/settled/t-0", ".log");
  for (const std::string& segment :
       {segments.front(), segments[segments.size() / 2], segments.back()}) {
    const std::string file = root + "/settled/t-0/" + segment;
    ASSERT_TRUE(machine().files.flip_bit(file, 1'000, 3));
    lines_.clear();
    EmbeddedOptions options = scrubbing();
    options.settle.on = false;
    // Each time it reads about a third of the log.
    for (int starts = 0; lines_.empty() && starts < 200; ++starts) {
      const auto log = machine().open(options_of(), options);
      ASSERT_NE(log, nullptr);
      keep_house_for(*log, pause_ms + 200);
    }
    ASSERT_FALSE(lines_.empty()) << file;
    EXPECT_THAT(lines_.front(), HasSubstr(file));
    ASSERT_TRUE(machine().files.flip_bit(file, 1'000, 3));
  }
}

TEST_F(Scrubbing, reports_the_damage_in_front_of_its_begin_beside_that_behind_it) {
  settle_most();
  const std::vector<std::string> segments = names("/settled/t-0", ".log");
  for (const std::string& segment : {segments[1], segments[segments.size() - 2]}) {
    ASSERT_TRUE(machine().files.flip_bit(root + "/settled/t-0/" + segment, 1'000, 3));
  }
  EmbeddedOptions options = scrubbing();
  options.settle.on = false;
  std::size_t most = 0;
  for (int starts = 0; starts < 40; ++starts) {
    lines_.clear();
    const auto log = machine().open(options_of(), options);
    ASSERT_NE(log, nullptr);
    keep_house_for(*log, pause_ms + 10'000);
    EXPECT_EQ(count_of(*log, "scrub_errors"), lines_.size());
    ASSERT_FALSE(lines_.empty());
    EXPECT_TRUE(lines_.size() == 1 || lines_[0] != lines_[1]) << "once in each pass";
    most = std::max(most, lines_.size());
  }
  EXPECT_EQ(most, 2U);
}

TEST_F(Scrubbing, is_continued_by_another_member_when_one_dies) {
  settle_most();
  const auto first = open_scrubbing("first");
  const auto second = open_scrubbing("second");
  keep_house_for(*first, pause_ms + 200);
  EXPECT_GT(count_of(*first, "scrubbed_bytes"), 0U);
  abandon(*first);
  keep_house_for(*second, 90'000);
  EXPECT_GT(count_of(*second, "scrubbed_bytes"), 205U * 3'000U * 4 / 3);
}

TEST_F(Scrubbing, reads_no_faster_than_it_may_and_nothing_unless_it_is_asked) {
  settle_most();
  HookedFiles counted(machine().files);
  LogEnvironment environment{machine().clock, counted, machine().random, machine().processes};
  for (const std::uint64_t bytes_per_s : {std::uint64_t{0}, std::uint64_t{20'000}}) {
    EmbeddedOptions options = scrubbing();
    options.settle.on = false;
    options.scrub.bytes_per_s = bytes_per_s;
    auto log = open_embedded(SimulatedMachine::directory, environment, options_of(), options);
    ASSERT_TRUE(log) << log.error().to_string();
    keep_house_for(**log, pause_ms);
    const std::uint64_t before = count_of(**log, "scrubbed_bytes");
    keep_house_for(**log, 20'000);
    const std::uint64_t read = count_of(**log, "scrubbed_bytes") - before;
    // A batch more than the time permits.
    EXPECT_LE(read, bytes_per_s * 20 + 4'000);
    EXPECT_GE(read, bytes_per_s * 20 / 2);
  }
}

}  // namespace
}  // namespace millrace::log
