// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Parts of a topology are given up and rebuilt from their inputs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "millrace/log/errors.hpp"
#include "runtime_shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::AllOf;
using testing::HasSubstr;

class Reset : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Reset, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Reset, an_instance_that_started_before_a_reset_works_on_nothing_that_was_given_up) {
  const auto two = topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    builder.template stream<string, Deposited>("returns")
        .group_by_key()
        .count("returned")
        .to_stream()
        .to("shop.returned");
  });
  auto driver = std::make_unique<Driver>(make_world(), two);
  // Its inputs do not exist yet: it has read the manifest and is no member.
  ASSERT_TRUE(reset(*driver, {}));
  driver->declare_topic("orders", "counter", 2);
  driver->declare_topic("returns", "counter", 2);
  driver->pipe("returns", string("customer-1"), Deposited{1}, 1'000);
  std::optional<Error> ended;
  driver->run_until([&] {
    const auto step = driver->step();
    if (!step) ended = step.error();
    return ended.has_value();
  });
  EXPECT_EQ(ended->code(), errc::topology_changed);
  EXPECT_THAT(ended->message(), HasSubstr("was reset"));
  EXPECT_TRUE(driver->all_raw("shop.returned").empty());
  driver->restart_after_end();
  driver->run_until_idle();
  EXPECT_EQ(driver->all_raw("shop.returned").size(), 1U);
}

// With the ACLs of a service the positions of other groups cannot be read.
TEST_P(Reset, what_comes_after_it_needs_no_groups_of_other_services) {
  const auto two = topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    builder.template stream<string, Deposited>("returns").group_by_key().count("returned");
  });
  auto driver = std::make_unique<Driver>(make_world(), two);
  driver->declare_topic("orders", "counter", 2);
  driver->declare_topic("returns", "counter", 2);
  driver->pipe("orders", string("customer-1"), Deposited{1}, 1'000);
  driver->run_until_idle();
  bool listed = false;
  driver->deploy(two, [&] {
    ASSERT_TRUE(reset(*driver, {}));
    driver->world().before_groups([&] { listed = true; });
  });
  driver->run_until_idle();
  EXPECT_FALSE(listed);
  EXPECT_EQ(driver->instance().status().tasks.size(), 4U);
}

TEST_P(Reset, what_comes_after_it_asks_for_no_positions_in_topics_of_other_services) {
  auto driver = open_shop(make_world(), counts());
  driver->declare_topic("payments", "bank", 2);
  // The group is there and has no positions yet.
  driver->deploy(counts(), [&] {
    ASSERT_TRUE(reset(*driver, {}));
    driver->world().asked_for_positions().clear();
  });
  driver->run_until_idle();
  const auto& asked = driver->world().asked_for_positions();
  EXPECT_TRUE(asked.contains(driver->tool().find_topic("orders")->id));
  EXPECT_FALSE(asked.contains(driver->tool().find_topic("payments")->id));
}

Topology by_amount() {
  return topology([](auto& builder) {
    orders(builder)
        .group_by([](const Deposited& order) { return order.amount; })
        .count("by-amount");
    orders(builder).group_by_key().count("counts");
  });
}

std::int64_t of_amount(Driver& driver) {
  return driver.store<std::int64_t, std::int64_t>("by-amount").get(100).value_or(0);
}

