// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "seats.hpp"

#include <gtest/gtest.h>

#include <variant>

#include "millrace/testkit/topology_driver.hpp"

namespace seats {
namespace {

using millrace::stream::RequestAsked;
using millrace::stream::RequestEntry;
using millrace::testkit::TopologyDriver;

// [driver]
TEST(Seats, a_request_that_comes_twice_reserves_once) {
  TopologyDriver driver(topology().value());
  const auto requests = driver.input<std::string, RequestAsked>("seats.requests");
  const RequestAsked asked{"ReserveSeats", R"("hamlet")", R"({"seats":2})"};
  requests.pipe("r-1", asked, 1'000);
  requests.pipe("r-1", asked, 1'000);
  driver.run_until_idle();
  EXPECT_EQ((driver.store<std::string, std::int64_t>(left_store).get("hamlet")), 98);
  const auto entry = driver.store<std::string, RequestEntry>("requests").get("r-1");
  EXPECT_EQ(entry->type, "SeatsReserved");
  EXPECT_EQ(entry->outcome, R"({"seats":2,"left":98})");
}
// [driver]

TEST(Seats, what_is_not_free_is_not_reserved) {
  TopologyDriver driver(topology().value());
  const auto commands = driver.input<std::string, ReserveSeats>(commands_topic);
  commands.pipe("hamlet", {99}, 1'000);
  commands.pipe("hamlet", {2}, 1'000);
  driver.run_until_idle();
  const auto outcomes =
      driver.read<std::string, std::variant<SeatsReserved, SoldOut>>(reservations_topic);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(std::get<SoldOut>(outcomes[1].value).left, 1);
}

}  // namespace
}  // namespace seats
