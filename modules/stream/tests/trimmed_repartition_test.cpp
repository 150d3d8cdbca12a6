// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Stores behind repartitions on an embedded log that settles, and so removes what was read from
// them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "embedded_world.hpp"
#include "runtime_repartitions.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;

class TrimmedRepartition : public testing::Test {
 protected:
  static std::unique_ptr<RuntimeWorld> settling_world() {
    log::SettleOptions settle;
    settle.on = true;
    settle.bytes = 0;
    settle.age_ms = 0;
    settle.interval_ms = 0;
    settle.cleaning_interval_ms = 0;
    settle.segment_bytes = 2'000;
    return make_embedded_world(settle);
  }
  static void settle_and_trim(Driver& driver) {
    for (int i = 0; i < 10; ++i) {
      driver.run_until_idle();
      driver.world().let_pass();
    }
  }
  static std::int64_t removed(Driver& driver, const string& topic) {
    std::int64_t offsets = 0;
    for (const log::TopicPartition partition : partitions_of(driver, topic))
      offsets += driver.tool().start_offset(partition).value().value;
    return offsets;
  }
};

TEST_F(TrimmedRepartition, a_reset_of_any_store_gives_the_totals_of_before) {
  for (const char* const store : {"counts", "by-amount", "updates"}) {
    SCOPED_TRACE(store);
    auto driver = open_chain(settling_world());
    for (int i = 6; i < 90; i += 6)
      order(*driver, i, i + 6);
    settle_and_trim(*driver);
    ASSERT_THAT(chain_totals(*driver), ElementsAre(90, 90, 90));
    for (const string& topic : chain_topics)
      ASSERT_GT(removed(*driver, topic), 10) << topic;
    driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {store})); });
    driver->run_until_idle();
    EXPECT_THAT(chain_totals(*driver), ElementsAre(90, 90, 90));
    for (int i = 90; i < 150; i += 6)
      order(*driver, i, i + 6);
    settle_and_trim(*driver);
    EXPECT_THAT(chain_totals(*driver), ElementsAre(150, 150, 150));
    // The groups of before the reset hold nothing.
    for (const string& topic : chain_topics)
      EXPECT_GT(removed(*driver, topic), 120) << topic;
    driver->crash_and_restart();
    order(*driver, 150, 156);
    EXPECT_THAT(chain_totals(*driver), ElementsAre(156, 156, 156));
  }
}

TEST_F(TrimmedRepartition, a_whole_reset_may_be_followed_by_one_of_the_last_store) {
  auto driver = open_chain(settling_world());
  driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {})); });
  for (int i = 6; i < 90; i += 6)
    order(*driver, i, i + 6);
  settle_and_trim(*driver);
  driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {"updates"})); });
  driver->run_until_idle();
  EXPECT_THAT(chain_totals(*driver), ElementsAre(90, 90, 90));
}

// What the reset of before said of offsets is of the topics that were deleted.
TEST_F(TrimmedRepartition, of_another_topic_with_the_name_is_written_again_for_its_reader) {
  auto driver = open_chain(settling_world());
  for (int i = 6; i < 90; i += 6)
    order(*driver, i, i + 6);
  driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {})); });
  settle_and_trim(*driver);
  ASSERT_THAT(chain_totals(*driver), ElementsAre(90, 90, 90));
  driver->deploy(chain(), [&] {
    const auto shop = connect_shop(driver->world());
    for (const string& topic : chain_topics)
      ASSERT_TRUE(shop->delete_topic(shop->find_topic(topic).value().id)) << topic;
  });
  for (int i = 90; i < 180; i += 6)
    order(*driver, i, i + 6);
  settle_and_trim(*driver);
  ASSERT_THAT(chain_totals(*driver), ElementsAre(180, 180, 180));
  for (const string& topic : chain_topics)
    ASSERT_GT(removed(*driver, topic), 10) << topic;
  driver->deploy(chain(), [&] { ASSERT_TRUE(reset(*driver, {"updates"})); });
  driver->run_until_idle();
  EXPECT_THAT(chain_totals(*driver), ElementsAre(180, 180, 180));
}

TEST_F(TrimmedRepartition, commands_are_removed_again_after_the_rebuild_of_what_reads_them) {
  auto driver = std::make_unique<Driver>(settling_world(), counts());
  driver->declare_topic("orders", "counter", 2, log::TopicKind::commands);
  driver->run_until_idle();
  for (int i = 0; i < 90; i += 6)
    order(*driver, i, i + 6);
  driver->deploy(counts(), [&] { ASSERT_TRUE(reset(*driver, {"counts"})); });
  for (int i = 90; i < 180; i += 6)
    order(*driver, i, i + 6);
  driver->deploy(counts(), [&] { driver->world().let_pass(8 * 86'400'000LL); });
  settle_and_trim(*driver);
  EXPECT_GT(removed(*driver, "orders"), 120);
  EXPECT_EQ(counted(*driver), 180);
}

}  // namespace
}  // namespace millrace::stream::test
