// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

class RequestsOnRuntime : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, RequestsOnRuntime, testing::ValuesIn(runtime_backends()),
                         backend_name);

testkit::RawRecord deposit_of_request(const char* json) {
  return {.key = "anna",
          .value = json,
          .headers = {{"ce_id", "d-1"},
                      {"ce_type", "Deposited"},
                      {"ce_correlationid", "process-1"},
                      {"ce_requestid", "shop.requests:r-1"}},
          .timestamp_ms = 1'000};
}

// Counts deposits behind a repartition.
Topology counting() {
  TopologyBuilder builder("counting");
  builder.stream<std::string, Deposited>("deposits")
      .select_key([](const std::string&, const Deposited&) { return std::string("all"); })
      .group_by_key()
      .count("counts")
      .to_stream()
      .map_values([](std::int64_t count) { return Balance{count, count}; })
      .to("counting.counts");
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

TEST_P(RequestsOnRuntime, the_request_is_carried_through_a_repartition) {
  Driver driver(make_world(), counting());
  driver.declare_topic("deposits", "teller");
  driver.pipe_raw("deposits", deposit_of_request(R"({"amount":5})"));
  driver.run_until_idle();
  driver.pipe("deposits", std::string("anna"), Deposited{7}, 2'000, "process-2");
  driver.run_until_idle();
  const auto counts = driver.read<std::string, Balance>("counting.counts");
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[0].raw.header("ce_requestid"), "shop.requests:r-1");
  EXPECT_EQ(counts[0].raw.header("ce_correlationid"), "process-1");
  EXPECT_EQ(counts[1].raw.header("ce_requestid"), "") << "it is of no request";
}

TEST_P(RequestsOnRuntime, a_dead_letter_and_its_replay_are_of_the_request) {
  bool broken = true;
  BankOptions options;
  options.on_process = [&](const std::string&, const Deposited&) {
    if (broken) throw std::runtime_error("not today");
  };
  auto driver = open_bank({}, options);
  driver->pipe_raw("deposits", deposit_of_request(R"({"amount":5})"));
  driver->run_until_idle();
  auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].header("ce_requestid"), "shop.requests:r-1");
  broken = false;
  dead[0].partition = std::stoi(dead[0].header("dl-partition"));
  driver->pipe_raw("bank.retry", dead[0]);
  driver->run_until_idle();
  const auto balances = driver->read<std::string, Balance>("bank.balances");
  ASSERT_EQ(balances.size(), 1U);
  EXPECT_EQ(balances[0].raw.header("ce_requestid"), "shop.requests:r-1");
}

}  // namespace
}  // namespace millrace::stream::test
