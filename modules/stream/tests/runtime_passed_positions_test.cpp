// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What the groups of parts that were reset hold in public topics, on logs that keep positions for
// ever.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "millrace/log/library_topics.hpp"
#include "runtime_ranges.hpp"
#include "runtime_repartitions.hpp"

namespace millrace::stream::test {
namespace {

class PassedPositions : public InputRangesTest {
 protected:
  /// Of six orders, which a rebuild takes one by one.
  std::unique_ptr<Driver> open_counts() {
    InstanceOptions options;
    options.max_cycle_records = 1;
    auto driver = open_shop(make_world(), counts(), options);
    order(*driver, 0, 6);
    return driver;
  }
  static void let_a_minute_pass(Driver& driver) {
    for (int second = 0; second < 61; ++second)
      driver.world().let_pass(1'000);
    driver.run_until_idle();
  }
  static Positions ended(Positions positions) {
    for (auto& position : positions)
      if (position) position = log::reads_no_more;
    return positions;
  }
};

INSTANTIATE_TEST_SUITE_P(On, PassedPositions, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(PassedPositions, end_when_the_rebuild_is_past_them) {
  auto driver = open_counts();
  const Positions before = positions_of(*driver, "shop/counts", "orders");
  ASSERT_NE(ended(before), before);
  driver->deploy(counts(), [&] { ASSERT_TRUE(reset(*driver, {"counts"})); });
  ASSERT_TRUE(driver->step());
  EXPECT_EQ(positions_of(*driver, "shop/counts", "orders"), before) << "all is not taken yet";
  driver->run_until_idle();
  let_a_minute_pass(*driver);
  EXPECT_EQ(positions_of(*driver, "shop/counts", "orders"), ended(before));
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
  driver->deploy(counts(), [&] { ASSERT_TRUE(reset(*driver, {"counts"})); });
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(PassedPositions, of_a_rebuild_that_was_over_at_the_last_start_end_at_this_one) {
  auto driver = open_counts();
  const Positions before = positions_of(*driver, "shop/counts", "orders");
  driver->deploy(counts(), [&] { ASSERT_TRUE(reset(*driver, {"counts"})); });
  driver->run_until_idle();
  EXPECT_EQ(positions_of(*driver, "shop/counts", "orders"), before);
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(positions_of(*driver, "shop/counts", "orders"), ended(before));
  EXPECT_EQ(counted(*driver), 6);
}

// It does not know yet that it was taken for dead.
TEST_P(PassedPositions, stay_when_an_instance_wakes_up_after_another_reset) {
  auto driver = open_counts();
  const log::TopicPartition partition = partitions_of(*driver, "orders").front();
  driver->deploy(counts(), [&] {
    ASSERT_TRUE(reset(*driver, {"counts"}));
    const auto log = connect_shop(driver->world());
    log::Transaction transaction;
    transaction.set_position(log->group("shop/counts").value(), partition, log::offset(1'000));
    ASSERT_TRUE(log->commit(transaction));
  });
  driver->run_until_idle();
  driver->world().set_asleep(driver->log(), true);
  for (int second = 0; second < 61; ++second)
    driver->world().let_pass(1'000);
  ASSERT_TRUE(reset(*driver, {"counts"}));
  driver->world().set_asleep(driver->log(), false);
  while (driver->step())
    driver->world().let_pass();
  EXPECT_EQ(positions_of(*driver, "shop/counts", "orders").front(), log::offset(1'000));
}

TEST_P(PassedPositions, are_not_needed_by_a_later_rebuild) {
  auto driver = open_took();
  take(*driver, "left", 3'000);
  take(*driver, "right", 1'000);
  take(*driver, "middle", 2'000);
  const std::string expected = taken(*driver);
  const Positions before = positions_of(*driver, "shop/took", "left");
  rebuild(*driver);
  let_a_minute_pass(*driver);
  ASSERT_EQ(positions_of(*driver, "shop/took", "left"), ended(before));
  take(*driver, "right", 1'500);
  const std::string longer = taken(*driver);
  ASSERT_TRUE(longer.starts_with(expected));
  for (int again = 0; again < 2; ++again) {
    rebuild(*driver);
    EXPECT_EQ(taken(*driver), longer);
    let_a_minute_pass(*driver);
  }
}

}  // namespace
}  // namespace millrace::stream::test
