// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>

#include "millrace/stream/topology.hpp"
#include "runtime_driver.hpp"

namespace millrace::stream::test {

/// Somebody put an amount into an account.
struct Deposited {
  std::int64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Deposited, (), (amount))

/// Somebody closed an account.
struct Closed {
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(Closed, (), (reason))

using AccountEvent = std::variant<Deposited, Closed>;

/// What is in an account after a deposit.
struct Balance {
  std::int64_t total = 0;
  std::int64_t deposits = 0;
  friend bool operator==(const Balance&, const Balance&) = default;
};
BOOST_DESCRIBE_STRUCT(Balance, (), (total, deposits))

/// A bank: gathers deposits by account in the store `balances` and publishes `bank.balances`.
/// An amount of 13 makes the handler throw; `on_process` may do the same.
struct BankOptions {
  std::function<void(const std::string&, const Deposited&)> on_process;
};

class Bank final : public Processor<std::string, Deposited> {
 public:
  Bank(StoreRef<std::string, Balance> balances, Emitter<std::string, Balance> out,
       BankOptions options)
      : balances_(balances), out_(out), options_(std::move(options)) {}
  void process(const std::string& key, const Deposited& deposit,
               ProcessorContext& context) override {
    auto store = context.store(balances_);
    Balance balance = store.get(key).value_or(Balance{});
    balance.total += deposit.amount;
    balance.deposits += 1;
    store.put(key, balance);
    context.emit(out_, key, balance);
    // After its effects, so that a test sees them taken back.
    if (deposit.amount == 13) throw std::runtime_error("13 is no amount");
    if (deposit.amount == 14) context.dead_letter(ErrorCode{"bank.refused"}, "14 is refused");
    if (options_.on_process) options_.on_process(key, deposit);
  }

 private:
  StoreRef<std::string, Balance> balances_;
  Emitter<std::string, Balance> out_;
  BankOptions options_;
};

inline Topology bank(BankOptions options = {}) {
  TopologyBuilder builder("bank");
  const auto balances = builder.store<std::string, Balance>("balances");
  const auto out = builder.emitter<std::string, Balance>("out");
  builder.stream<std::string, Deposited>("deposits").process<Bank>("bank", balances, out, options);
  builder.stream(out).to("bank.balances");
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

/// What the suites of runtime tests share. Each driver has a world of its own.
class RuntimeTest : public testing::TestWithParam<RuntimeBackend> {
 protected:
  static std::unique_ptr<RuntimeWorld> make_world() { return GetParam().make(); }
  /// One of two numbers: how often to do again what shows more the more often it is done.
  static int times(int if_remote, int if_local) { return GetParam().remote ? if_remote : if_local; }
  static std::unique_ptr<Driver> open(Topology topology, InstanceOptions options = {}) {
    return std::make_unique<Driver>(make_world(), std::move(topology), std::move(options));
  }
  /// A driver over a bank with its input topic.
  static std::unique_ptr<Driver> open_bank(InstanceOptions options = {},
                                           BankOptions bank_options = {}) {
    auto driver = open(bank(std::move(bank_options)), std::move(options));
    driver->declare_topic("deposits", "teller");
    driver->run_until_idle();
    return driver;
  }
};

/// Totals by account, as the store has them.
inline std::map<std::string, std::int64_t> totals(Driver& driver) {
  std::map<std::string, std::int64_t> out;
  for (const auto& [key, balance] : driver.store<std::string, Balance>("balances").all())
    out[key] = balance.total;
  return out;
}

/// Checks that the published balances are each account's running totals without a gap or a repeat.
inline bool without_gap_or_repeat(
    const std::vector<testkit::Received<std::string, Balance>>& published) {
  std::map<std::string, std::int64_t> seen;
  for (const auto& balance : published) {
    if (balance.value.deposits != ++seen[balance.key]) return false;
  }
  return true;
}

}  // namespace millrace::stream::test