TEST_P(Reset, a_reset_sees_what_an_instance_commits_before_it_stops) {
  auto driver = open_shop(make_world(), by_amount());
  order(*driver, 0, 6);
  for (int i = 6; i < 9; ++i)
    driver->pipe("orders", "customer-" + std::to_string(i % 3), Deposited{100}, 1'000 + i);
  driver->world().before_groups([&] {
    driver->run_until_idle();
    ASSERT_TRUE(driver->instance().close());
  });
  ASSERT_TRUE(reset(*driver, {}));
  driver->restart_after_end();
  driver->run_until_idle();
  EXPECT_EQ(of_amount(*driver), 9);
}

// The offsets at which parts begin in the private topic of by_amount().
std::vector<std::int64_t> beginnings(Driver& driver) {
  const auto manifest = read_manifest(driver.tool(), "shop");
  if (!manifest || !*manifest) throw std::runtime_error("there is no manifest");
  return (*manifest)->channels.front().from;
}

TEST_P(Reset, a_reset_that_dies_leaves_all_of_it_or_nothing_and_can_be_repeated) {
  for (const bool has_written : {false, true}) {
    auto driver = open_shop(make_world(), by_amount());
    order(*driver, 0, 6);
    ASSERT_TRUE(driver->instance().close());
    const std::int64_t before = revision(*driver);
    const auto log = connect_shop(driver->world());
    // It looks for members before it writes, and again afterwards.
    const auto die = [&] { driver->world().kill(*log); };
    driver->world().before_groups([&] {
      if (!has_written) return die();
      driver->world().before_groups(die);
    });
    EXPECT_FALSE(reset_topology(*log, "shop", {}, false)) << has_written;
    hear_of_all(driver->tool());
    EXPECT_EQ(revision(*driver), before + (has_written ? 1 : 0));
    ASSERT_TRUE(reset(*driver, {}));
    driver->restart_after_end();
    driver->run_until_idle();
    EXPECT_EQ(of_amount(*driver), 6);
  }
}

TEST_P(Reset, a_reset_may_be_repeated_before_the_next_start) {
  for (const std::vector<string>& stores : {std::vector<string>{}, {"counts"}}) {
    auto driver = open_shop(make_world(), by_amount());
    order(*driver, 0, 6);
    ASSERT_TRUE(driver->instance().close());
    ASSERT_TRUE(reset(*driver, stores));
    const auto before = beginnings(*driver);
    {
      // What an instance of before wrote meanwhile.
      const auto log = connect_shop(driver->world());
      const auto topic = log->find_topic((*read_manifest(*log, "shop"))->channels.front().topic);
      ASSERT_TRUE(topic);
      for (std::int32_t i = 0; i < topic->spec.partitions; ++i) {
        log::FetchBuffer buffer;
        const log::TopicPartition partition{topic->id, log::partition(i)};
        ASSERT_TRUE(log->fetch(partition, log::offset(0), 1U << 20U, buffer));
        for (const log::RecordView& record : buffer.records) {
          log::Transaction transaction;
          transaction.append(partition, {record.timestamp_ms,
                                         record.key,
                                         record.value,
                                         {record.headers.encoded(), record.headers.size()}});
          ASSERT_TRUE(log->commit(transaction));
        }
      }
    }
    ASSERT_TRUE(reset(*driver, stores));
    EXPECT_NE(beginnings(*driver), before);
    driver->restart_after_end();
    driver->run_until_idle();
    EXPECT_EQ(of_amount(*driver), 6);
  }
}

// Orders pass the private topic `passed`, where `reads` counts them.
Topology passing(bool writes, bool reads) {
  return topology([=](auto& builder) {
    auto input = orders(builder);
    input.group_by_key().count("counts");
    if (writes) input.to_private("passed");
    if (reads)
      builder.template private_stream<string, Deposited>("passed").group_by_key().count("passed");
  });
}

TEST_P(Reset, a_reset_takes_in_removed_parts_that_read_what_is_written_again) {
  auto driver = open_shop(make_world(), passing(true, true));
  order(*driver, 0, 6);
  ASSERT_EQ(counted(*driver, "passed"), 6);
  driver->deploy(passing(true, false));
  order(*driver, 6, 9);
  driver->deploy(passing(true, true), [&] { ASSERT_TRUE(reset(*driver, {"counts"})); });
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver, "passed"), 9);
}

