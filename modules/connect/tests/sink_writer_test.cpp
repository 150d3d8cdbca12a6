// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/connect/sink_writer.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "copy_logs.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/embedded.hpp"

namespace millrace::connect {
namespace {

class SinkWriting : public testing::Test {
 protected:
  using Sink = std::unique_ptr<SinkWriter>;

  static log::LogOptions shop() {
    log::LogOptions options;
    options.service = "shop";
    return options;
  }
  std::unique_ptr<log::Log> handle() { return broker.connect(shop()); }
  std::unique_ptr<log::Log> file(const std::string& path) {
    auto opened = log::open_embedded(path, environment, shop(), {});
    EXPECT_TRUE(opened) << opened.error().to_string();
    return opened ? *std::move(opened) : nullptr;
  }
  Result<Sink> open(log::Log& log) {
    SinkWriter::Options options;
    options.group = "shop.import";
    options.task = "import";
    options.progress = {"shop.progress", 1, log::TopicKind::private_topic, "shop"};
    options.busy = "another import is under way";
    return SinkWriter::open(log, clock, std::move(options));
  }
  // Commits one order as that step.
  Status write(log::Log& log, SinkWriter& sink, std::int64_t step) {
    MILLRACE_ASSIGN(const log::Topic orders,
                    log.create_topic({"orders", 1, log::TopicKind::events, "shop"}));
    const std::string text = std::to_string(step);
    log::Transaction transaction;
    transaction.append({orders.id, log::partition(0)}, {1, "order", text, {}});
    MILLRACE_TRY(sink.commit(transaction, step, {1, "far", text, {}}));
    return {};
  }
  // As many steps are there, each with its order, its progress and its number.
  void expect_steps(std::int64_t steps) {
    std::vector<Content> orders;
    std::vector<Content> progress;
    for (std::int64_t step = 1; step <= steps; ++step) {
      orders.push_back({1, "order", std::to_string(step), {}});
      progress.push_back({1, "far", std::to_string(step), {}});
    }
    const auto reader = handle();
    EXPECT_EQ(contents(*reader, "orders", 0), orders);
    EXPECT_EQ(contents(*reader, "shop.progress", 0), progress);
    const auto position =
        reader->position(*reader->group("shop.import"),
                         {reader->find_topic("shop.progress")->id, log::partition(0)});
    EXPECT_EQ(position.value(), log::offset(steps));
  }

  // Runs once between the heartbeat and the commit.
  static inline std::function<void()> during_pause;
  static void pause_once(std::string_view point) {
    if (point == "sink.before_commit" && during_pause) std::exchange(during_pause, {})();
  }

