// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A service comes back with another topology over the log of the one before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "millrace/stream/manifest.hpp"
#include "millrace/stream/reset.hpp"
#include "millrace/stream/topology.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

class Evolution : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Evolution, testing::ValuesIn(runtime_backends()), backend_name);

using std::string;
using std::chrono_literals::operator""ms;
using testing::AllOf;
using testing::HasSubstr;

/// Types of the same name in different builds.
namespace v1 {
struct Entry {
  std::int64_t debit = 0;
  std::int64_t credit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credit))
}  // namespace v1

namespace swapped {
struct Entry {
  std::int64_t credit = 0;
  std::int64_t debit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (credit, debit))
}  // namespace swapped

namespace longer {
struct Entry {
  std::int64_t debit = 0;
  std::int64_t credit = 0;
  string note = "none";
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credit, note))
}  // namespace longer

namespace narrow {
struct Entry {
  std::int32_t debit = 0;
  std::int64_t credit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credit))
}  // namespace narrow

namespace noted {
struct Entry {
  string note = "none";
  std::int64_t credit = 0;
  std::int64_t debit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (note, credit, debit))
}  // namespace noted

namespace shorter {
struct Entry {
  std::int64_t debit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit))
}  // namespace shorter

namespace renamed {
struct Entry {
  std::int64_t debit = 0;
  std::int64_t credits = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credits))
}  // namespace renamed

class Audit final : public Processor<string, Deposited> {
 public:
  void process(const string&, const Deposited&, ProcessorContext&) override {}
};

Topology topology(const std::function<void(TopologyBuilder&)>& declare) {
  TopologyBuilder builder("shop");
  declare(builder);
  auto plan = builder.build();
  if (!plan) throw std::runtime_error(plan.error().to_string());
  return *std::move(plan);
}

Stream<string, Deposited> orders(TopologyBuilder& builder) {
  return builder.stream<string, Deposited>("orders");
}

Topology counts() {
  return topology([](auto& builder) { orders(builder).group_by_key().count("counts"); });
}

Topology counts_behind(const std::function<void(Stream<string, Deposited>)>& first) {
  return topology([&](auto& builder) {
    first(orders(builder));
    orders(builder).group_by_key().count("counts");
  });
}

Topology with_last() {
  return counts_behind([](auto orders) { orders.to_table("last"); });
}

template <class E>
E booked(const Deposited& order, E entry) {
  entry.debit = static_cast<decltype(entry.debit)>(entry.debit + order.amount);
  if constexpr (requires { entry.credit; }) entry.credit += 7;
  return entry;
}

template <class E>
Topology ledger() {
  return topology([](auto& builder) {
    orders(builder).group_by_key().aggregate(
        E{}, [](const Deposited& order, E so_far) { return booked(order, so_far); }, "ledger");
  });
}

std::unique_ptr<Driver> open_shop(std::unique_ptr<RuntimeWorld> world, Topology topology,
                                  InstanceOptions options = {}) {
  auto driver = std::make_unique<Driver>(std::move(world), std::move(topology), std::move(options));
  driver->declare_topic("orders", "counter", 2);
  driver->run_until_idle();
  return driver;
}

