// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Instances of two builds of a service side by side.
#include <gtest/gtest.h>

#include "millrace/stream/manifest.hpp"
#include "millrace/stream/topology.hpp"
#include "millrace/stream/view.hpp"
#include "runtime_branches.hpp"

namespace millrace::stream::test {
namespace {

class Upgrade : public Branches {
 protected:
  std::int64_t revision() {
    const auto manifest = read_manifest(*tool_, "bank");
    if (!manifest || !*manifest) throw std::runtime_error("there is no manifest");
    return (*manifest)->revision;
  }
};
INSTANTIATE_TEST_SUITE_P(On, Upgrade, testing::ValuesIn(runtime_backends()), backend_name);

class Audit final : public Processor<std::string, Deposited> {
 public:
  void process(const std::string&, const Deposited&, ProcessorContext&) override {}
};

/// The bank, with a processor before its own.
Topology audited_bank() {
  TopologyBuilder builder("bank");
  const auto deposits = builder.stream<std::string, Deposited>("deposits");
  deposits.process<Audit>("audit");
  const auto balances = builder.store<std::string, Balance>("balances");
  const auto out = builder.emitter<std::string, Balance>("out");
  deposits.process<Bank>("bank", balances, out, BankOptions{});
  builder.stream(out).to("bank.balances");
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

TEST_P(Upgrade, old_and_new_build_share_the_tasks_and_repeat_nothing) {
  Branch old_build = open("bank-1");
  rest({&old_build});
  deposit(50);
  rest({&old_build});
  topology_ = audited_bank();
  Branch new_build = open("bank-2");
  deposit(50);
  rest({&old_build, &new_build});
  EXPECT_EQ(old_build.instance->status().tasks.size(), 2U);
  EXPECT_EQ(new_build.instance->status().tasks.size(), 2U);
  ASSERT_TRUE(old_build.instance->close());
  deposit(50);
  rest({&new_build});
  EXPECT_EQ(published(), 150U);
}

TEST_P(Upgrade, a_rollback_while_the_new_build_runs_repeats_nothing) {
  topology_ = audited_bank();
  Branch new_build = open("bank-1");
  rest({&new_build});
  deposit(50);
  rest({&new_build});
  topology_ = bank();
  Branch old_build = open("bank-2");
  deposit(50);
  rest({&old_build, &new_build});
  ASSERT_TRUE(new_build.instance->close());
  deposit(50);
  rest({&old_build});
  EXPECT_EQ(old_build.instance->status().tasks.size(), 4U);
  EXPECT_EQ(published(), 150U);
}

namespace first {
struct Total {
  std::int64_t count = 0;
  std::int64_t sum = 0;
};
BOOST_DESCRIBE_STRUCT(Total, (), (count, sum))
}  // namespace first

namespace swapped {
struct Total {
  std::int64_t sum = 0;
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Total, (), (sum, count))
}  // namespace swapped

template <class Total>
Topology totals() {
  TopologyBuilder builder("bank");
  builder.stream<std::string, Deposited>("deposits")
      .group_by_key()
      .aggregate(
          Total{},
          [](const Deposited& deposit, Total total) {
            total.sum += 3 * deposit.amount;
            ++total.count;
            return total;
          },
          "totals");
  return *builder.build();
}

TEST_P(Upgrade, an_old_build_does_not_misread_what_a_new_one_wrote_beside_it) {
  topology_ = totals<first::Total>();
  Branch old_build = open("bank-1");
  rest({&old_build});
  deposit(17);
  rest({&old_build});
  topology_ = totals<swapped::Total>();
  Branch new_build = open("bank-2");
  rest({&old_build, &new_build});
  deposit(34);
  rest({&old_build, &new_build});
  ASSERT_TRUE(new_build.instance->close());
  Result<StepResult> stepped;
  for (int rounds = 0; stepped && rounds < rounds_max; ++rounds) {
    hear_of_all(*old_build.log);
    stepped = old_build.instance->step();
    world_->let_pass();
  }
  ASSERT_FALSE(stepped);
  EXPECT_EQ(stepped.error().code(), errc::incompatible);
  EXPECT_NE(stepped.error().message().find("store totals"), std::string::npos);
  old_build.instance.reset();
  old_build.log.reset();
  // Started again it knows the type that came meanwhile.
  topology_ = totals<first::Total>();
  Branch again = open("bank-1");
  rest({&again});
  std::int64_t sum = 0;
  std::int64_t count = 0;
  const View<std::string, first::Total> view(*again.instance, "totals");
  const auto all = view.all(100);
  ASSERT_TRUE(all);
  for (const auto& [account, total] : all->value) {
    sum += total.sum;
    count += total.count;
  }
  EXPECT_EQ(count, 51);
  EXPECT_EQ(sum, 153);
}

TEST_P(Upgrade, instances_that_start_at_once_write_one_manifest) {
  Branch one = open("bank-1");
  Branch two = open("bank-2");
  rest({&one, &two});
  EXPECT_EQ(revision(), 1);
  Manifest manifest = **read_manifest(*tool_, "bank");
  ++manifest.revision;
  const auto first = write_manifest(*one.log, "bank", manifest, {});
  const auto second = write_manifest(*two.log, "bank", manifest, {});
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(*first);
  EXPECT_FALSE(*second);
  --manifest.revision;
  const auto late = write_manifest(*one.log, "bank", manifest, {});
  ASSERT_TRUE(late);
  EXPECT_FALSE(*late);
  EXPECT_EQ(revision(), 2);
}

}  // namespace
}  // namespace millrace::stream::test
