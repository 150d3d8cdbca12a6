// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Stores and processors come back under other names, and with other versions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "millrace/stream/accept_version.hpp"
#include "runtime_branches.hpp"
#include "runtime_shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::HasSubstr;

class Rename : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Rename, testing::ValuesIn(runtime_backends()), backend_name);

// Orders by amount, behind a repartition that has the store's name.
Topology by_amount(const string& store, const std::vector<string>& was = {}) {
  return topology([&](auto& builder) {
    orders(builder).group_by([](const Deposited& order) { return order.amount; }).count(store);
    for (const string& old : was)
      builder.was(store, old);
  });
}

std::int64_t of_amount(Driver& driver, const string& store) {
  return driver.store<std::int64_t, std::int64_t>(store).get(100).value_or(0);
}

std::set<string> names_of_topics(Driver& driver) {
  std::set<string> names;
  const std::vector<log::Topic> topics = driver.tool().topics().value();
  for (const log::Topic& topic : topics)
    names.insert(topic.spec.name);
  return names;
}

TEST_P(Rename, a_renamed_store_keeps_its_position_its_state_and_its_topics) {
  auto driver = open_shop(make_world(), by_amount("a"));
  order(*driver, 0, 6);
  const std::set<string> topics = names_of_topics(*driver);
  driver->deploy(by_amount("b", {"a"}));
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().records, 0U);
  EXPECT_TRUE(reported(*driver, "store a of part a is called b now"));
  order(*driver, 6, 9);
  EXPECT_EQ(of_amount(*driver, "b"), 9);
  EXPECT_EQ(driver->instance().read("a", "").error().code(), errc::unknown_store);
  driver->deploy(by_amount("c", {"b"}));
  order(*driver, 9, 12);
  EXPECT_EQ(of_amount(*driver, "c"), 12);
  EXPECT_EQ(names_of_topics(*driver), topics);
}

TEST_P(Rename, what_waits_in_a_repartition_topic_is_not_left_there) {
  auto driver = open_shop(make_world(), by_amount("a"));
  order(*driver, 0, 6);
  for (int i = 6; i < 9; ++i)
    driver->pipe("orders", "customer-" + std::to_string(i), Deposited{100}, 1'000 + i);
  // The first part has taken what the second one has not read.
  driver->run_until([&] { return driver->instance().status().records >= 12U + 3U; });
  driver->deploy(by_amount("b", {"a"}));
  driver->run_until_idle();
  EXPECT_EQ(of_amount(*driver, "b"), 9);
}

TEST_P(Rename, going_back_to_the_build_before_and_forth_again_keeps_the_state) {
  auto driver = open_shop(make_world(), by_amount("a"));
  order(*driver, 0, 3);
  driver->deploy(by_amount("b", {"a"}));
  order(*driver, 3, 6);
  driver->deploy(by_amount("a"));
  order(*driver, 6, 9);
  EXPECT_EQ(of_amount(*driver, "a"), 9);
  driver->deploy(by_amount("b", {"a"}));
  order(*driver, 9, 12);
  EXPECT_EQ(of_amount(*driver, "b"), 12);
}

TEST_P(Rename, a_renamed_store_is_restored_from_its_snapshot) {
  InstanceOptions options;
  options.state_directory = "state";
  auto driver = open_shop(make_world(), counts(), options);
  order(*driver, 0, 6);
  driver->deploy(topology([](auto& builder) {
    orders(builder).group_by_key().count("totals");
    builder.was("totals", "counts");
  }));
  driver->run_until_idle();
  EXPECT_TRUE(reported(*driver, "from a snapshot, 0 records replayed"));
  EXPECT_EQ(counted(*driver, "totals"), 6);
}

TEST_P(Rename, a_table_keeps_its_topic) {
  const auto joined = [](const string& table, const string& was) {
    return topology([&](auto& builder) {
      const auto limits = builder.template table<string, Deposited>("limits", table);
      orders(builder)
          .select_key([](const string& key, const Deposited&) { return key; })
          .join(limits, [](const Deposited& order, const Deposited&) { return order; })
          .group_by_key()
          .count("counts");
      if (!was.empty()) builder.was(table, was);
    });
  };
  auto driver = open_shop(make_world(), joined("a", {}));
  driver->declare_topic("limits", "counter", 4);
  for (int i = 0; i < 3; ++i)
    driver->pipe("limits", "customer-" + std::to_string(i), Deposited{1}, 1);
  order(*driver, 0, 3);
  const std::set<string> topics = names_of_topics(*driver);
  driver->deploy(joined("b", "a"));
  order(*driver, 3, 6);
  EXPECT_EQ(counted(*driver), 6);
  EXPECT_EQ((driver->store<string, Deposited>("b").all().size()), 3U);
  EXPECT_EQ(names_of_topics(*driver), topics);
}

// Emits the count of its firings so far.
class Ticker final : public Processor<string, Deposited> {
 public:
  explicit Ticker(Emitter<string, Deposited> out) : out_(out) {}
  void open(ProcessorContext& context) override {
    context.schedule("tick", PunctuationType::wall_clock, 6'000, [this, &context](std::int64_t) {
      context.emit(out_, string("tick"), Deposited{1});
    });
  }
  void process(const string&, const Deposited&, ProcessorContext&) override {}

 private:
  Emitter<string, Deposited> out_;
};