void order(Driver& driver, int from, int to) {
  for (int i = from; i < to; ++i)
    driver.pipe("orders", "customer-" + std::to_string(i % 3), Deposited{100}, 1'000 + i);
  driver.run_until_idle();
}

std::int64_t counted(Driver& driver, const string& store = "counts") {
  std::int64_t sum = 0;
  for (const auto& [customer, count] : driver.store<string, std::int64_t>(store).all())
    sum += count;
  return sum;
}

std::int64_t revision(Driver& driver) {
  const auto manifest = read_manifest(driver.tool(), "shop");
  if (!manifest || !*manifest) throw std::runtime_error("there is no manifest");
  return (*manifest)->revision;
}

bool told(const Driver& driver, std::string_view part) {
  return std::any_of(driver.events().begin(), driver.events().end(),
                     [&](const string& event) { return event.find(part) != string::npos; });
}

TEST_P(Evolution, an_operator_put_before_a_count_leaves_it_its_place_and_its_state) {
  const auto add_table = [](auto orders) { orders.to_table("last"); };
  const auto add_processor = [](auto orders) {
    orders.process("audit", [] { return std::make_unique<Audit>(); });
  };
  for (const std::function<void(Stream<string, Deposited>)>& first :
       {std::function<void(Stream<string, Deposited>)>(add_table), {add_processor}}) {
    auto driver = open_shop(make_world(), counts());
    order(*driver, 0, 6);
    driver->deploy(counts_behind(first));
    driver->run_until_idle();
    EXPECT_EQ(driver->instance().status().records, 0U);
    order(*driver, 6, 9);
    EXPECT_EQ(counted(*driver), 9);
    EXPECT_EQ(driver->instance().status().records, 3U);
  }
}

TEST_P(Evolution, a_topology_that_did_not_change_writes_nothing) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  EXPECT_EQ(revision(*driver), 1);
  driver->restart();
  order(*driver, 6, 9);
  EXPECT_EQ(revision(*driver), 1);
  EXPECT_EQ(driver->all_raw("shop.manifest").size(), 1U);
}

TEST_P(Evolution, a_store_that_was_added_begins_where_its_part_is_and_is_told) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  driver->deploy(with_last());
  driver->run_until_idle();
  EXPECT_TRUE(told(*driver, "store last of part counts is new"));
  EXPECT_TRUE((driver->store<string, Deposited>("last").all().empty()));
  order(*driver, 6, 9);
  EXPECT_EQ((driver->store<string, Deposited>("last").all().size()), 3U);
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(Evolution, going_back_to_the_build_before_keeps_place_and_state) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  driver->deploy(with_last());
  order(*driver, 6, 9);
  driver->deploy(counts());
  order(*driver, 9, 12);
  EXPECT_EQ(counted(*driver), 12);
  EXPECT_EQ(driver->instance().status().records, 3U);
  EXPECT_TRUE(told(*driver, "store last of part counts was removed"));
  // Its old state lacks what came meanwhile.
  driver->deploy(with_last());
  driver->run_until_idle();
  EXPECT_TRUE((driver->store<string, Deposited>("last").all().empty()));
  EXPECT_EQ(counted(*driver), 12);
}

TEST_P(Evolution, a_part_that_was_removed_continues_when_it_comes_back) {
  const auto two = topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    builder.template stream<string, Deposited>("returns").group_by_key().count("returned");
  });
  auto driver = open_shop(make_world(), two);
  driver->declare_topic("returns", "counter", 2);
  order(*driver, 0, 3);
  driver->pipe("returns", string("customer-1"), Deposited{1}, 1'000);
  driver->run_until_idle();
  driver->deploy(counts());
  driver->run_until_idle();
  EXPECT_TRUE(told(*driver, "part returned was removed"));
  driver->deploy(two);
  driver->pipe("returns", string("customer-1"), Deposited{1}, 1'001);
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver, "returned"), 2);
  EXPECT_EQ(driver->instance().status().records, 1U);
}

template <class E>
E entry_of(Driver& driver, const string& customer = "customer-1") {
  driver.run_until_idle();
  const auto entry = driver.store<string, E>("ledger").get(customer);
  if (!entry) throw std::runtime_error("there is no entry of " + customer);
  return *entry;
}

