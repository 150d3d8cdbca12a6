// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "millrace/log/errors.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

/// What happened, as the processor under test publishes it.
struct Note {
  static constexpr std::array millrace_as_text{"time_ms"};  // up to the end of time
  std::string text;
  std::int64_t time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Note, (), (text, time_ms))

struct Ticker {
  PunctuationType type;
  std::int64_t interval_ms;
  bool fails = false;
  bool silent = false;  // publishes nothing when it fires
};

// Publishes a note for each deposit and for each firing; a firing names the first deposit of its
// account as its cause.
class Clockwork final : public Processor<std::string, Deposited> {
 public:
  Clockwork(StoreRef<std::string, RememberedContext> first, Emitter<std::string, Note> out,
            Ticker ticker)
      : first_(first), out_(out), ticker_(ticker) {}
  void open(ProcessorContext& context) override {
    context.schedule(
        "tick", ticker_.type, ticker_.interval_ms, [this, context](std::int64_t time_ms) mutable {
          if (ticker_.silent) return;
          context.emit(out_, std::string("tick"), Note{"tick", time_ms});
          context.store(first_).all(
              [&](const std::string& key, const RememberedContext& remembered) {
                context.with_context(remembered,
                                     [&] { context.emit(out_, key, Note{"late", time_ms}); });
                return true;
              });
          if (ticker_.fails) throw std::runtime_error("the spring broke");
        });
  }
  void process(const std::string& key, const Deposited&, ProcessorContext& context) override {
    if (!context.store(first_).get(key)) context.store(first_).put(key, context.remember());
    context.emit(out_, key, Note{"deposit", context.stream_time_ms()});
  }

 private:
  StoreRef<std::string, RememberedContext> first_;
  Emitter<std::string, Note> out_;
  Ticker ticker_;
};

// Longer than a test takes where the clock runs by itself.
constexpr std::int64_t watch_period_ms = 60'000;

class Punctuators : public RuntimeTest {
 protected:
  static std::unique_ptr<Driver> open_clockwork(Ticker ticker) {
    TopologyBuilder builder("clockwork", 1);
    const auto first = builder.store<std::string, RememberedContext>("first");
    const auto out = builder.emitter<std::string, Note>("out");
    builder.stream<std::string, Deposited>("deposits")
        .process<Clockwork>("clockwork", first, out, ticker);
    builder.stream(out).to("clockwork.notes");
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    auto world = make_world();
    // A member that is not heard of between two firings is not dead.
    world->set_session_timeout_ms(20 * watch_period_ms);
    auto driver = std::make_unique<Driver>(std::move(world), *built);
    driver->declare_topic("deposits", "teller", 1);
    driver->run_until_idle();
    return driver;
  }

  static std::string notes(Driver& driver) {
    std::string out;
    for (const auto& note : driver.read<std::string, Note>("clockwork.notes")) {
      if (note.value.text != "late")
        out += note.value.text + "@" + std::to_string(note.value.time_ms) + " ";
    }
    return out;
  }

