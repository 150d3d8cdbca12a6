// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/connect/sink_writer.hpp"

#include <gtest/gtest.h>

#include "copy_logs.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::connect {
namespace {

class SinkWriting : public testing::Test {
 protected:
  using Sink = std::unique_ptr<SinkWriter>;

  std::unique_ptr<log::Log> handle() {
    log::LogOptions options;
    options.service = "shop";
    return broker.connect(std::move(options));
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

  ManualClock clock;
  log::MemoryBroker broker{clock, true};
};

TEST_F(SinkWriting, makes_records_progress_and_position_visible_together_or_none_of_them) {
  const auto log = handle();
  const Sink sink = *open(*log);
  EXPECT_EQ(sink->last_step().value(), 0);
  ASSERT_TRUE(write(*log, *sink, 1));
  expect_steps(1);
  broker.fail_commits(log::errc::disk_full, 1);
  EXPECT_EQ(write(*log, *sink, 2).error().code(), log::errc::disk_full);
  expect_steps(1);
  ASSERT_TRUE(write(*log, *sink, 2));
  expect_steps(2);
  EXPECT_EQ(sink->last_step().value(), 2);
}

TEST_F(SinkWriting, repeats_a_step_whose_outcome_is_unknown_and_it_takes_effect_once) {
  SparseLog log(handle(), "sparse:sink");
  const Sink sink = *open(log);
  log.unknown_outcomes = 3;
  ASSERT_TRUE(write(log, *sink, 1));
  EXPECT_EQ(log.unknown_outcomes, 0);
  expect_steps(1);
}

TEST_F(SinkWriting, writes_nothing_after_another_writer_took_over) {
  const auto paused = handle();
  const Sink sink = *open(*paused);
  ASSERT_TRUE(write(*paused, *sink, 1));
  clock.advance_ms(paused->options().session_timeout_ms + 1);
  const auto next = handle();
  auto taken = open(*next);
  ASSERT_TRUE(taken) << taken.error().to_string();
  EXPECT_EQ((*taken)->last_step().value(), 1);
  EXPECT_EQ(write(*paused, *sink, 2).error().code(), log::errc::fenced);
  expect_steps(1);
  ASSERT_TRUE(write(*next, **taken, 2));
  // Nor when the claim is free again: it does not know what the other one wrote.
  taken->reset();
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(sink->keep());
  EXPECT_EQ(write(*paused, *sink, 3).error().code(), log::errc::fenced);
  expect_steps(2);
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
