// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Stores that the user's own ByteStore keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "millrace/log/errors.hpp"
#include "millrace/testkit/map_store.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;
using testing::HasSubstr;

class OwnStores : public RuntimeTest {
 protected:
  /// The bank; with `used` its balances are kept in maps, and it says which.
  static Topology bank_in(std::set<string>* used) {
    TopologyBuilder builder("bank");
    const auto balances = builder.store<string, Balance>("balances");
    const auto out = builder.emitter<string, Balance>("out");
    builder.stream<string, Deposited>("deposits")
        .process<Bank>("bank", balances, out, BankOptions{});
    builder.stream(out).to("bank.balances");
    if (used != nullptr) {
      builder.keep("balances", [used](const ByteStoreUse& use) {
        used->insert(string(use.service) + "/" + string(use.store) + "/" +
                     std::to_string(use.partition.value));
        return std::make_unique<testkit::MapStore>();
      });
    }
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    return *std::move(built);
  }
  std::unique_ptr<Driver> open_bank_in_maps() {
    auto driver = open(bank_in(&used_));
    driver->declare_topic("deposits", "teller", 2);
    driver->run_until_idle();
    return driver;
  }
  static void pipe(Driver& driver, int from, int to) {
    for (int i = from; i < to; ++i)
      driver.pipe("deposits", "account-" + std::to_string(i % 5), Deposited{i}, 1'000 + i);
  }
  static void deposit(Driver& driver, int from, int to) {
    pipe(driver, from, to);
    driver.run_until_idle();
  }

  std::set<string> used_;
};
INSTANTIATE_TEST_SUITE_P(On, OwnStores, testing::ValuesIn(runtime_backends()), backend_name);

const std::map<string, std::int64_t> after_20{{"account-0", 0 + 5 + 10 + 15},
                                              {"account-1", 1 + 6 + 11 + 16},
                                              {"account-2", 2 + 7 + 12 + 17},
                                              {"account-3", 3 + 8 + 18},  // 13 is refused
                                              {"account-4", 4 + 9 + 14 + 19}};

TEST_P(OwnStores, keep_what_each_task_commits_and_nothing_of_what_failed) {
  auto driver = open_bank_in_maps();
  EXPECT_THAT(used_, ElementsAre("bank/balances/0", "bank/balances/1"));
  deposit(*driver, 0, 20);
  EXPECT_EQ(totals(*driver), after_20);
  EXPECT_TRUE(without_gap_or_repeat(driver->read<string, Balance>("bank.balances")));
}

TEST_P(OwnStores, are_filled_again_after_a_crash_and_a_refused_commit) {
  auto driver = open_bank_in_maps();
  deposit(*driver, 0, 10);
  driver->crash_and_restart();
  pipe(*driver, 10, 20);
  driver->world().fail_commits(log::errc::outcome_unknown, 1);
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().refused_commits, 1U);
  driver->restart();
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver), after_20);
  EXPECT_TRUE(without_gap_or_repeat(driver->read<string, Balance>("bank.balances")));
}

TEST_P(OwnStores, come_and_go_with_the_state_of_the_service) {
  auto driver = open_bank();
  deposit(*driver, 0, 7);
  driver->deploy(bank_in(&used_));
  deposit(*driver, 7, 14);
  driver->deploy(bank_in(nullptr));
  deposit(*driver, 14, 20);
  EXPECT_EQ(totals(*driver), after_20);
}

TEST(OwnStoresOfABuilder, are_of_stores_that_are_there_and_have_one_supplier) {
  TopologyBuilder builder("bank");
  const ByteStoreSupplier maps = [](const ByteStoreUse&) {
    return std::make_unique<testkit::MapStore>();
  };
  builder.stream<string, Deposited>("deposits").group_by_key().count("counts");
  builder.keep("count", maps).keep("counts", maps).keep("counts", maps).keep("counts", {});
  const auto built = builder.build();
  ASSERT_FALSE(built);
  EXPECT_THAT(built.error().message(),
              HasSubstr("keep(\"count\"): there is no store of that name"));
  EXPECT_THAT(built.error().message(), HasSubstr("keep(\"counts\") is there twice"));
  EXPECT_THAT(built.error().message(), HasSubstr("keep(\"counts\") is given no supplier"));
}

}  // namespace
}  // namespace millrace::stream::test