TEST_P(Reset, a_reset_follows_private_topics_that_are_no_longer_written) {
  for (const std::vector<string>& stores : {std::vector<string>{}, {"counts"}}) {
    auto driver = open_shop(make_world(), passing(true, true));
    order(*driver, 0, 6);
    driver->deploy(passing(false, false));
    order(*driver, 6, 9);
    driver->deploy(passing(true, true), [&] { ASSERT_TRUE(reset(*driver, stores)); });
    driver->run_until_idle();
    EXPECT_EQ(counted(*driver, "passed"), 9);
  }
}

/// Two that cannot be read as each other.
struct Entry {
  std::int64_t debit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit))
struct Wide {
  string debit;
};
BOOST_DESCRIBE_STRUCT(Wide, (), (debit))

Entry booked(const Deposited& order, Entry entry) {
  entry.debit += order.amount;
  return entry;
}
Wide booked(const Deposited& order, Wide entry) {
  entry.debit += std::to_string(order.amount);
  return entry;
}

TEST_P(Reset, a_removed_part_that_comes_back_with_another_type_can_be_reset) {
  const auto two = [](auto entry) {
    return topology([entry](auto& builder) {
      using E = decltype(entry);
      orders(builder).group_by_key().count("counts");
      builder.template stream<string, Deposited>("returns").group_by_key().aggregate(
          E{}, [](const Deposited& order, E so_far) { return booked(order, so_far); }, "ledger");
    });
  };
  auto driver = open_shop(make_world(), two(Entry{}));
  driver->declare_topic("returns", "counter", 2);
  driver->pipe("returns", string("customer-1"), Deposited{100}, 1'000);
  driver->run_until_idle();
  driver->deploy(counts());
  driver->run_until_idle();
  EXPECT_THAT(driver->refused(two(Wide{})).message(), HasSubstr("--store ledger"));
  driver->deploy(two(Wide{}), [&] { ASSERT_TRUE(reset(*driver, {"ledger"})); });
  driver->run_until_idle();
  EXPECT_EQ((driver->store<string, Wide>("ledger").get("customer-1")->debit), "100");
}

TEST_P(Reset, a_part_begins_in_a_private_topic_behind_what_was_given_up) {
  const auto passing_and = [](auto&& declare) {
    return topology([&](auto& builder) {
      auto input = orders(builder);
      input.group_by_key().count("counts");
      input.to_private("passed");
      declare(builder);
    });
  };
  const auto passed = [](auto& builder) {
    return builder.template private_stream<string, Deposited>("passed");
  };
  const auto returns = [](auto& builder) {
    return builder.template stream<string, Deposited>("returns");
  };
  auto driver = open_shop(make_world(), passing_and([&](auto& builder) {
                            returns(builder).group_by_key().count("returned");
                            passed(builder).group_by_key().count("passed");
                          }));
  driver->declare_topic("returns", "counter", 4);
  driver->pipe("returns", string("customer-1"), Deposited{1}, 1'000);
  order(*driver, 0, 6);
  const auto merged = passing_and([&](auto& builder) {
    returns(builder).merge(passed(builder)).group_by_key().count("returned");
  });
  driver->deploy(merged, [&] {
    ASSERT_TRUE(reset(*driver, {"counts"}));
    ASSERT_TRUE(reset(*driver, {"passed"}));
  });
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver, "returned"), 7);
}

TEST_P(Reset, a_reset_counts_what_passes_a_topic_of_its_own_events_once) {
  const auto through_events = topology([](auto& builder) {
    orders(builder).group_by_key().count("counts").to_stream().to("shop.totals");
    builder.template stream<string, std::int64_t>("shop.totals").group_by_key().count("totals");
  });
  for (const std::vector<string>& stores : {std::vector<string>{}, {"counts"}}) {
    auto driver = open_shop(make_world(), through_events);
    order(*driver, 0, 6);
    ASSERT_EQ(counted(*driver, "totals"), 6);
    driver->deploy(through_events, [&] { ASSERT_TRUE(reset(*driver, stores)); });
    driver->run_until_idle();
    EXPECT_EQ(driver->all_raw("shop.totals").size(), 12U);
    EXPECT_EQ(counted(*driver, "totals"), 6);
  }
}

