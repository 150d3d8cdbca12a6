// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "millrace/log/errors.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

/// What happened, as the processor under test publishes it.
struct Note {
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

std::unique_ptr<testkit::TopologyDriver> open_clockwork(Ticker ticker) {
  TopologyBuilder builder("clockwork", 1);
  const auto first = builder.store<std::string, RememberedContext>("first");
  const auto out = builder.emitter<std::string, Note>("out");
  builder.stream<std::string, Deposited>("deposits")
      .process(
          "clockwork", [=] { return std::make_unique<Clockwork>(first, out, ticker); }, uses(first),
          emits(out));
  builder.stream(out).to("clockwork.notes");
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  auto driver = std::make_unique<testkit::TopologyDriver>(*built);
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  return driver;
}

std::string notes(testkit::TopologyDriver& driver) {
  std::string out;
  for (const auto& note : driver.read<std::string, Note>("clockwork.notes")) {
    if (note.value.text != "late")
      out += note.value.text + "@" + std::to_string(note.value.time_ms) + " ";
  }
  return out;
}

TEST(Punctuators, stream_time_fires_when_a_record_passes_the_next_multiple) {
  auto driver = open_clockwork({PunctuationType::stream_time, 100});
  for (const int time : {1'000, 1'050, 1'100, 1'150, 1'480, 1'490, 1'500})
    driver->pipe("deposits", std::string("a"), Deposited{1}, time);
  driver->run_until_idle();
  EXPECT_EQ(notes(*driver),
            "deposit@1000 deposit@1050 deposit@1100 tick@1100 deposit@1150 deposit@1480 tick@1480 "
            "deposit@1490 deposit@1500 tick@1500 ");
}

TEST(Punctuators, stream_time_and_next_firings_survive_a_crash) {
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

TEST(Punctuators, the_wall_clock_fires_without_records_and_tells_when_to_wake) {
  auto driver = open_clockwork({PunctuationType::wall_clock, 50});
  const std::int64_t start_ns = driver->clock().monotonic_ns();
  auto step = driver->step();
  ASSERT_TRUE(step);
  EXPECT_FALSE(step->worked);
  EXPECT_LE(step->wake_at_ns, start_ns + 50'000'000);
  EXPECT_GT(step->wake_at_ns, start_ns);
  driver->advance_ms(49);
  EXPECT_EQ(notes(*driver), "");
  driver->advance_ms(1);
  EXPECT_EQ(notes(*driver), "tick@" + std::to_string(driver->clock().wall_ms()) + " ");
  driver->advance_ms(500);
  EXPECT_EQ(notes(*driver), "tick@" + std::to_string(driver->clock().wall_ms()) + " ");
}

TEST(Punctuators, a_clock_that_is_set_back_does_not_stop_them) {
  auto driver = open_clockwork({PunctuationType::wall_clock, 50});
  driver->clock().jump_wall_ms(-3'600'000);
  driver->run_until_idle();
  driver->advance_ms(50);
  EXPECT_EQ(notes(*driver), "tick@" + std::to_string(driver->clock().wall_ms()) + " ");
}

TEST(Punctuators, what_a_firing_emits_has_an_id_of_its_own_and_a_remembered_cause) {
  auto driver = open_clockwork({PunctuationType::wall_clock, 50});
  const std::string cause =
      driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000, "process-7");
  driver->run_until_idle();
  static_cast<void>(driver->read_raw("clockwork.notes"));
  driver->advance_ms(50);
  const auto fired = driver->read<std::string, Note>("clockwork.notes");
  ASSERT_EQ(fired.size(), 2U);
  EXPECT_EQ(fired[0].value.text, "tick");
  EXPECT_EQ(fired[0].raw.header("causationid"), "");
  EXPECT_EQ(fired[0].raw.timestamp_ms, 1'000);
  EXPECT_EQ(fired[1].value.text, "late");
  EXPECT_EQ(fired[1].raw.header("causationid"), cause);
  EXPECT_EQ(fired[1].raw.header("correlationid"), "process-7");
  EXPECT_NE(fired[0].raw.header("ce_id"), fired[1].raw.header("ce_id"));
  driver->crash_and_restart();
  driver->run_until_idle();
  driver->advance_ms(50);
  const auto again = driver->read<std::string, Note>("clockwork.notes");
  ASSERT_EQ(again.size(), 2U);
  EXPECT_NE(again[0].raw.header("ce_id"), fired[0].raw.header("ce_id"));
}

TEST(Punctuators, a_firing_that_fails_is_told_and_passed_over_with_its_effects) {
  auto driver = open_clockwork({PunctuationType::wall_clock, 50, true});
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  driver->advance_ms(60);
  EXPECT_EQ(notes(*driver), "deposit@1000 ");
  EXPECT_EQ(driver->instance().status().skipped, 1U);
}

TEST(Punctuators, a_timer_that_fails_at_every_firing_does_not_stop_the_task) {
  auto driver = open_clockwork({PunctuationType::stream_time, 1, true});
  for (const int time : {1'000, 1'010, 1'020, 1'030})
    driver->pipe("deposits", std::string("a"), Deposited{1}, time);
  driver->run_until_idle();
  EXPECT_EQ(notes(*driver), "deposit@1000 deposit@1010 deposit@1020 deposit@1030 ");
  EXPECT_EQ(driver->instance().status().skipped, 3U);
}

TEST(Punctuators, firings_without_effect_make_no_commits) {
  auto driver = open_clockwork({PunctuationType::wall_clock, 50, false, true});
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  driver->run_until_idle();
  const std::uint64_t commits = driver->instance().status().commits;
  EXPECT_GT(commits, 0U);
  for (int i = 0; i < 20; ++i)
    driver->advance_ms(50);
  EXPECT_EQ(driver->instance().status().commits, commits);
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'100);
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().commits, commits + 1);
}

TEST(Punctuators, a_firing_too_large_to_commit_is_passed_over) {
  auto driver = open_clockwork({PunctuationType::wall_clock, 50});
  driver->broker().fail_commits(log::errc::too_large, 1);
  driver->advance_ms(50);
  EXPECT_EQ(notes(*driver), "");
  EXPECT_EQ(driver->instance().status().skipped, 1U);
  driver->advance_ms(50);
  EXPECT_EQ(notes(*driver), "tick@" + std::to_string(driver->clock().wall_ms()) + " ");
}

TEST(Punctuators, a_firing_too_large_to_commit_costs_no_record_beside_it) {
  auto driver = open_clockwork({PunctuationType::wall_clock, 50});
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  // Both, then the firing alone.
  driver->broker().fail_commits(log::errc::too_large, 2);
  driver->advance_ms(50);
  EXPECT_EQ(notes(*driver), "deposit@1000 ");
  EXPECT_TRUE(driver->read_raw("clockwork.dead-letters").empty());
  EXPECT_EQ(driver->instance().status().skipped, 1U);
}

TEST(Punctuators, a_firing_cut_off_from_its_record_follows_it_even_after_a_crash) {
  auto driver = open_clockwork({PunctuationType::stream_time, 100});
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  driver->run_until_idle();
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'100);
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'110);
  // Two records and a firing, which are then one at a time.
  driver->broker().fail_commits(log::errc::too_large, 1);
  ASSERT_TRUE(driver->step());
  ASSERT_TRUE(driver->step());
  EXPECT_EQ(notes(*driver), "deposit@1000 deposit@1100 ");
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(notes(*driver), "tick@1100 deposit@1110 ");
}

// Deposits with the name of the account's holder at their time.
std::unique_ptr<testkit::TopologyDriver> open_order(testkit::DriverOptions options = {}) {
  TopologyBuilder builder("order", 1);
  const auto names = builder.table<std::string, Closed>("holders", "holders");
  const auto deposits = builder.stream<std::string, Deposited>("deposits");
  const auto told = deposits.left_join(names, [](const Deposited& deposit, const Closed* holder) {
    return Note{(holder != nullptr ? holder->reason : "nobody") + std::to_string(deposit.amount),
                0};
  });
  told.to("order.notes");
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  auto driver = std::make_unique<testkit::TopologyDriver>(*built, std::move(options));
  driver->declare_topic("holders", "registry", 1);
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  return driver;
}

std::string said(testkit::TopologyDriver& driver) {
  std::string out;
  for (const auto& note : driver.read<std::string, Note>("order.notes"))
    out += note.value.text + " ";
  return out;
}

TEST(Order, inputs_are_merged_by_time_with_tables_first) {
  auto driver = open_order();
  // Written in another order than that of their times.
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'000);
  driver->pipe("deposits", std::string("a"), Deposited{2}, 2'000);
  driver->pipe("deposits", std::string("a"), Deposited{3}, 3'000);
  driver->pipe("holders", std::string("a"), Closed{"anna"}, 2'000);
  driver->pipe("holders", std::string("a"), Closed{"berta"}, 2'500);
  driver->run_until_idle();
  EXPECT_EQ(said(*driver), "nobody1 anna2 berta3 ");
}

TEST(Order, an_input_fetched_earlier_than_another_is_not_taken_for_empty) {
  testkit::DriverOptions options;
  options.instance.max_cycle_records = 2;
  auto driver = open_order(options);
  driver->pipe("holders", std::string("a"), Closed{"anna"}, 1'000);
  driver->pipe("holders", std::string("a"), Closed{"berta"}, 1'001);
  driver->pipe("holders", std::string("a"), Closed{"carla"}, 1'002);
  ASSERT_TRUE(driver->step());
  // One holder is left of the first fetch, the deposit is of a later one.
  driver->pipe("holders", std::string("a"), Closed{"dora"}, 1'003);
  driver->pipe("deposits", std::string("a"), Deposited{1}, 1'004);
  driver->run_until_idle();
  EXPECT_EQ(said(*driver), "dora1 ");
}

TEST(Order, context_passes_through_private_topics) {
  TopologyBuilder builder("hops");
  builder.stream<std::string, Deposited>("deposits")
      .select_key([](const std::string&, const Deposited&) { return std::string("all"); })
      .group_by_key()
      .count("counts")
      .to_stream()
      .map_values([](std::int64_t count) { return Balance{count, count}; })
      .to("hops.counts");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  testkit::TopologyDriver driver(*built);
  driver.declare_topic("deposits", "teller");
  const std::string cause =
      driver.pipe("deposits", std::string("a"), Deposited{1}, 1'000, "process-9");
  driver.run_until_idle();
  const auto counts = driver.read_raw("hops.counts");
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].header("correlationid"), "process-9");
  EXPECT_EQ(counts[0].header("causationid"), cause);
}

}  // namespace
}  // namespace millrace::stream::test
