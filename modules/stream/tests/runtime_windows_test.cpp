// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Windows that close: what is late stays late, whichever member has the task and however it was
// restored.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "millrace/log/errors.hpp"
#include "runtime/operator_times.hpp"
#include "runtime_branches.hpp"

namespace millrace::stream::test {
namespace {

using namespace std::chrono_literals;
using std::string;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using Window = Windowed<string>;

constexpr std::int64_t ignored = 1;   // amounts that the windows do not see
constexpr std::int64_t refused = 13;  // amounts whose handler throws, behind the windows
constexpr std::int64_t hour_ms = 3'600'000;

/// Deposits by account and second; each window closes half a second after its end.
Topology windows(bool close = true) {
  const WindowsWithoutGrace of_one_second = tumbling(1s);
  TopologyBuilder builder("bank");
  builder.stream<string, Deposited>("deposits")
      .filter([](const Deposited& deposit) { return deposit.amount != ignored; })
      .group_by_key()
      .windowed_by(close ? of_one_second.grace(500ms) : of_one_second.never_closes().retention(2h))
      .reduce([](const Deposited&, const Deposited& last) { return last; }, "last")
      .to_stream()
      .for_each([](const Window&, const Deposited& last) {
        if (last.amount == refused) throw std::runtime_error("13 is no amount");
      });
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

class ClosedWindows : public Branches {
 protected:
  ClosedWindows() { topology_ = windows(); }

  static std::unique_ptr<Driver> open_windows(InstanceOptions options = {}) {
    auto driver = RuntimeTest::open(windows(), std::move(options));
    driver->declare_topic("deposits", "teller");
    driver->run_until_idle();
    return driver;
  }
  static void pipe(Driver& driver, std::int64_t time_ms, std::int64_t amount = 5) {
    driver.pipe("deposits", string("a"), Deposited{amount}, time_ms);
    driver.run_until_idle();
  }
  /// Windows of one second that never close.
  static Topology kept_windows(std::chrono::milliseconds kept) {
    TopologyBuilder builder("bank");
    builder.stream<string, Deposited>("deposits")
        .group_by_key()
        .windowed_by(tumbling(1s).never_closes().retention(kept))
        .reduce([](const Deposited&, const Deposited& last) { return last; }, "last");
    return builder.build().value();
  }
  static bool has_window(const Instance& instance, std::int64_t start_ms) {
    const auto found =
        instance.view<Window, Deposited>("last").value().get({"a", start_ms, start_ms + 1'000});
    if (!found) throw std::runtime_error(found.error().to_string());
    return found->value.has_value();
  }
  /// The window at 1 s is closed: a record of it is late. The one at 2 s takes one yet.
  static void expect_closed_after_first(Driver& driver) {
    const std::uint64_t late = driver.instance().status().late;
    pipe(driver, 1'999);
    EXPECT_EQ(driver.instance().status().late, late + 1);
    EXPECT_FALSE(has_window(driver.instance(), 1'000));
    pipe(driver, 2'000);
    EXPECT_EQ(driver.instance().status().late, late + 1);
    EXPECT_TRUE(has_window(driver.instance(), 2'000));
  }
  static InstanceOptions with_snapshots() {
    InstanceOptions options;
    options.state_directory = "state";
    return options;
  }
  static std::size_t remove_snapshots(FaultFileSystem& files) {
    const auto names = files.list("state");
    if (!names) return 0;
    for (const string& name : *names) {
      if (!files.remove("state/" + name)) throw std::runtime_error("cannot remove " + name);
    }
    return names->size();
  }
};
INSTANTIATE_TEST_SUITE_P(On, ClosedWindows, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(ClosedWindows, take_nothing_more_and_count_what_is_late) {
  auto driver = open_windows();
  pipe(*driver, 1'000);
  // One ms before it closes.
  pipe(*driver, 2'499);
  pipe(*driver, 1'001);
  EXPECT_EQ(driver->instance().status().late, 0U);
  pipe(*driver, 2'500);
  pipe(*driver, 1'002);
  EXPECT_EQ(driver->instance().status().late, 1U);
  EXPECT_EQ(driver->instance().status().skipped, 0U);
  EXPECT_TRUE(driver->read_raw("bank.dead-letters").empty());
}

TEST_P(ClosedWindows, report_what_is_late_once_a_minute) {
  auto driver = open_windows();
  const auto reports = [&] {
    std::vector<string> found;
    std::ranges::copy_if(driver->events(), std::back_inserter(found), [](const string& event) {
      return event.starts_with("debug: late record left out");
    });
    return found;
  };
  pipe(*driver, 2'500);
  for (int i = 0; i < 3; ++i)
    driver->pipe("deposits", string("a"), Deposited{5}, 1'001 + i);
  driver->run_until_idle();
  EXPECT_THAT(reports(),
              ElementsAre(AllOf(HasSubstr("deposits/"), HasSubstr("operator last"),
                                HasSubstr("key a,"), HasSubstr("time 1970-01-01T00:00:01.001Z"))));
  driver->advance_ms(60'000);
  pipe(*driver, 1'005);
  EXPECT_THAT(reports(), ElementsAre(testing::_, AllOf(HasSubstr("time 1970-01-01T00:00:01.005Z"),
                                                       HasSubstr("2 others since"))));
  EXPECT_EQ(driver->instance().status().late, 4U);
}

TEST_P(ClosedWindows, stay_closed_after_a_crash) {
  auto driver = open_windows();
  pipe(*driver, 2'500);
  driver->crash_and_restart();
  driver->run_until_idle();
  expect_closed_after_first(*driver);
  driver->crash_and_restart();
  driver->run_until_idle();
  expect_closed_after_first(*driver);
}

TEST_P(ClosedWindows, stay_closed_with_snapshots_and_without) {
  for (const bool removed : {false, true}) {
    auto driver = open_windows(with_snapshots());
    pipe(*driver, 2'500);
    ASSERT_TRUE(driver->instance().close());
    if (removed) {
      ASSERT_GT(remove_snapshots(driver->files()), 0U);
    }
    driver->restart_after_end();
    driver->run_until_idle();
    expect_closed_after_first(*driver);
  }
}

TEST_P(ClosedWindows, stay_closed_when_another_instance_takes_over) {
  Branch one = open("bank-1");
  rest({&one});
  writer_.write("deposits", string("a"), Deposited{5}, 2'500);
  rest({&one});
  world_->kill(*one.log);
  Branch two = open("bank-2");
  writer_.write("deposits", string("a"), Deposited{5}, 1'999);
  rest({&two});
  EXPECT_EQ(two.instance->status().late, 1U);
  EXPECT_FALSE(has_window(*two.instance, 1'000));
}

TEST_P(ClosedWindows, stay_closed_across_a_build_whose_windows_do_not_close) {
  auto driver = open_windows();
  pipe(*driver, 2'500);
  driver->deploy(windows(false));
  pipe(*driver, 1'999);
  EXPECT_EQ(driver->instance().status().late, 0U);
  EXPECT_TRUE(has_window(driver->instance(), 1'000));
  driver->deploy(windows());
  pipe(*driver, 1'998);
  EXPECT_EQ(driver->instance().status().late, 1U);
}

TEST_P(ClosedWindows, are_removed_from_store_and_changelog) {
  auto driver = open_windows();
  for (std::int64_t time_ms = 1'000; time_ms < 20'000; time_ms += 1'000)
    pipe(*driver, time_ms);
  for (int i = 0; i < 2; ++i) {
    const auto left = driver->instance().view<Window, Deposited>("last").value().all(100).value();
    EXPECT_THAT(left.value, SizeIs(2));
    EXPECT_TRUE(has_window(driver->instance(), 18'000));
    EXPECT_TRUE(has_window(driver->instance(), 19'000));
    // All that is restored is what the changelog has.
    driver->crash_and_restart();
    driver->run_until_idle();
  }
}

TEST_P(ClosedWindows, are_kept_for_their_retention) {
  auto driver = RuntimeTest::open(kept_windows(10s), {});
  driver->declare_topic("deposits", "teller");
  for (const std::int64_t time_ms : {1'000, 10'999, 1'999})
    pipe(*driver, time_ms);
  EXPECT_EQ(driver->instance().status().late, 0U);
  EXPECT_TRUE(has_window(driver->instance(), 1'000));
  pipe(*driver, 11'000);
  pipe(*driver, 1'999);
  EXPECT_EQ(driver->instance().status().late, 1U);
  pipe(*driver, 14'000);
  EXPECT_FALSE(has_window(driver->instance(), 1'000));
  // A walk that a build with a shorter retention begins finds what the one before kept.
  driver->deploy(kept_windows(2s));
  pipe(*driver, 18'000);
  EXPECT_FALSE(has_window(driver->instance(), 14'000));
  EXPECT_TRUE(has_window(driver->instance(), 18'000));
}

TEST_P(ClosedWindows, that_hop_take_a_record_each_for_itself) {
  TopologyBuilder builder("bank");
  builder.stream<string, Deposited>("deposits")
      .group_by_key()
      .windowed_by(hopping(2s, 1s).no_grace())
      .count("last");
  auto driver = RuntimeTest::open(builder.build().value(), {});
  driver->declare_topic("deposits", "teller");
  for (const std::int64_t time_ms : {1'500, 2'500})
    pipe(*driver, time_ms);
  EXPECT_EQ(driver->instance().status().late, 0U);
  // The window at 0 s is closed, the one at 1 s is not.
  pipe(*driver, 1'999);
  EXPECT_EQ(driver->instance().status().late, 1U);
  const auto counts = driver->instance().view<Window, std::int64_t>("last").value();
  EXPECT_EQ(counts.get({"a", 1'000, 3'000}).value().value, 3);
  EXPECT_EQ(counts.get({"a", 2'000, 4'000}).value().value, 1);
}

TEST(OperatorTimes, of_operators_that_are_not_there_are_saved_again) {
  runtime::TaskState before;
  before.operator_times = {{"a", 10}, {"b", 20}};
  runtime::OperatorTimes times;
  times.restore(before);
  EXPECT_EQ(times.add("b").ms(), 20);
  times.add("c").observe(30);
  runtime::TaskState after;
  times.save(after);
  EXPECT_THAT(
      after.operator_times,
      testing::ElementsAre(testing::Pair("a", 10), testing::Pair("b", 20), testing::Pair("c", 30)));
  EXPECT_GE(times.encoded_bytes_max(), 3 * runtime::operator_time_bytes);
}

TEST_P(ClosedWindows, are_closed_by_what_their_operator_received_and_by_nothing_else) {
  auto driver = open_windows();
  pipe(*driver, 1'000);
  pipe(*driver, hour_ms, ignored);
  pipe(*driver, hour_ms, refused);
  EXPECT_EQ(driver->read_raw("bank.dead-letters").size(), 1U);
  // Also when the stream time of the task is all that a restart could go by.
  for (int i = 0; i < 2; ++i) {
    pipe(*driver, 1'001);
    EXPECT_EQ(driver->instance().status().late, 0U);
    driver->crash_and_restart();
    driver->run_until_idle();
  }
}

TEST_P(ClosedWindows, are_closed_by_committed_records_only) {
  auto driver = open_windows();
  pipe(*driver, 1'000);
  driver->pipe("deposits", string("a"), Deposited{5}, 1'500);
  driver->pipe("deposits", string("a"), Deposited{5}, 2'500);
  driver->world().fail_commits(log::errc::disk_full, 1);
  // What a refused commit processed is processed again as before.
  driver->run_until([&] { return driver->instance().status().records == 3; });
  EXPECT_EQ(driver->instance().status().refused_commits, 1U);
  EXPECT_EQ(driver->instance().status().late, 0U);
}

}  // namespace
}  // namespace millrace::stream::test
