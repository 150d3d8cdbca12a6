// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Work of timers on whole stores, which is larger than a commit may be.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "millrace/log/errors.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

struct Page {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Page, (), (text))

// Longer than a test takes where the clock runs by itself.
constexpr std::int64_t period_ms = 600'000;
constexpr std::int64_t entries = 3'000;

struct Counts {
  int visits = 0;
  int deposits = 0;
};

struct Publishing {
  std::string failing = {};  // the entry whose visit throws
  int sweeps = 1;
  std::size_t page_bytes = 2'000;
  Counts* counts = nullptr;
  std::function<void()> on_visit = [] {};
};

// A deposit of n makes n entries; each sweep writes a page for each of them.
class Publisher final : public Processor<std::string, Deposited> {
 public:
  Publisher(StoreRef<std::string, Balance> balances, Emitter<std::string, Page> out,
            Publishing options)
      : balances_(balances), out_(out), options_(std::move(options)) {}
  void open(ProcessorContext& context) override {
    for (int i = 0; i < options_.sweeps; ++i) {
      context.sweep("publish-" + std::to_string(i), PunctuationType::wall_clock, period_ms,
                    balances_,
                    [this, context](const std::string& key, const Balance&, std::int64_t) mutable {
                      if (options_.counts != nullptr) ++options_.counts->visits;
                      options_.on_visit();
                      context.emit(out_, key, Page{std::string(options_.page_bytes, 'x')});
                      if (key == options_.failing)
                        throw std::runtime_error("a page that is not written");
                    });
    }
  }
  void process(const std::string& key, const Deposited& deposit,
               ProcessorContext& context) override {
    if (options_.counts != nullptr) ++options_.counts->deposits;
    auto store = context.store(balances_);
    for (std::int64_t i = 0; i < deposit.amount; ++i)
      store.put(key + std::to_string(i), Balance{i, 1});
    context.emit(out_, key, Page{"deposit"});
  }

 private:
  StoreRef<std::string, Balance> balances_;
  Emitter<std::string, Page> out_;
  Publishing options_;
};