  // Lets that much time pass and checks that the timer fired once, and when.
  static void expect_tick_after(Driver& driver, std::int64_t ms) {
    driver.world().let_pass(ms);
    const std::int64_t earliest = driver.world().clock().wall_ms();
    driver.run_until_idle();
    const std::int64_t latest = driver.world().clock().wall_ms();
    std::vector<std::int64_t> ticks;
    for (const auto& note : driver.read<std::string, Note>("clockwork.notes")) {
      if (note.value.text == "tick") ticks.push_back(note.value.time_ms);
    }
    ASSERT_EQ(ticks.size(), 1U);
    EXPECT_GE(ticks[0], earliest);
    EXPECT_LE(ticks[0], latest);
  }
};
INSTANTIATE_TEST_SUITE_P(On, Punctuators, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Punctuators, stream_time_fires_when_a_record_passes_the_next_multiple) {
  auto driver = open_clockwork({PunctuationType::stream_time, 100});
  for (const int time : {1'000, 1'050, 1'100, 1'150, 1'480, 1'490, 1'500})
    driver->pipe("deposits", std::string("a"), Deposited{1}, time);
  driver->run_until_idle();
  EXPECT_EQ(notes(*driver),
            "deposit@1000 deposit@1050 deposit@1100 tick@1100 deposit@1150 deposit@1480 tick@1480 "
            "deposit@1490 deposit@1500 tick@1500 ");
}

TEST_P(Punctuators, the_end_of_time_is_reached_once) {
  auto driver = open_clockwork({PunctuationType::stream_time, 60'000});
  const std::int64_t end = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t time : {std::int64_t{1'000}, end, end, std::int64_t{2'000}})
    driver->pipe("deposits", std::string("a"), Deposited{1}, time);
  driver->run_until_idle();
  const std::string last = std::to_string(end);
  EXPECT_EQ(notes(*driver), "deposit@1000 deposit@" + last + " tick@" + last + " deposit@" + last +
                                " deposit@" + last + " ");
}

TEST_P(Punctuators, stream_time_and_next_firings_survive_a_crash) {
  auto driver = open_clockwork({PunctuationType::stream_time, 100});
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'130);
  driver->run_until_idle();
  EXPECT_EQ(notes(*driver), "deposit@1000 deposit@1130 tick@1130 ");
  driver->crash_and_restart();
  driver->run_until_idle();
  driver->pipe("deposits", std::string("a"), Deposited{1}, 900);
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'199);
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'200);
  driver->run_until_idle();
  EXPECT_EQ(notes(*driver), "deposit@1130 deposit@1199 deposit@1200 tick@1200 ");
}

TEST_P(Punctuators, the_wall_clock_fires_without_records_and_tells_when_to_wake) {
  auto driver = open_clockwork({PunctuationType::wall_clock, 50});
  if (driver->world().manual_clock() == nullptr)
    GTEST_SKIP() << "needs a clock that stands still: it looks just before and just when it fires";
  const std::int64_t start_ns = driver->world().clock().monotonic_ns();
  auto step = driver->step();
  ASSERT_TRUE(step);
  EXPECT_FALSE(step->worked);
  EXPECT_LE(step->wake_at_ns, start_ns + 50'000'000);
  EXPECT_GT(step->wake_at_ns, start_ns);
  driver->advance_ms(49);
  EXPECT_EQ(notes(*driver), "");
  expect_tick_after(*driver, 1);
  expect_tick_after(*driver, 500);
}

TEST_P(Punctuators, the_wall_clock_fires_once_however_long_it_was_not_looked_at) {
  auto driver = open_clockwork({PunctuationType::wall_clock, watch_period_ms});
  EXPECT_EQ(notes(*driver), "");
  expect_tick_after(*driver, watch_period_ms);
  expect_tick_after(*driver, 10 * watch_period_ms);
}

TEST_P(Punctuators, a_clock_that_is_set_back_does_not_stop_them) {
  auto driver = open_clockwork({PunctuationType::wall_clock, watch_period_ms});
  ManualClock* const clock = driver->world().manual_clock();
  if (clock == nullptr) GTEST_SKIP() << "needs a clock that can be set back";
  clock->jump_wall_ms(-3'600'000);
  driver->run_until_idle();
  expect_tick_after(*driver, watch_period_ms);
}

TEST_P(Punctuators, a_clock_that_is_set_back_does_not_stop_them_however_often_they_are_restarted) {
  auto driver = open_clockwork({PunctuationType::wall_clock, watch_period_ms});
  ManualClock* const clock = driver->world().manual_clock();
  if (clock == nullptr) GTEST_SKIP() << "needs a clock that can be set back";
  driver->advance_ms(watch_period_ms);
  EXPECT_EQ(driver->read_raw("clockwork.notes").size(), 1U);
  clock->jump_wall_ms(-3'600'000);
  for (int i = 0; i < 3; ++i) {
    for (int part = 0; part < 4; ++part)
      driver->advance_ms(watch_period_ms / 6);
    driver->crash_and_restart();
    driver->run_until_idle();
  }
  EXPECT_EQ(driver->read_raw("clockwork.notes").size(), 1U);
}

TEST_P(Punctuators, an_interval_beyond_all_time_lets_the_instance_sleep) {
  auto driver =
      open_clockwork({PunctuationType::wall_clock, std::numeric_limits<std::int64_t>::max()});
  // Elsewhere the step may commit positions.
  if (driver->world().manual_clock() == nullptr) GTEST_SKIP() << "needs a clock that stands still";
  const std::int64_t before_ns = driver->world().clock().monotonic_ns();
  auto step = driver->step();
  ASSERT_TRUE(step);
  ASSERT_FALSE(step->worked);
  EXPECT_GT(step->wake_at_ns, before_ns);
}

TEST_P(Punctuators, the_wall_clock_fires_however_often_the_process_is_restarted) {
  auto driver = open_clockwork({PunctuationType::wall_clock, watch_period_ms});
  std::size_t ticks = 0;
  // Ten times two thirds of a period.
  for (int i = 0; i < 10; ++i) {
    for (int part = 0; part < 4; ++part)
      driver->advance_ms(watch_period_ms / 6);
    ticks += driver->read_raw("clockwork.notes").size();
    // On a cluster a death costs a session, and more than an hour ahead of it no record is taken.
    if (i % 2 == 0 && !GetParam().remote) {
      driver->crash_and_restart();
    } else {
      driver->restart();
    }
    driver->run_until_idle();
  }
  EXPECT_GE(ticks, 6U);
  if (driver->world().manual_clock() != nullptr) {
    EXPECT_EQ(ticks, 6U);
  }
}

TEST_P(Punctuators, what_a_firing_emits_has_an_id_of_its_own_and_a_remembered_cause) {
  auto driver = open_clockwork({PunctuationType::wall_clock, watch_period_ms});
  driver->pipe_raw("deposits", {.key = "a",
                                .value = R"({"amount":1})",
                                .headers = {{"ce_id", "d-1"},
                                            {"ce_type", "Deposited"},
                                            {"ce_correlationid", "process-7"},
                                            {"ce_requestid", "shop.requests:r-1"}},
                                .timestamp_ms = 1'000});
  driver->run_until_idle();
  static_cast<void>(driver->read_raw("clockwork.notes"));
  driver->advance_ms(watch_period_ms);
  const auto fired = driver->read<std::string, Note>("clockwork.notes");
  ASSERT_EQ(fired.size(), 2U);
  EXPECT_EQ(fired[0].value.text, "tick");
  EXPECT_EQ(fired[0].raw.header("ce_causationid"), "");
  EXPECT_EQ(fired[0].raw.timestamp_ms, 1'000);
  EXPECT_EQ(fired[1].value.text, "late");
  EXPECT_EQ(fired[1].raw.header("ce_causationid"), "d-1");
  EXPECT_EQ(fired[1].raw.header("ce_correlationid"), "process-7");
  EXPECT_EQ(fired[0].raw.header("ce_requestid"), "");
  EXPECT_EQ(fired[1].raw.header("ce_requestid"), "shop.requests:r-1");
  EXPECT_NE(fired[0].raw.header("ce_id"), fired[1].raw.header("ce_id"));
  driver->crash_and_restart();
  driver->run_until_idle();
  static_cast<void>(driver->read_raw("clockwork.notes"));
  driver->advance_ms(watch_period_ms);
  const auto again = driver->read<std::string, Note>("clockwork.notes");
  ASSERT_EQ(again.size(), 2U);
  EXPECT_NE(again[0].raw.header("ce_id"), fired[0].raw.header("ce_id"));
}

TEST_P(Punctuators, a_firing_that_fails_is_reported_and_passed_over_with_its_effects) {
  auto driver = open_clockwork({PunctuationType::wall_clock, watch_period_ms, true});
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  driver->advance_ms(watch_period_ms);
  EXPECT_EQ(notes(*driver), "deposit@1000 ");
  EXPECT_EQ(driver->instance().status().failed_firings, 1U);
}

TEST_P(Punctuators, a_timer_that_fails_at_every_firing_does_not_stop_the_task) {
  auto driver = open_clockwork({PunctuationType::stream_time, 1, true});
  for (const int time : {1'000, 1'010, 1'020, 1'030})
    driver->pipe("deposits", std::string("a"), Deposited{1}, time);
  driver->run_until_idle();
  EXPECT_EQ(notes(*driver), "deposit@1000 deposit@1010 deposit@1020 deposit@1030 ");
  EXPECT_EQ(driver->instance().status().failed_firings, 3U);
}

TEST_P(Punctuators, firings_without_effect_make_no_commits) {
  auto driver = open_clockwork({PunctuationType::wall_clock, watch_period_ms, false, true});
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  driver->run_until_idle();
  const std::uint64_t commits = driver->instance().status().commits;
  EXPECT_GT(commits, 0U);
  for (int i = 0; i < 20; ++i)
    driver->advance_ms(watch_period_ms);
  EXPECT_EQ(driver->instance().status().commits, commits);
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'100);
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().commits, commits + 1);
}

TEST_P(Punctuators, a_firing_too_large_to_commit_is_passed_over) {
  auto driver = open_clockwork({PunctuationType::wall_clock, watch_period_ms});
  driver->world().fail_commits(log::errc::too_large, 1);
  driver->advance_ms(watch_period_ms);
  EXPECT_EQ(notes(*driver), "");
  EXPECT_EQ(driver->instance().status().failed_firings, 1U);
  expect_tick_after(*driver, watch_period_ms);
}

TEST_P(Punctuators, a_firing_too_large_to_commit_costs_no_record_beside_it) {
  auto driver = open_clockwork({PunctuationType::wall_clock, watch_period_ms});
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  // Both, then the firing alone.
  driver->world().fail_commits(log::errc::too_large, 2);
  driver->advance_ms(watch_period_ms);
  EXPECT_EQ(notes(*driver), "deposit@1000 ");
  EXPECT_TRUE(driver->read_raw("clockwork.dead-letters").empty());
  EXPECT_EQ(driver->instance().status().failed_firings, 1U);
}

TEST_P(Punctuators, a_firing_cut_off_from_its_record_follows_it_even_after_a_crash) {
  auto driver = open_clockwork({PunctuationType::stream_time, 100});
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  driver->run_until_idle();
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'100);
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'110);
  // Two records and a firing, which are then one at a time.
  driver->world().fail_commits(log::errc::too_large, 1);
  const auto done = driver->instance().status().records;
  driver->run_until([&] { return driver->instance().status().records > done; });
  EXPECT_EQ(notes(*driver), "deposit@1000 deposit@1100 ");
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(notes(*driver), "tick@1100 deposit@1110 ");
}

}  // namespace
}  // namespace millrace::stream::test