void book(Driver& driver, const string& customer = "customer-1") {
  driver.pipe("orders", customer, Deposited{100}, 1'000);
  driver.run_until_idle();
}

TEST_P(Evolution, members_that_changed_places_are_found_by_name_and_so_they_are_on_the_way_back) {
  for (const bool snapshots : {false, true}) {
    InstanceOptions options;
    options.state_directory = snapshots ? "state" : "";
    auto driver = open_shop(make_world(), ledger<v1::Entry>(), options);
    book(*driver, "customer-1");
    book(*driver, "customer-2");
    driver->deploy(ledger<swapped::Entry>());
    EXPECT_EQ(entry_of<swapped::Entry>(*driver).debit, 100);
    EXPECT_EQ(entry_of<swapped::Entry>(*driver).credit, 7);
    book(*driver);
    // The changelog has values of both builds by now.
    driver->crash_and_restart();
    EXPECT_EQ(entry_of<swapped::Entry>(*driver).debit, 200);
    EXPECT_EQ(entry_of<swapped::Entry>(*driver, "customer-2").credit, 7);
    driver->deploy(ledger<v1::Entry>());
    EXPECT_EQ(entry_of<v1::Entry>(*driver).debit, 200);
    EXPECT_EQ(entry_of<v1::Entry>(*driver).credit, 14);
    book(*driver);
    driver->deploy(ledger<swapped::Entry>());
    EXPECT_EQ(entry_of<swapped::Entry>(*driver).debit, 300);
    EXPECT_EQ(driver->instance().status().records, 0U);
  }
}

TEST_P(Evolution, members_are_widened_moved_added_and_removed_in_one_build_or_several) {
  auto driver = open_shop(make_world(), ledger<narrow::Entry>());
  book(*driver, "customer-1");
  book(*driver, "customer-2");
  driver->deploy(ledger<noted::Entry>());
  EXPECT_EQ(entry_of<noted::Entry>(*driver).debit, 100);
  EXPECT_EQ(entry_of<noted::Entry>(*driver).credit, 7);
  EXPECT_EQ(entry_of<noted::Entry>(*driver).note, "none");
  book(*driver, "customer-1");
  driver->deploy(ledger<shorter::Entry>());
  EXPECT_EQ(entry_of<shorter::Entry>(*driver).debit, 200);
  EXPECT_EQ(entry_of<shorter::Entry>(*driver, "customer-2").debit, 100);
  book(*driver, "customer-2");
  driver->restart();
  EXPECT_EQ(entry_of<shorter::Entry>(*driver, "customer-2").debit, 200);
}

TEST_P(Evolution, values_of_which_none_can_be_made_are_refused_naming_both_types) {
  auto driver = open_shop(make_world(), ledger<v1::Entry>());
  book(*driver);
  const std::pair<Topology, string> refusals[] = {
      {ledger<narrow::Entry>(), "{debit:int32,credit:int64}"},
      {ledger<renamed::Entry>(), "{debit:int64,credits:int64}"}};
  for (const auto& [changed, type] : refusals) {
    const Error error = driver->refused(changed);
    EXPECT_EQ(error.code(), errc::topology_changed);
    EXPECT_THAT(error.message(),
                AllOf(HasSubstr("store ledger"), HasSubstr("{debit:int64,credit:int64}"),
                      HasSubstr(type), HasSubstr("millrace topology reset shop --store ledger"),
                      HasSubstr("millrace topology show shop")));
  }
  EXPECT_EQ(entry_of<v1::Entry>(*driver).debit, 100);
  EXPECT_EQ(entry_of<v1::Entry>(*driver).credit, 7);
  EXPECT_EQ(revision(*driver), 1);
}

TEST_P(Evolution, members_of_a_private_topic_that_changed_places_are_refused) {
  const auto through = [](auto entry) {
    return topology([entry](auto& builder) {
      using E = decltype(entry);
      orders(builder)
          .map_values([](const Deposited& order) { return booked(order, E{}); })
          .to_private("entries");
      builder.template private_stream<string, E>("entries").group_by_key().count("entries");
    });
  };
  auto driver = open_shop(make_world(), through(v1::Entry{}));
  order(*driver, 0, 3);
  const Error error = driver->refused(through(swapped::Entry{}));
  EXPECT_EQ(error.code(), errc::topology_changed);
  EXPECT_THAT(error.message(), HasSubstr("topic shop.entries"));
  driver->deploy(through(longer::Entry{}));
  order(*driver, 3, 6);
  EXPECT_EQ(counted(*driver, "entries"), 6);
}

TEST_P(Evolution, a_member_added_at_the_end_is_accepted_and_so_is_the_way_back) {
  for (const bool snapshots : {false, true}) {
    InstanceOptions options;
    options.state_directory = snapshots ? "state" : "";
    auto driver = open_shop(make_world(), ledger<v1::Entry>(), options);
    book(*driver);
    driver->deploy(ledger<longer::Entry>());
    book(*driver);
    const auto longer = driver->store<string, longer::Entry>("ledger").get("customer-1");
    EXPECT_EQ(longer->debit, 200);
    EXPECT_EQ(longer->credit, 14);
    EXPECT_EQ(longer->note, "none");
    driver->deploy(ledger<v1::Entry>());
    book(*driver);
    EXPECT_EQ((driver->store<string, v1::Entry>("ledger").get("customer-1")->debit), 300);
  }
}

TEST_P(Evolution, a_table_of_a_public_topic_takes_any_type_whatever_its_snapshot_holds) {
  const auto table = [](auto entry) {
    return topology([entry](auto& builder) {
      builder.template table<string, decltype(entry)>("orders", "entries");
    });
  };
  InstanceOptions options;
  options.state_directory = "state";
  auto driver = open_shop(make_world(), table(v1::Entry{}), options);
  driver->pipe("orders", string("customer-1"), v1::Entry{100, 7}, 1'000);
  driver->run_until_idle();
  ASSERT_EQ((driver->store<string, v1::Entry>("entries").get("customer-1")->debit), 100);
  driver->deploy(table(swapped::Entry{}));
  driver->run_until_idle();
  const auto entry = driver->store<string, swapped::Entry>("entries").get("customer-1");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->debit, 100);
  EXPECT_EQ(entry->credit, 7);
}

TEST_P(Evolution, a_store_under_another_name_is_refused) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 3);
  const Error error = driver->refused(
      topology([](auto& builder) { orders(builder).group_by_key().count("totals"); }));
  EXPECT_EQ(error.code(), errc::topology_changed);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("counts"), HasSubstr("totals")));
  order(*driver, 3, 6);
  EXPECT_EQ(counted(*driver), 6);
}

