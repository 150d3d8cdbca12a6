// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Instances of two builds of a service side by side.
#include <gtest/gtest.h>

#include "millrace/stream/manifest.hpp"
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
  deposits.process("audit", [] { return std::make_unique<Audit>(); });
  const auto balances = builder.store<std::string, Balance>("balances");
  const auto out = builder.emitter<std::string, Balance>("out");
  deposits.process(
      "bank", [=] { return std::make_unique<Bank>(balances, out, BankOptions{}); }, uses(balances),
      emits(out));
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
