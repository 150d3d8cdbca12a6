// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime_fixture.hpp"

namespace millrace::stream::test {

using Balances = Store<std::string, Balance>;

/// Deposits are given to a function, with the store `balances`.
struct DeskOptions {
  std::function<void(const std::string&, const Deposited&, Balances)> on_process;
  std::function<void()> on_open = [] {};
  std::function<void(std::int64_t)> on_tick = [](std::int64_t) {};
  std::string second_input;  ///< merged with the deposits, when it is given
};

class Desk final : public Processor<std::string, Deposited> {
 public:
  Desk(StoreRef<std::string, Balance> balances, DeskOptions options)
      : balances_(balances), options_(std::move(options)) {}
  void open(ProcessorContext& context) override {
    context.schedule("tick", PunctuationType::stream_time, 1'000, options_.on_tick);
    options_.on_open();
  }
  void process(const std::string& key, const Deposited& deposit,
               ProcessorContext& context) override {
    options_.on_process(key, deposit, context.store(balances_));
  }

 private:
  StoreRef<std::string, Balance> balances_;
  DeskOptions options_;
};

inline void add(const std::string& key, const Deposited& deposit, Balances balances) {
  Balance balance = balances.get(key).value_or(Balance{});
  balance.total += deposit.amount;
  balance.deposits += 1;
  balances.put(key, balance);
}

inline Topology desk(DeskOptions options) {
  TopologyBuilder builder("desk");
  const auto balances = builder.store<std::string, Balance>("balances");
  auto deposits = builder.stream<std::string, Deposited>("deposits");
  if (!options.second_input.empty())
    deposits = deposits.merge(builder.stream<std::string, Deposited>(options.second_input));
  deposits.process<Desk>("desk", balances, options);
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

inline void deposit(Driver& driver, const std::string& account, std::int64_t amount,
                    std::int64_t time_ms = 1'000) {
  driver.pipe("deposits", account, Deposited{amount}, time_ms);
}

/// The error that ends the instance, if one does before it has nothing to do.
inline std::optional<Error> error_of(Driver& driver) {
  for (int i = 0; i < 1'000; ++i) {
    const auto step = driver.step();
    if (!step) return step.error();
    if (!step->worked) driver.world().let_pass();
  }
  return std::nullopt;
}

}  // namespace millrace::stream::test