TEST_P(Evolution, another_window_is_refused) {
  const auto windowed = [](std::chrono::milliseconds size) {
    return topology([size](auto& builder) {
      orders(builder).group_by_key().windowed_by(tumbling(size)).count("counts");
    });
  };
  auto driver = open_shop(make_world(), windowed(100ms));
  const Error error = driver->refused(windowed(200ms));
  EXPECT_EQ(error.code(), errc::topology_changed);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("tumbling 100 ms"), HasSubstr("tumbling 200 ms")));
  EXPECT_THAT(driver->refused(counts()).message(),
              AllOf(HasSubstr("kind of store counts"), HasSubstr("key-value")));
}

TEST_P(Evolution, parts_that_became_one_and_a_part_that_became_two_are_refused) {
  const auto apart = topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    builder.template stream<string, Deposited>("returns").group_by_key().count("returned");
  });
  const auto together = topology([](auto& builder) {
    auto returns = builder.template stream<string, Deposited>("returns");
    auto both = orders(builder).merge(returns);
    returns.group_by_key().count("returned");
    both.group_by_key().count("counts");
  });
  auto driver = open_shop(make_world(), apart);
  EXPECT_THAT(driver->refused(together).message(), HasSubstr("parts that became one"));
  driver = open_shop(make_world(), together);
  EXPECT_THAT(driver->refused(apart).message(), HasSubstr("a part that became several"));
}

