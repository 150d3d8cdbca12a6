// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What the log refuses costs the record, the firing or the visit that it is about, and nothing
// else.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "millrace/log/errors.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

// A time that no log of these tests takes.
constexpr std::int64_t refused_ms = 7'777;

struct Line {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Line, (), (text))

// Emits a line at the refused time when its timer fires, and one for each deposit at its own time.
class Reporter final : public Processor<std::string, Deposited> {
 public:
  Reporter(Emitter<std::string, Line> out, std::int64_t interval_ms)
      : out_(out), interval_ms_(interval_ms) {}
  void open(ProcessorContext& context) override {
    context.schedule("report", PunctuationType::wall_clock, interval_ms_,
                     [this, context](std::int64_t) mutable {
                       context.emit_at(refused_ms, out_, std::string("report"), Line{"report"});
                     });
  }
  void process(const std::string& key, const Deposited&, ProcessorContext& context) override {
    context.emit(out_, key, Line{"deposit"});
  }

 private:
  Emitter<std::string, Line> out_;
  std::int64_t interval_ms_;
};

// Wakes up long after the test, with as many timers as it has names for.
class Sleeper final : public Processor<std::string, Deposited> {
 public:
  Sleeper(Emitter<std::string, Line> out, int timers, StoreRef<std::string, Balance> store,
          bool sweeps)
      : out_(out), timers_(timers), store_(store), sweeps_(sweeps) {}
  void open(ProcessorContext& context) override {
    constexpr std::int64_t interval_ms = 1'000'000'000;
    for (int i = 0; i < timers_; ++i)
      context.schedule(std::string(200, 't') + std::to_string(i), PunctuationType::wall_clock,
                       interval_ms, [](std::int64_t) {});
    if (sweeps_)
      context.sweep("sweep", PunctuationType::wall_clock, interval_ms, store_,
                    [](const std::string&, const Balance&, std::int64_t) {});
  }
  void process(const std::string& key, const Deposited& deposit,
               ProcessorContext& context) override {
    context.emit(out_, key, Line{std::string(static_cast<std::size_t>(deposit.amount), 'x')});
  }

 private:
  Emitter<std::string, Line> out_;
  int timers_;
  StoreRef<std::string, Balance> store_;
  bool sweeps_;
};

class Refusal : public RuntimeTest {
 protected:
  // From now on the log takes no record of that time.
  static void refuse_times(Driver& driver) {
    driver.world().refuse_records(log::errc::time_out_of_bounds, [](const log::RecordView& record) {
      return record.timestamp_ms == refused_ms;
    });
  }

  static std::unique_ptr<Driver> open_sleepers(int timers, int partitions, bool sweeps = false) {
    TopologyBuilder builder("sleepers", 1);
    const auto store = builder.store<std::string, Balance>("balances");
    const auto out = builder.emitter<std::string, Line>("out");
    builder.stream<std::string, Deposited>("deposits")
        .process<Sleeper>("sleeper", out, timers, store, sweeps);
    builder.stream(out).to("sleepers.lines");
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    auto driver = open(*built);
    driver->declare_topic("deposits", "teller", partitions);
    return driver;
  }
};
INSTANTIATE_TEST_SUITE_P(On, Refusal, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Refusal, of_a_record_for_its_time_costs_the_work_item_that_wrote_it_alone) {
  auto driver = open_bank();
  for (int i = 0; i < 8; ++i)
    driver->pipe("deposits", std::string("anna"), Deposited{1 << i}, i == 5 ? refused_ms : 1'000);
  refuse_times(*driver);
  driver->run_until_idle();

  EXPECT_EQ(totals(*driver).at("anna"), 255 - 32);
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].key, "anna");
  EXPECT_EQ(dead[0].value, "{\"amount\":32}");
  EXPECT_EQ(dead[0].header("dl-code"), "log.time_out_of_bounds");
  EXPECT_FALSE(dead[0].header("dl-reason").empty());
  EXPECT_EQ(dead[0].header("dl-offset"), "5");
  // The letter itself would be refused with the record's time.
  EXPECT_NE(dead[0].timestamp_ms, refused_ms);
  EXPECT_EQ(dead[0].header("dl-timestamp"), std::to_string(refused_ms));
  EXPECT_TRUE(without_gap_or_repeat(driver->read<std::string, Balance>("bank.balances")));
}

