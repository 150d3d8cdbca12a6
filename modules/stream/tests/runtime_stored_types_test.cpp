// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A store comes back with values of another type.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime_shop.hpp"

namespace millrace::stream::test {
namespace {

class StoredTypes : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, StoredTypes, testing::ValuesIn(runtime_backends()), backend_name);

using std::string;
using testing::AllOf;
using testing::HasSubstr;

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

TEST_P(StoredTypes, members_that_changed_order_are_found_by_name_and_so_they_are_on_the_way_back) {
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

TEST_P(StoredTypes, members_are_widened_moved_added_and_removed_in_one_build_or_several) {
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

TEST_P(StoredTypes, values_of_which_none_can_be_made_are_refused_naming_both_types) {
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

TEST_P(StoredTypes, members_of_a_private_topic_that_changed_order_are_refused) {
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

TEST_P(StoredTypes, a_member_added_at_the_end_is_accepted_and_so_is_the_way_back) {
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

TEST_P(StoredTypes, a_table_of_a_public_topic_takes_any_type_whatever_its_snapshot_holds) {
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

}  // namespace
}  // namespace millrace::stream::test