Status reset(Driver& driver, const std::vector<string>& stores, bool dry_run = false) {
  log::LogOptions options;
  options.service = "shop";
  const auto log = driver.world().connect(options);
  hear_of_all(*log);
  const auto done = reset_topology(*log, "shop", stores, dry_run);
  return done ? Status{} : fail(done.error());
}

TEST_P(Evolution, a_part_that_was_reset_is_rebuilt_from_its_inputs_with_another_type) {
  InstanceOptions options;
  options.state_directory = "state";
  auto driver = open_shop(make_world(), ledger<v1::Entry>(), options);
  order(*driver, 0, 3);
  driver->deploy(ledger<swapped::Entry>(), [&] {
    EXPECT_TRUE(reset(*driver, {"ledger"}, true));
    EXPECT_TRUE(reset(*driver, {"ledger"}));
  });
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().records, 3U);
  const auto entry = driver->store<string, swapped::Entry>("ledger").get("customer-1");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->debit, 100);
  EXPECT_EQ(entry->credit, 7);
  driver->restart();
  order(*driver, 3, 6);
  EXPECT_EQ(driver->instance().status().records, 3U);
  EXPECT_EQ((driver->store<string, swapped::Entry>("ledger").get("customer-1")->debit), 200);
}

TEST_P(Evolution, a_reset_counts_what_passes_a_private_topic_once) {
  const auto by_amount = topology([](auto& builder) {
    orders(builder)
        .group_by([](const Deposited& order) { return order.amount; })
        .count("by-amount");
    orders(builder).group_by_key().count("counts");
  });
  auto driver = open_shop(make_world(), by_amount);
  const auto by = [&] {
    return driver->store<std::int64_t, std::int64_t>("by-amount").get(100).value_or(0);
  };
  order(*driver, 0, 6);
  ASSERT_EQ(by(), 6);
  // The part that writes the topic holds counts, and draws the other in.
  driver->deploy(by_amount, [&] { EXPECT_TRUE(reset(*driver, {"counts"})); });
  order(*driver, 6, 9);
  EXPECT_EQ(by(), 9);
  EXPECT_EQ(counted(*driver), 9);
  driver->deploy(by_amount, [&] { EXPECT_TRUE(reset(*driver, {})); });
  order(*driver, 9, 12);
  EXPECT_EQ(by(), 12);
  // The other one alone reads again what the topic has had since then.
  driver->deploy(by_amount, [&] { EXPECT_TRUE(reset(*driver, {"by-amount"})); });
  driver->run_until_idle();
  EXPECT_EQ(by(), 12);
}

TEST_P(Evolution, a_reset_is_refused_while_an_instance_lives) {
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 3);
  const Status refused = reset(*driver, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), millrace::errc::busy);
  EXPECT_EQ(revision(*driver), 1);
  driver->deploy(counts(), [&] {
    EXPECT_EQ(reset(*driver, {"stranger"}).error().code(), errc::unknown_store);
  });
  order(*driver, 3, 6);
  EXPECT_EQ(counted(*driver), 6);
}

TEST_P(Evolution, state_without_positions_is_refused_where_no_manifest_speaks_of_it) {
  auto world = make_world();
  {
    log::LogOptions options;
    options.service = "shop";
    const auto log = world->connect(options);
    const auto topic = log->create_topic({"shop.counts.changelog", 2, log::TopicKind::private_topic,
                                          "shop", log::CleanupPolicy::compact});
    ASSERT_TRUE(topic);
    log::Transaction transaction;
    transaction.append({topic->id, log::partition(0)}, {1'000, "customer-1", "\x06", {}});
    ASSERT_TRUE(log->commit(transaction));
  }
  EXPECT_THROW(
      {
        try {
          open_shop(std::move(world), counts());
        } catch (const testkit::TestError& error) {
          EXPECT_THAT(error.what(),
                      AllOf(HasSubstr("stream.topology_changed"), HasSubstr("store counts")));
          throw;
        }
      },
      testkit::TestError);
}

}  // namespace
}  // namespace millrace::stream::test