class Sweep : public RuntimeTest {
 protected:
  static std::unique_ptr<Driver> open_publisher(const Publishing& publishing = {},
                                                InstanceOptions options = {},
                                                std::int64_t amount = entries) {
    TopologyBuilder builder("publisher", 1);
    const auto balances = builder.store<std::string, Balance>("balances");
    const auto out = builder.emitter<std::string, Page>("out");
    builder.stream<std::string, Deposited>("deposits")
        .process<Publisher>("publisher", balances, out, publishing);
    builder.stream(out).to("publisher.pages");
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    auto world = make_world();
    world->set_session_timeout_ms(2 * period_ms);
    if (options.max_commit_bytes == 0) options.max_commit_bytes = 512U << 10U;
    auto driver = std::make_unique<Driver>(std::move(world), *built, options);
    driver->declare_topic("deposits", "teller", 1);
    driver->run_until_idle();
    driver->pipe("deposits", std::string("entry-"), Deposited{amount}, 1'000);
    driver->run_until_idle();
    return driver;
  }

  static std::size_t pages(Driver& driver) { return driver.all_raw("publisher.pages").size(); }

  // So many deposits wait when the sweeps begin. Steps until they are processed, which is in fewer
  // steps than that, and checks that it is in each step that visits entries, or in the next one.
  static void expect_input_beside_sweeps(Driver& driver, Counts& counts, int deposits,
                                         int steps_at_most) {
    for (int i = 0; i < deposits; ++i)
      driver.pipe("deposits", std::string("between"), Deposited{0}, 2'000 + i);
    counts = {};
    int steps = 0;
    int steps_without_input = 0;
    while (counts.deposits < deposits) {
      const Counts before = counts;
      ASSERT_TRUE(driver.step());
      if (counts.deposits == before.deposits && counts.visits == before.visits) {
        driver.world().let_pass();
        continue;
      }
      ASSERT_LE(++steps, steps_at_most);
      steps_without_input = counts.deposits == before.deposits ? steps_without_input + 1 : 0;
      ASSERT_LE(steps_without_input, 1);
    }
    EXPECT_GT(counts.visits, 0);
  }
  static InstanceOptions limits(std::size_t records, std::size_t bytes = 0) {
    InstanceOptions options;
    options.max_cycle_records = records;
    options.max_commit_bytes = bytes;
    return options;
  }
  // Whether a record is there when a step begins is up to the cluster.
  static bool fetches_at_once() { return !GetParam().remote; }
};
INSTANTIATE_TEST_SUITE_P(On, Sweep, testing::ValuesIn(runtime_backends()), backend_name);

// 6 MB are above the limit of one transaction of the embedded log.
TEST_P(Sweep, visits_each_entry_once_over_several_commits_and_a_crash_with_input_between) {
  auto driver = open_publisher();
  EXPECT_EQ(pages(*driver), 1U);
  driver->world().let_pass(period_ms);
  driver->run_until([&] { return pages(*driver) > 1; });
  EXPECT_LT(pages(*driver), static_cast<std::size_t>(entries));
  driver->pipe("deposits", std::string("between"), Deposited{0}, 2'000);
  driver->run_until([&] { return pages(*driver) > 1'000; });
  EXPECT_LT(pages(*driver), static_cast<std::size_t>(entries));
  driver->crash_and_restart();
  driver->run_until_idle();

  std::map<std::string, int> seen;
  std::string last;
  for (const auto& page : driver->read<std::string, Page>("publisher.pages")) {
    ++seen[page.key];
    last = page.key;
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(entries) + 2);
  // Where a death costs a session, further walks follow the one that it interrupted.
  const int walks = seen["entry-0"];
  if (driver->world().manual_clock() != nullptr) {
    EXPECT_EQ(walks, 1);
  }
  for (const auto& [key, times] : seen)
    EXPECT_EQ(times, key == "entry-" || key == "between" ? 1 : walks) << key;
  EXPECT_NE(last, "between");
  EXPECT_EQ(driver->instance().status().refused_commits, 0U);
  EXPECT_EQ(driver->instance().status().failed_firings, 0U);
}

TEST_P(Sweep, begins_again_at_its_next_time) {
  auto driver = open_publisher();
  for (std::size_t walk = 1; walk <= 2; ++walk) {
    driver->advance_ms(period_ms);
    EXPECT_EQ(pages(*driver), walk * static_cast<std::size_t>(entries) + 1);
  }
}

TEST_P(Sweep, an_entry_that_fails_is_passed_over_alone) {
  auto driver = open_publisher({.failing = "entry-7"});
  driver->advance_ms(period_ms);
  EXPECT_EQ(pages(*driver), static_cast<std::size_t>(entries));
  EXPECT_EQ(driver->instance().status().failed_firings, 1U);
  EXPECT_EQ(driver->instance().status().refused_commits, 0U);
}

TEST_P(Sweep, leaves_half_of_the_work_items_of_a_cycle_to_the_input) {
  if (!fetches_at_once()) GTEST_SKIP() << "needs records that are there when a step begins";
  Counts counts;
  auto driver = open_publisher({.page_bytes = 20, .counts = &counts}, limits(100));
  driver->world().let_pass(period_ms);
  expect_input_beside_sweeps(*driver, counts, 200, 4);
  EXPECT_LE(counts.visits, 200);
  driver->run_until_idle();
  EXPECT_EQ(counts.visits, entries);
}

TEST_P(Sweep, leaves_half_of_the_work_items_of_a_cycle_to_the_input_also_when_there_are_four) {
  if (!fetches_at_once()) GTEST_SKIP() << "needs records that are there when a step begins";
  Counts counts;
  auto driver =
      open_publisher({.sweeps = 4, .page_bytes = 20, .counts = &counts}, limits(4'000, 3U << 20U));
  driver->world().let_pass(period_ms);
  expect_input_beside_sweeps(*driver, counts, 500, 1);
  EXPECT_LE(counts.visits, 2'000);
  driver->run_until_idle();
  EXPECT_EQ(counts.visits, 4 * entries);
}

TEST_P(Sweep, leaves_half_of_the_bytes_of_a_commit_to_the_input) {
  if (!fetches_at_once()) GTEST_SKIP() << "needs records that are there when a step begins";
  Counts counts;
  auto driver = open_publisher({.counts = &counts});
  driver->world().let_pass(period_ms);
  expect_input_beside_sweeps(*driver, counts, 200, 1);
}

TEST_P(Sweep, alternates_with_the_input_when_a_commit_takes_one_work_item) {
  if (!fetches_at_once()) GTEST_SKIP() << "needs records that are there when a step begins";
  Counts counts;
  auto driver = open_publisher({.counts = &counts}, limits(16));
  driver->world().let_pass(period_ms);
  // Of 16 visits, 8, 4 and 2.
  constexpr std::uint64_t refusals = 4;
  driver->world().fail_commits(log::errc::too_large, refusals);
  while (driver->instance().status().refused_commits < refusals)
    ASSERT_TRUE(driver->step());
  // Commits of one work item, then two, four and so on.
  expect_input_beside_sweeps(*driver, counts, 20, 12);
}

TEST_P(Sweep, with_visits_that_end_the_cycle_alternates_with_the_input) {
  if (GetParam().remote) GTEST_SKIP() << "needs a clock that the test moves";
  Counts counts;
  Driver* slow = nullptr;
  auto driver = open_publisher({.counts = &counts, .on_visit = [&] {
                                  if (slow != nullptr) slow->world().let_pass(period_ms);
                                }});
  slow = driver.get();
  driver->world().let_pass(period_ms);
  expect_input_beside_sweeps(*driver, counts, 20, 40);
}

// A queue by due time: what is not done is put behind all others.
class Queue final : public Processor<std::string, Deposited> {
 public:
  Queue(StoreRef<std::string, Balance> queue, int* visits) : queue_(queue), visits_(visits) {}
  void open(ProcessorContext& context) override {
    context.sweep("retry", PunctuationType::wall_clock, period_ms, queue_,
                  [this, context](const std::string& key, const Balance&, std::int64_t) mutable {
                    auto store = context.store(queue_);
                    store.erase(key);
                    store.put(name(1'000 + ++*visits_), Balance{0, 1});
                  });
  }
  void process(const std::string&, const Deposited& deposit, ProcessorContext& context) override {
    context.store(queue_).put(name(deposit.amount), Balance{deposit.amount, 1});
  }

 private:
  static std::string name(std::int64_t number) { return std::to_string(1'000'000 + number); }

  StoreRef<std::string, Balance> queue_;
  int* visits_;
};

TEST_P(Sweep, ends_though_each_visit_adds_an_entry_behind_all_others) {
  if (!fetches_at_once()) GTEST_SKIP() << "needs records that are there when a step begins";
  int visits = 0;
  TopologyBuilder builder("queue", 1);
  const auto store = builder.store<std::string, Balance>("entries");
  builder.stream<std::string, Deposited>("deposits").process<Queue>("queue", store, &visits);
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto world = make_world();
  world->set_session_timeout_ms(20 * period_ms);
  // A walk takes several turns.
  Driver driver(std::move(world), *built, limits(4));
  driver.declare_topic("deposits", "teller", 1);
  driver.run_until_idle();
  for (int i = 0; i < 10; ++i)
    driver.pipe("deposits", std::string("entry"), Deposited{i}, 1'000);
  driver.run_until_idle();
  for (int walk = 1; walk <= 2; ++walk) {
    driver.world().let_pass(period_ms);
    bool worked = true;
    for (int i = 0; i < 50 && worked; ++i) {
      const auto result = driver.step();
      ASSERT_TRUE(result);
      worked = result->worked;
    }
    EXPECT_EQ(visits, 10 * walk);
  }
}

// The next visit in its place is of an entry that came meanwhile.
TEST_P(Sweep, a_visit_that_the_log_refused_costs_no_other_entry) {
  if (!fetches_at_once()) GTEST_SKIP() << "needs records that are there when a step begins";
  Counts counts;
  auto driver = open_publisher({.counts = &counts}, {}, 3);
  driver->world().let_pass(period_ms);
  driver->world().refuse_records(log::errc::record_refused, [](const log::RecordView& record) {
    return record.key->find("entry-0") != std::string_view::npos && record.value->size() > 1'000;
  });
  // All three visits, then the first alone, and input after it.
  ASSERT_TRUE(driver->step());
  driver->pipe("deposits", std::string("a"), Deposited{1}, 2'000);
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().refused_commits, 2U);
  std::map<std::string, int> seen;
  for (const auto& page : driver->read<std::string, Page>("publisher.pages"))
    ++seen[page.key];
  // The deposit of "a" makes the entry a0; the entry that was refused is entry-0.
  EXPECT_EQ(seen["a0"], 1);
  EXPECT_EQ(seen["entry-0"], 0);
  EXPECT_EQ(seen["entry-1"], 1);
  EXPECT_EQ(driver->instance().status().failed_firings, 1U);
}

}  // namespace
}  // namespace millrace::stream::test
