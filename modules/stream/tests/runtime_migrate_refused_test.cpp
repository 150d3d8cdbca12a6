// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Migrations of parts that would lose state or count twice change nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "runtime_migrations.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::AllOf;
using testing::HasSubstr;

class RefusedMigration : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, RefusedMigration, testing::ValuesIn(runtime_backends()), backend_name);

void expect_refused(Driver& driver, const Topology& from, const Topology& to,
                    const testing::Matcher<string>& message) {
  const std::int64_t before = revision(driver);
  driver.deploy(from, [&] {
    const auto refused = migrate(driver, to);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::topology_changed);
    EXPECT_THAT(refused.error().message(), message);
    EXPECT_EQ(revision(driver), before);
  });
}

TEST_P(RefusedMigration, it_is_refused_while_an_instance_lives_and_may_be_repeated) {
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  EXPECT_EQ(migrate(*driver, together()).error().code(), millrace::errc::busy);
  driver->deploy(together(), [&] {
    const auto planned = migrate(*driver, together(), true);
    ASSERT_TRUE(planned);
    // What an attempt leaves that was cut off before its commit.
    const auto log = connect_shop(driver->world());
    ASSERT_TRUE(log->create_topic({"shop." + planned->parts[0].name + ".system.changelog", 2,
                                   log::TopicKind::private_topic, "shop"},
                                  log::compacted()));
    ASSERT_TRUE(migrate(*driver, together()));
    const auto again = migrate(*driver, together());
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->parts.empty());
  });
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(RefusedMigration, it_is_refused_when_an_old_instance_comes_meanwhile_and_may_be_repeated) {
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  driver->deploy(together(), [&] {
    pile_up(*driver, "orders", 6, 9);
    RuntimeWorld& world = driver->world();
    std::unique_ptr<Beside> old;
    // After the check that nobody lives, before the tool claims the tasks.
    world.before_join([&] {
      old = std::make_unique<Beside>(world, apart());
      EXPECT_EQ(old->run(), "");
    });
    const auto refused = migrate(*driver, together());
    ASSERT_NE(old, nullptr);
    EXPECT_EQ(revision(*driver), 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), millrace::errc::busy);
    EXPECT_THAT(refused.error().message(), HasSubstr("beside"));
    pile_up(*driver, "orders", 9, 12);
    EXPECT_EQ(old->run(), "");
    old.reset();
    world.let_pass();
    const auto done = migrate(*driver, together());
    ASSERT_TRUE(done) << done.error().to_string();
  });
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver), 12);
}