TEST_P(Reset, a_start_that_cannot_write_for_a_moment_tries_again) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  const auto with_last = topology([](auto& builder) {
    orders(builder).to_table("last");
    orders(builder).group_by_key().count("counts");
  });
  driver->deploy(with_last, [&] { driver->world().fail_commits(log::errc::unavailable, 3); });
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
  EXPECT_EQ(revision(*driver), 2);
  // A loaded broker may not know yet of a topic that was just made.
  driver->deploy(counts(), [&] { driver->world().fail_commits(log::errc::unknown_topic, 3); });
  order(*driver, 9, 12);
  EXPECT_EQ(counted(*driver), 12);
  EXPECT_EQ(revision(*driver), 3);
}

TEST_P(Reset, a_reset_of_unknown_outcome_looks_whether_it_was_written) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  driver->deploy(counts(), [&] {
    driver->world().answer_commit(log::errc::outcome_unknown);
    EXPECT_TRUE(reset(*driver, {}));
  });
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().records, 6U);
}

// A log of a build that kept no manifest, with state that no group has positions for.
class WithoutManifest : public RuntimeTest {
 protected:
  void SetUp() override {
    log_ = connect_shop(*world_);
    const auto topic = log_->create_topic(
        {"shop.counts.changelog", 2, log::TopicKind::private_topic, "shop"}, log::compacted());
    ASSERT_TRUE(topic);
    log::Transaction transaction;
    transaction.append({topic->id, log::partition(0)}, {1'000, "customer-1", "\x06", {}});
    ASSERT_TRUE(log_->commit(transaction));
    writer_->declare_topic("orders", "counter", 2);
  }
  Status start(Topology topology = counts()) {
    hear_of_all(*log_);
    const auto opened = Instance::open(*log_, std::move(topology), {},
                                       {world_->clock(), world_->files(), world_->random(), {}});
    return opened ? Status{} : fail(opened.error());
  }
  std::unique_ptr<RuntimeWorld> world_ = make_world();
  std::unique_ptr<testkit::EventWriter> writer_ = std::make_unique<testkit::EventWriter>(
      [this](log::LogOptions options) { return world_->connect(std::move(options)); });
  std::unique_ptr<log::Log> log_;
};
INSTANTIATE_TEST_SUITE_P(On, WithoutManifest, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(WithoutManifest, state_that_timers_made_before_any_input_is_adopted) {
  EXPECT_TRUE(start());
}

TEST_P(WithoutManifest, state_of_an_earlier_name_is_not_passed_over) {
  const Status refused = start(topology([](auto& builder) {
    orders(builder).group_by_key().count("totals");
    builder.was("totals", "counts");
  }));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::topology_changed);
  EXPECT_THAT(refused.error().message(),
              AllOf(HasSubstr("what the log has of counts"),
                    HasSubstr("First start a build that still says counts")));
  EXPECT_TRUE(start());
}

TEST_P(WithoutManifest, state_without_positions_is_refused_and_can_be_reset) {
  writer_->write("orders", string("customer-1"), Deposited{100}, 1'000);
  const Status refused = start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::topology_changed);
  EXPECT_THAT(refused.error().message(),
              AllOf(HasSubstr("store counts"), HasSubstr("`millrace topology reset shop`")));
  hear_of_all(*log_);
  const auto one = reset_topology(*log_, "shop", {"counts"}, false);
  ASSERT_FALSE(one);
  EXPECT_THAT(one.error().message(), HasSubstr("without --store"));
  ASSERT_TRUE(reset_topology(*log_, "shop", {}, false));
  log_.reset();
  writer_.reset();
  Driver driver(std::move(world_), counts());
  driver.run_until_idle();
  EXPECT_EQ(counted(driver), 1);
}

}  // namespace
}  // namespace millrace::stream::test