TEST_P(Refusal, of_what_a_firing_writes_passes_it_over_with_the_code_of_the_log) {
  constexpr std::int64_t period_ms = 60'000;
  TopologyBuilder builder("reporter", 1);
  const auto out = builder.emitter<std::string, Line>("out");
  builder.stream<std::string, Deposited>("deposits").process<Reporter>("reporter", out, period_ms);
  builder.stream(out).to("reporter.lines");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto world = make_world();
  world->set_session_timeout_ms(20 * period_ms);
  Driver driver(std::move(world), *built);
  driver.declare_topic("deposits", "teller", 1);
  driver.run_until_idle();
  refuse_times(driver);
  driver.pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver.advance_ms(period_ms);
  driver.pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver.run_until_idle();
  EXPECT_EQ(driver.instance().status().failed_firings, 1U);
  EXPECT_EQ(driver.all_raw("reporter.lines").size(), 2U);
  EXPECT_EQ(std::count_if(driver.events().begin(), driver.events().end(),
                          [](const std::string& event) {
                            return event.find("log.time_out_of_bounds") != std::string::npos &&
                                   event.find("timer reporter.report") != std::string::npos;
                          }),
            1);
}

TEST_P(Refusal, of_every_record_ends_the_instance_and_loses_nothing) {
  for (const ErrorCode code :
       {log::errc::record_refused, log::errc::unknown_partition, log::errc::time_out_of_bounds}) {
    auto driver = open_bank();
    driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
    driver->pipe("deposits", std::string("anna"), Deposited{2}, 1'000);
    driver->world().refuse_records(code, [](const log::RecordView&) { return true; });
    Result<StepResult> result = driver->step();
    for (int i = 0; i < 100 && result; ++i)
      result = driver->step();
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().is(code)) << result.error().to_string();
    driver->world().refuse_records({}, {});
    driver->restart_after_end();
    driver->run_until_idle();
    EXPECT_EQ(totals(*driver).at("anna"), 3);
    EXPECT_TRUE(driver->read_raw("bank.dead-letters").empty());
  }
}

TEST_P(Refusal, of_a_dead_letter_of_a_later_version_is_a_letter_with_its_own_reason) {
  auto driver = open_bank();
  testkit::RawRecord letter;
  letter.key = "anna";
  letter.value = "{\"amount\":5}";
  letter.headers = {{"ce_id", "later-1"},        {"dl-version", "2"}, {"dl-topic", "deposits"},
                    {"dl-sub-topology", "bank"}, {"dl-offset", "7"},  {"dl-origin", "of later"}};
  letter.timestamp_ms = 1'500;
  letter.partition = 0;
  driver->pipe_raw("bank.retry", letter);
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 2'000);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 1);
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].value, letter.value);
  EXPECT_EQ(dead[0].header("ce_id"), "later-1");
  EXPECT_EQ(dead[0].header("dl-code"), "stream.incompatible");
  EXPECT_NE(dead[0].header("dl-reason").find("version 2"), std::string::npos);
  EXPECT_EQ(dead[0].header("dl-topic"), "deposits");
  EXPECT_EQ(dead[0].header("dl-offset"), "7");
  // So that the newer build finds all that it wrote.
  EXPECT_EQ(dead[0].header("dl-version"), "2");
  EXPECT_EQ(dead[0].header("dl-origin"), "of later");
}

// Nobody can say which part of the topology it was for.
TEST_P(Refusal, of_a_dead_letter_of_a_later_version_without_its_part_is_one_letter) {
  TopologyBuilder builder("bank", 1);
  for (const char* const part : {"first", "second", "third"})
    builder.stream<std::string, Deposited>(std::string("of-") + part).group_by_key().count(part);
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  ASSERT_EQ(built->sub_topologies().size(), 3U);
  auto driver = open(*built);
  for (const char* const part : {"first", "second", "third"})
    driver->declare_topic(std::string("of-") + part, "teller", 1);
  driver->run_until_idle();
  testkit::RawRecord letter;
  letter.key = "anna";
  letter.value = "{\"amount\":5}";
  letter.headers = {{"ce_id", "later-1"}, {"dl-version", "2"}, {"dl-topic", "of-second"}};
  letter.timestamp_ms = 1'500;
  letter.partition = 0;
  driver->pipe_raw("bank.retry", letter);
  driver->run_until_idle();
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].header("dl-code"), "stream.incompatible");
  EXPECT_EQ(dead[0].header("dl-version"), "2");
}

