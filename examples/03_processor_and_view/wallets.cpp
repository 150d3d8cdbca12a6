// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wallets.hpp"

#include <memory>
#include <variant>

namespace wallets {

using millrace::stream::Emitter;
using millrace::stream::Processor;
using millrace::stream::ProcessorContext;
using millrace::stream::StoreRef;
using millrace::stream::TopologyBuilder;

namespace {

using Outcome = std::variant<MoneyMoved, MoveRefused>;

// [processor]
class Teller final : public Processor<std::string, MoveMoney> {
 public:
  Teller(StoreRef<std::string, std::int64_t> balances, StoreRef<std::string, Answer> answers,
         Emitter<std::string, Outcome> outcomes)
      : balances_(balances), answers_(answers), outcomes_(outcomes) {}

  // [decide]
  void process(const std::string& wallet, const MoveMoney& move,
               ProcessorContext& context) override {
    auto balances = context.store(balances_);
    auto answers = context.store(answers_);
    if (answers.get(move.move)) return;  // came twice

    std::int64_t balance = balances.get(wallet).value_or(0);
    const bool accepted = balance + move.pence >= 0;
    if (accepted) {
      balance += move.pence;
      balances.put(wallet, balance);
      context.emit(outcomes_, wallet, MoneyMoved{move.move, move.pence, balance});
    } else {
      context.emit(outcomes_, wallet, MoveRefused{move.move, move.pence, balance});
    }
    answers.put(move.move, Answer{accepted, balance});
  }
  // [decide]

 private:
  StoreRef<std::string, std::int64_t> balances_;
  StoreRef<std::string, Answer> answers_;
  Emitter<std::string, Outcome> outcomes_;
};
// [processor]

}  // namespace

// [topology]
millrace::Result<millrace::stream::Topology> topology() {
  TopologyBuilder builder("wallets");
  const auto balances = builder.store<std::string, std::int64_t>(balances_store);
  const auto answers = builder.store<std::string, Answer>(answers_store);
  const auto outcomes = builder.emitter<std::string, Outcome>("outcomes");
  builder.declare_topic(commands_topic, millrace::log::TopicKind::commands);
  builder.stream<std::string, MoveMoney>(commands_topic)
      .process<Teller>("teller", balances, answers, outcomes);
  builder.stream(outcomes).to(moves_topic);
  return builder.build();
}
// [topology]

}  // namespace wallets