Topology ticking(const string& name, const string& was = {}) {
  return topology([&](auto& builder) {
    const auto out = builder.template emitter<string, Deposited>("out");
    orders(builder).template process<Ticker>(name, out);
    builder.stream(out).to("shop.ticks");
    if (!was.empty()) builder.was(name, was);
  });
}

TEST_P(Rename, a_renamed_processor_keeps_the_due_times_of_its_timers) {
  auto driver = open_shop(make_world(), ticking("a"));
  order(*driver, 0, 3);
  for (const auto& [name, was] :
       std::vector<std::pair<string, string>>{{"b", "a"}, {"c", "b"}, {"a", ""}}) {
    driver->advance_ms(4'000);
    driver->deploy(ticking(name, was));
    driver->run_until_idle();
  }
  // A timer that began again with each build would never have fired.
  EXPECT_FALSE(driver->all_raw("shop.ticks").empty());
}

Topology versioned(std::int64_t version, const string& name = "counts") {
  return topology([&](auto& builder) {
    const auto out = builder.template emitter<string, Deposited>("out");
    orders(builder).template process<Ticker>("ticker", out);
    builder.stream(out).to("shop.ticks");
    orders(builder).group_by_key().count("counts");
    builder.version(name, version);
  });
}

Result<AcceptedVersion> accept(Driver& driver, std::int64_t version, bool dry_run = false,
                               const string& name = "counts") {
  const auto log = connect_shop(driver.world());
  return accept_version(*log, "shop", name, version, dry_run);
}

TEST_P(Rename, an_instance_that_started_before_a_version_was_accepted_works_on_nothing) {
  for (const string& name : std::vector<string>{"counts", "ticker"}) {
    auto driver = std::make_unique<Driver>(make_world(), versioned(1, name));
    // Its input does not exist yet: it has read the manifest and is no member.
    ASSERT_TRUE(accept(*driver, 2, false, name));
    driver->declare_topic("orders", "counter", 2);
    driver->pipe("orders", string("customer-1"), Deposited{1}, 1'000);
    std::optional<Error> ended;
    driver->run_until([&] {
      const auto step = driver->step();
      if (!step) ended = step.error();
      return ended.has_value() || driver->instance().status().records > 0;
    });
    ASSERT_TRUE(ended.has_value()) << name;
    EXPECT_EQ(ended->code(), errc::topology_changed);
    EXPECT_THAT(ended->message(), HasSubstr(name));
    EXPECT_EQ(driver->instance().status().records, 0U);
  }
}

TEST_P(Rename, a_higher_version_starts_when_the_state_is_accepted_or_rebuilt) {
  auto driver = open_shop(make_world(), versioned(1));
  order(*driver, 0, 6);
  EXPECT_EQ(driver->refused(versioned(2)).code(), errc::topology_changed);
  order(*driver, 6, 9);
  EXPECT_EQ(accept(*driver, 2).error().code(), millrace::errc::busy);
  driver->deploy(versioned(2), [&] {
    ASSERT_TRUE(accept(*driver, 2, true));
    EXPECT_EQ(revision(*driver), 1);
    const auto accepted = accept(*driver, 2);
    ASSERT_TRUE(accepted) << accepted.error().to_string();
    EXPECT_EQ(accepted->part, "ticker");
    EXPECT_EQ(accepted->before, 1);
  });
  order(*driver, 9, 12);
  EXPECT_EQ(counted(*driver), 12);
  // The build before would take the state for its own.
  EXPECT_THAT(driver->refused(versioned(1)).message(), HasSubstr("older than the state"));
  driver->deploy(versioned(3), [&] { ASSERT_TRUE(reset(*driver, {"counts"})); });
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().records, 12U);
  EXPECT_EQ(counted(*driver), 12);
}

TEST_P(Rename, a_version_of_a_part_that_is_gone_is_accepted_before_it_comes_back) {
  auto driver = open_shop(make_world(), versioned(1));
  order(*driver, 0, 3);
  driver->declare_topic("returns", "counter", 2);
  driver->deploy(topology([](auto& builder) {
    builder.template stream<string, Deposited>("returns").group_by_key().count("returned");
  }));
  driver->run_until_idle();
  EXPECT_THAT(driver->refused(versioned(2)).message(), HasSubstr("topology accept shop counts 2"));
  driver->deploy(versioned(2), [&] {
    const auto accepted = accept(*driver, 2);
    ASSERT_TRUE(accepted) << accepted.error().to_string();
    EXPECT_EQ(accepted->part, "ticker");
    EXPECT_EQ(accept(*driver, (std::int64_t{1} << 53U) + 1).error().code(),
              millrace::errc::invalid_argument);
  });
  order(*driver, 3, 6);
  EXPECT_EQ(counted(*driver), 6);
}

class RenameUpgrade : public Branches {};
INSTANTIATE_TEST_SUITE_P(On, RenameUpgrade, testing::ValuesIn(runtime_backends()), backend_name);

Topology renamed_bank(const string& store, const string& was) {
  TopologyBuilder builder("bank");
  const auto balances = builder.store<string, Balance>(store);
  const auto out = builder.emitter<string, Balance>("out");
  builder.stream<string, Deposited>("deposits").process<Bank>("bank", balances, out, BankOptions{});
  builder.stream(out).to("bank.balances");
  if (!was.empty()) builder.was(store, was);
  return *builder.build();
}

TEST_P(RenameUpgrade, old_and_new_build_share_the_tasks_and_repeat_nothing) {
  Branch old_build = open("bank-1");
  rest({&old_build});
  deposit(50);
  rest({&old_build});
  topology_ = renamed_bank("accounts", "balances");
  Branch new_build = open("bank-2");
  deposit(50);
  rest({&old_build, &new_build});
  EXPECT_EQ(old_build.instance->status().tasks.size(), 2U);
  EXPECT_EQ(new_build.instance->status().tasks.size(), 2U);
  ASSERT_TRUE(old_build.instance->close());
  deposit(50);
  rest({&new_build});
  EXPECT_EQ(published(), 150U);
  // And back, beside it.
  topology_ = bank();
  Branch again = open("bank-3");
  rest({&new_build, &again});
  ASSERT_TRUE(new_build.instance->close());
  deposit(50);
  rest({&again});
  EXPECT_EQ(published(), 200U);
}

}  // namespace
}  // namespace millrace::stream::test