// The first part reads less of the retry topic than the others, or nothing of it.
TEST_P(Refusal, of_a_dead_letter_without_its_part_is_one_letter_in_each_partition) {
  for (const bool has_more : {false, true}) {
    TopologyBuilder builder("bank", 4);
    for (const char* const part : {"first", "second", "third"})
      builder.stream<std::string, Deposited>(std::string("of-") + part).group_by_key().count(part);
    auto built = builder.build();
    ASSERT_TRUE(built) << built.error().to_string();
    auto driver = open(*built);
    const auto retry = driver->tool().find_topic("bank.retry");
    ASSERT_TRUE(retry) << retry.error().to_string();
    const std::int32_t most = retry->spec.partitions;
    ASSERT_GT(most, 1);
    driver->declare_topic("of-first", "teller", has_more ? most + 1 : 1);
    for (const char* const part : {"second", "third"})
      driver->declare_topic(std::string("of-") + part, "teller", most);
    driver->run_until_idle();
    for (const std::int32_t partition : {0, most - 1}) {
      testkit::RawRecord letter;
      letter.key = "anna";
      letter.value = "{\"amount\":5}";
      letter.headers = {{"ce_id", "later-1"}, {"dl-version", "2"}, {"dl-topic", "of-second"}};
      letter.timestamp_ms = 1'500;
      letter.partition = partition;
      driver->pipe_raw("bank.retry", letter);
    }
    driver->run_until_idle();
    EXPECT_EQ(driver->read_raw("bank.dead-letters").size(), 2U) << has_more;
  }
}

TEST_P(Refusal, of_a_letter_without_room_in_its_commit_is_reported_once) {
  if (GetParam().remote) GTEST_SKIP() << "needs records that are there when a step begins";
  InstanceOptions options;
  options.fetch_bytes = options.max_commit_bytes = 256U << 20U;
  auto driver = open(bank(), options);
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  constexpr std::size_t bytes = 900'000;
  const std::size_t letters = driver->log().options().max_transaction_bytes / bytes + 2;
  testkit::RawRecord record;
  record.key = "anna";
  record.value = std::string(bytes, 'x');
  record.headers = {{"ce_id", "poison-1"},
                    {"ce_source", "/teller"},
                    {"ce_type", "Deposited"},
                    {"ce_specversion", "1.0"}};
  record.timestamp_ms = 1'500;
  for (std::size_t i = 0; i < letters; ++i)
    driver->pipe_raw("deposits", record);
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().dead_letters, letters);
  EXPECT_EQ(std::count_if(
                driver->events().begin(), driver->events().end(),
                [](const std::string& event) { return event.starts_with("warn: dead letter"); }),
            static_cast<std::ptrdiff_t>(letters));
}

// Of 330 KB each, which are 5 MB, more than a transaction of the embedded log holds.
TEST_P(Refusal, does_not_meet_the_timers_of_many_tasks) {
  auto driver = open_sleepers(1'500, 16);
  driver->run_until_idle();
  driver->advance_ms(2'000);
  EXPECT_EQ(driver->instance().status().refused_commits, 0U);
  // An output that leaves little room beside it.
  const auto bytes = static_cast<std::int64_t>(driver->log().options().max_record_bytes) * 9 / 10;
  for (int i = 0; i < 32; ++i)
    driver->pipe("deposits", "account-" + std::to_string(i), Deposited{bytes}, 1'000 + i);
  driver->run_until_idle();
  EXPECT_EQ(driver->all_raw("sleepers.lines").size(), 32U);
  EXPECT_EQ(driver->instance().status().refused_commits, 0U);
  EXPECT_EQ(driver->instance().status().dead_letters, 0U);
  // After a refusal the last tasks have their turns too, though the first ones rest.
  for (int partition = 0; partition < 16; ++partition) {
    testkit::RawRecord record;
    record.key = "anna";
    record.value = "{\"amount\":1}";
    record.headers = {{"ce_id", "late-" + std::to_string(partition)},
                      {"ce_source", "/teller"},
                      {"ce_type", "Deposited"},
                      {"ce_specversion", "1.0"}};
    record.timestamp_ms = 2'000;
    record.partition = partition;
    driver->pipe_raw("deposits", record);
    driver->world().fail_commits(log::errc::disk_full, 1);
    const std::size_t lines = 33U + static_cast<std::size_t>(partition);
    driver->run_until([&] { return driver->all_raw("sleepers.lines").size() == lines; });
  }
}

// A sweep under way makes the state of a task larger than it was when it began.
TEST_P(Refusal, of_a_task_state_that_could_outgrow_a_record_names_what_to_do_when_the_task_starts) {
  const std::size_t limit = make_world()->connect({})->options().max_record_bytes;
  // Name, its number, processor and fields: some 230 bytes a timer, which 6 more would be too many.
  const int timers = static_cast<int>(limit / 233);
  auto plain = open_sleepers(timers, 1);
  plain->run_until_idle();
  auto driver = open_sleepers(timers, 1, true);
  try {
    driver->run_until_idle();
    FAIL() << "it started";
  } catch (const testkit::TestError& error) {
    const std::string what = error.what();
    for (const char* part : {"sleeper/0", "timers", "max_record_bytes", "schedule fewer"})
      EXPECT_NE(what.find(part), std::string::npos) << part << " in: " << what;
  }
}

}  // namespace
}  // namespace millrace::stream::test