TEST_P(RefusedMigration, a_store_that_the_build_lacks_is_not_replaced_by_an_empty_one) {
  const auto renamed = topology([](auto& builder) {
    orders(builder).merge(returns(builder)).group_by_key().count("totals");
    returns(builder).group_by_key().count("returned");
  });
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  expect_refused(*driver, apart(), renamed, HasSubstr("builder.was(\"totals\", \"counts\")"));
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(RefusedMigration, an_input_with_other_partitions_is_refused) {
  const auto with_refunds = topology([](auto& builder) {
    const auto refunds = builder.template stream<string, Deposited>("refunds");
    orders(builder).merge(returns(builder)).merge(refunds).group_by_key().count("counts");
    returns(builder).group_by_key().count("returned");
  });
  auto driver = open_both(make_world(), apart());
  driver->declare_topic("refunds", "counter", 4);
  order(*driver, 0, 6);
  expect_refused(*driver, apart(), with_refunds, HasSubstr("partitions of refunds"));
}

TEST_P(RefusedMigration, a_private_topic_with_other_partitions_is_refused) {
  const auto behind = [](bool merged, std::int32_t partitions) {
    TopologyBuilder builder("shop", partitions);
    const auto spread = orders(builder).repartition("spread");
    const auto wide = returns(builder).repartition("wide");
    spread.group_by_key().count("counts");
    wide.group_by_key().count("returned");
    if (merged) spread.merge(wide).group_by_key().count("both");
    return *builder.build();
  };
  auto driver = open_both(make_world(), behind(false, 2));
  order(*driver, 0, 6);
  expect_refused(*driver, behind(false, 2), behind(true, 4), HasSubstr("partitions of part"));
}

Topology with_two_partitions(const std::function<void(TopologyBuilder&)>& declare) {
  TopologyBuilder builder("shop", 2);
  declare(builder);
  return *builder.build();
}

TEST_P(RefusedMigration, a_private_topic_that_is_left_is_read_to_its_end_before_it) {
  const auto passing = [](bool merged) {
    return with_two_partitions([=](auto& builder) {
      orders(builder).group_by_key().count("counts");
      returns(builder).group_by_key().count("returned");
      if (merged) {
        orders(builder).merge(returns(builder)).to("shop.both");
      } else {
        orders(builder).repartition("spread").merge(returns(builder)).to("shop.both");
      }
    });
  };
  auto driver = open_both(make_world(), passing(false));
  order(*driver, 0, 6);
  const std::int64_t before = revision(*driver);
  driver->deploy(passing(false), [&] {
    testkit::RawRecord unread;
    unread.partition = 1;
    unread.timestamp_ms = 1'000;
    driver->pipe_raw("shop.spread.repartition", unread);
    const auto refused = migrate(*driver, passing(true));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::topology_changed);
    EXPECT_THAT(refused.error().message(),
                AllOf(HasSubstr("topic shop.spread.repartition  records that were not read"),
                      HasSubstr("Run the build before until it is at rest")));
    EXPECT_EQ(revision(*driver), before);
  });
  driver->run_until_idle();
  deploy_by_migration(*driver, passing(true));
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(RefusedMigration, a_part_that_reads_none_of_the_inputs_of_before_is_refused) {
  const auto of_refunds = topology([](auto& builder) {
    const auto refunds = builder.template stream<string, Deposited>("refunds");
    refunds.group_by_key().count("counts");
    refunds.group_by_key().count("returned");
  });
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  expect_refused(*driver, apart(), of_refunds,
                 AllOf(HasSubstr("inputs of part counts"), HasSubstr("orders, returns")));
}

TEST_P(RefusedMigration, a_new_private_input_whose_keys_may_be_elsewhere_is_refused) {
  const auto behind = with_two_partitions([](auto& builder) {
    orders(builder).merge(returns(builder).repartition("spread")).group_by_key().count("counts");
    returns(builder).group_by_key().count("returned");
  });
  auto driver = open_both(make_world(), together());
  order(*driver, 0, 6);
  expect_refused(*driver, together(), behind,
                 HasSubstr("partitions of the keys of store counts  as of its inputs  as of "
                           "shop.spread.repartition"));
}

TEST_P(RefusedMigration, letters_that_were_sent_back_are_read_before_it) {
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  const std::int64_t before = revision(*driver);
  driver->deploy(apart(), [&] {
    testkit::RawRecord letter;
    letter.partition = 1;
    letter.timestamp_ms = 1'000;
    letter.headers.emplace_back("dl-sub-topology", "counts");
    driver->pipe_raw("shop.retry", letter);
    const auto refused = migrate(*driver, together());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::topology_changed);
    EXPECT_THAT(refused.error().message(), HasSubstr("shop.retry"));
    EXPECT_EQ(revision(*driver), before);
  });
  driver->run_until_idle();
  deploy_by_migration(*driver, together());
  EXPECT_EQ(counted(*driver), 6);
}

TEST_P(RefusedMigration, a_build_that_would_be_refused_is_refused_though_its_parts_are_the_same) {
  const auto other = topology([](auto& builder) {
    orders(builder).group_by_key().count("totals");
    returns(builder).group_by_key().count("returned");
  });
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  expect_refused(*driver, apart(), other, HasSubstr("builder.was(\"totals\", \"counts\")"));
}

TEST_P(RefusedMigration, state_whose_keys_may_be_elsewhere_is_refused) {
  const auto behind = topology(
      [](auto& builder) { orders(builder).repartition("spread").group_by_key().count("counts"); });
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  driver->deploy(counts(), [&] {
    const auto refused = migrate(*driver, behind);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::topology_changed);
    EXPECT_THAT(refused.error().message(), AllOf(HasSubstr("inputs that fill store counts"),
                                                 HasSubstr("topology reset shop --store counts")));
    EXPECT_EQ(revision(*driver), 1);
  });
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
}

}  // namespace
}  // namespace millrace::stream::test
