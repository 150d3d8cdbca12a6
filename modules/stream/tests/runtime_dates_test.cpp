// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Times far ahead: those that a handler chooses, and those that come with a record.
#include <gtest/gtest.h>

#include <tuple>

#include "millrace/log/errors.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

struct Note {
  std::string text;
  std::int64_t time_ms = 0;
};
BOOST_DESCRIBE_STRUCT(Note, (), (text, time_ms))

/// Emits a note for the time that the deposit's amount says.
class Dater final : public Processor<std::string, Deposited> {
 public:
  explicit Dater(Emitter<std::string, Note> out) : out_(out) {}
  void process(const std::string& key, const Deposited& deposit,
               ProcessorContext& context) override {
    context.emit_at(deposit.amount, out_, key, Note{"dated", deposit.amount});
  }

 private:
  Emitter<std::string, Note> out_;
};

constexpr std::int64_t hour_ms = 3'600'000;

class Dates : public RuntimeTest {
 protected:
  /// Counts by key, and how many dead letters and notes there are.
  static auto look(Driver& driver) {
    return std::tuple(driver.store<std::string, std::int64_t>("counts").all(),
                      driver.all_raw("dates.dead-letters").size(),
                      driver.all_raw("dates.notes").size());
  }
  static std::unique_ptr<Driver> open_dates(InstanceOptions options = {}) {
    TopologyBuilder builder("dates", 1);
    const auto out = builder.emitter<std::string, Note>("out");
    const auto deposits = builder.stream<std::string, Deposited>("deposits");
    deposits.process<Dater>("dater", out);
    deposits.group_by_key().count("counts");
    builder.stream(out).to("dates.notes");
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    auto driver = open(*built, std::move(options));
    driver->declare_topic("deposits", "teller", 1);
    driver->run_until_idle();
    return driver;
  }
};
INSTANTIATE_TEST_SUITE_P(On, Dates, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Dates, a_time_far_ahead_that_a_handler_chose_costs_its_record_alone) {
  auto driver = open_dates();
  const std::int64_t soon = driver->world().clock().wall_ms() + 600'000;
  for (const std::int64_t time : {std::int64_t{5}, std::int64_t{253'402'300'799'999}, soon})
    driver->pipe("deposits", std::string("a"), Deposited{time}, 1'000);
  driver->run_until_idle();
  std::vector<std::int64_t> times;
  for (const auto& note : driver->read_raw("dates.notes"))
    times.push_back(note.timestamp_ms);
  EXPECT_EQ(times, (std::vector<std::int64_t>{5, soon}));
  const auto letters = driver->read_raw("dates.dead-letters");
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_NE(letters[0].header("dl-reason").find("max_future_ms"), std::string::npos);
}

TEST_P(Dates, a_restart_with_a_later_clock_restores_what_was_decided) {
  InstanceOptions options;
  options.state_directory = "state";
  auto driver = open_dates(options);
  ManualClock* const clock = driver->world().manual_clock();
  if (clock == nullptr) GTEST_SKIP() << "needs a clock that can be moved by hours";
  const std::int64_t refused = clock->wall_ms() + hour_ms * 3 / 2;
  const std::int64_t far = 253'402'300'799'999;
  driver->pipe("deposits", std::string("a"), Deposited{refused}, 1'000);
  driver->pipe("deposits", std::string("b"), Deposited{5}, 1'000);
  // In the topic of a service that allows any time: it is taken as it is.
  driver->pipe("deposits", std::string("c"), Deposited{6}, far);
  driver->run_until_idle();
  const auto before = look(*driver);
  EXPECT_EQ(std::get<1>(before), 1U);
  EXPECT_EQ(std::get<2>(before), 2U);
  ASSERT_TRUE(driver->instance().close());
  const auto names = driver->files().list("state");
  ASSERT_TRUE(names);
  EXPECT_FALSE(names->empty());
  for (const std::string& name : *names)
    ASSERT_TRUE(driver->files().remove("state/" + name));
  clock->jump_wall_ms(2 * hour_ms);
  driver->restart_after_end();
  driver->run_until_idle();
  EXPECT_EQ(look(*driver), before);
}

// Nothing of a refused commit was seen by anybody: the outcome is that of the commit that is taken,
// and it is one, whatever the clock says afterwards.
TEST_P(Dates, a_time_is_judged_by_the_clock_of_the_commit_that_is_taken) {
  auto driver = open_dates();
  ManualClock* const clock = driver->world().manual_clock();
  if (clock == nullptr) GTEST_SKIP() << "needs a clock that can be moved by hours";
  const std::int64_t ahead = clock->wall_ms() + hour_ms * 3 / 2;
  driver->pipe("deposits", std::string("a"), Deposited{ahead}, 1'000);
  driver->world().fail_commits(log::errc::disk_full, 1);
  driver->run_until([&] { return driver->instance().status().refused_commits == 1; });
  EXPECT_TRUE(driver->all_raw("dates.dead-letters").empty());
  clock->jump_wall_ms(hour_ms);
  driver->run_until([&] { return driver->instance().status().records == 1; });
  const auto taken = look(*driver);
  EXPECT_EQ(std::get<1>(taken), 0U);
  EXPECT_EQ(std::get<2>(taken), 1U);
  clock->jump_wall_ms(-2 * hour_ms);
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(look(*driver), taken);
}

}  // namespace
}  // namespace millrace::stream::test