  ManualClock clock;
  log::MemoryBroker broker{clock, true};
  SeededRandom random{1};
  log::LogEnvironment environment{clock, real_file_system(), random, real_processes()};
};

TEST_F(SinkWriting, makes_records_progress_and_position_visible_together) {
  const auto log = handle();
  const Sink sink = *open(*log);
  EXPECT_EQ(sink->last_step().value(), 0);
  for (const std::int64_t step : {1, 2}) {
    ASSERT_TRUE(write(*log, *sink, step));
    expect_steps(step);
    EXPECT_EQ(sink->last_step().value(), step);
  }
}

TEST_F(SinkWriting, ends_with_a_failure_and_a_new_writer_continues) {
  const auto log = handle();
  {
    const Sink sink = *open(*log);
    ASSERT_TRUE(write(*log, *sink, 1));
    broker.fail_commits(log::errc::disk_full, 1);
    EXPECT_EQ(write(*log, *sink, 2).error().code(), log::errc::disk_full);
    EXPECT_EQ(write(*log, *sink, 2).error().code(), log::errc::disk_full);
    expect_steps(1);
  }
  const Sink next = *open(*log);
  ASSERT_TRUE(write(*log, *next, 2));
  expect_steps(2);
}

// The number of a step names its outcome: another batch under it would be lost without a word.
TEST_F(SinkWriting, writes_nothing_under_another_number_than_the_next) {
  const auto log = handle();
  Sink sink = *open(*log);
  ASSERT_TRUE(write(*log, *sink, 1));
  for (const std::int64_t step : {0, 1, 3}) {
    EXPECT_EQ(write(*log, *sink, step).error().code(), errc::invalid_argument) << step;
    expect_steps(1);
  }
  ASSERT_TRUE(write(*log, *sink, 2));
  // Used without the knowledge of the writer.
  log::Transaction foreign;
  foreign.set_sequence("shop.import", 3);
  ASSERT_TRUE(log->commit(foreign));
  EXPECT_EQ(write(*log, *sink, 3).error().code(), errc::invalid_argument);
  expect_steps(2);
  sink.reset();
  EXPECT_EQ((*open(*log))->last_step().value(), 2);
}

TEST_F(SinkWriting, is_no_success_when_the_outcome_stays_unknown_and_other_records_follow) {
  SparseLog log(handle(), "sparse:sink");
  const Sink sink = *open(log);
  log.unknown_outcomes = 100;
  EXPECT_EQ(write(log, *sink, 1).error().code(), log::errc::outcome_unknown);
  log.unknown_outcomes = 0;
  EXPECT_EQ(write(log, *sink, 1).error().code(), log::errc::outcome_unknown);
  EXPECT_EQ(write(log, *sink, 2).error().code(), log::errc::outcome_unknown);
  expect_steps(1);
}

TEST_F(SinkWriting, repeats_a_step_whose_outcome_is_unknown_and_it_takes_effect_once) {
  SparseLog log(handle(), "sparse:sink");
  const Sink sink = *open(log);
  log.unknown_outcomes = 3;
  ASSERT_TRUE(write(log, *sink, 1));
  EXPECT_EQ(log.unknown_outcomes, 0);
  expect_steps(1);
}

TEST_F(SinkWriting, writes_nothing_after_its_claim_was_lost) {
  const auto paused = handle();
  const Sink sink = *open(*paused);
  ASSERT_TRUE(write(*paused, *sink, 1));
  clock.advance_ms(paused->options().session_timeout_ms + 1);
  const auto next = handle();
  auto taken = open(*next);
  ASSERT_TRUE(taken) << taken.error().to_string();
  EXPECT_EQ((*taken)->last_step().value(), 1);
  ASSERT_TRUE(write(*next, **taken, 2));
  EXPECT_EQ(sink->keep().error().code(), log::errc::fenced);
  // Nor when the claim is free again: it does not know what the other one wrote.
  taken->reset();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(sink->keep().error().code(), log::errc::fenced);
  EXPECT_EQ(write(*paused, *sink, 2).error().code(), log::errc::fenced);
  expect_steps(2);
}

// The heartbeat before a commit finds most takeovers; here the writer is paused after it. A log
// that looks at the number of a step first knows one of the same number, or a later one.
TEST_F(SinkWriting, writes_nothing_when_another_writer_takes_over_right_before_the_commit) {
  if (!fault_points_compiled_in()) GTEST_SKIP();
  for (const bool is_file : {false, true}) {
    for (const std::int64_t last : {2, 5}) {
      SCOPED_TRACE((is_file ? "file, " : "memory, ") + std::to_string(last));
      log::MemoryBroker memory{clock, true};
      const CopyDirectory directory;
      const auto connect = [&] {
        return is_file ? file(directory.path()) : memory.connect(shop());
      };
      const auto paused = connect();
      const auto next = connect();
      Sink other;
      const Sink sink = *open(*paused);
      ASSERT_TRUE(write(*paused, *sink, 1));
      during_pause = [&] {
        clock.advance_ms(paused->options().session_timeout_ms + 1);
        auto taken = open(*next);
        ASSERT_TRUE(taken) << taken.error().to_string();
        other = *std::move(taken);
        for (std::int64_t step = 2; step <= last; ++step)
          ASSERT_TRUE(write(*next, *other, step));
      };
      const FaultHandler former = set_fault_handler(pause_once);
      EXPECT_EQ(write(*paused, *sink, 2).error().code(), log::errc::fenced);
      set_fault_handler(former);
      EXPECT_EQ(other->last_step().value(), last);
      EXPECT_EQ(contents(*next, "orders", 0).size(), static_cast<std::size_t>(last));
    }
  }
}

TEST_F(SinkWriting, is_refused_while_another_writer_has_the_claim) {
  const auto log = handle();
  const Sink sink = *open(*log);
  const auto other = handle();
  const auto refused = open(*other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::busy);
  EXPECT_EQ(refused.error().message(), "another import is under way");
}

TEST_F(SinkWriting, waits_until_what_was_asked_for_is_true_but_not_for_ever) {
  const auto log = handle();
  const Sink sink = *open(*log);
  int asked = 0;
  EXPECT_EQ(sink->wait_until([&] { return Result<bool>(++asked == 3); }).value(), true);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(sink->wait_until([] { return Result<bool>(false); }).value(), false);
  const auto failed =
      sink->wait_until([]() -> Result<bool> { return fail(errc::not_found, "no"); });
  EXPECT_EQ(failed.error().code(), errc::not_found);
}

}  // namespace
}  // namespace millrace::connect
