// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wallets.hpp"

namespace wallets {

using namespace millrace::stream;

// [processor]
struct Teller {
  StoreRef<std::string, std::int64_t> balances;
  Emitter<std::string, MoveDecided> decisions;

  // [decide]
  void process(const std::string& wallet, const MoveMoney& move, ProcessorContext& context) {
    auto store = context.store(balances);
    const std::int64_t before = store.get(wallet).value_or(0);
    if (before + move.pence < 0) return context.emit(decisions, wallet, MoveDecided{false, before});
    store.put(wallet, before + move.pence);
    context.emit(decisions, wallet, MoveDecided{true, before + move.pence});
  }
  // [decide]
};
// [processor]

// [topology]
millrace::Result<Topology> topology() {
  TopologyBuilder builder("wallets");
  const auto balances = builder.store<std::string, std::int64_t>("balances");
  const auto decisions = builder.emitter<std::string, MoveDecided>("decisions");
  builder.stream<std::string, MoveMoney>(commands_topic)
      .process<Teller>("teller", balances, decisions);
  builder.stream(decisions).to("wallets.moves");
  Moves::declare(builder, {.commands = commands_topic}, builder.stream(decisions));
  return builder.build();
}
// [topology]

}  // namespace wallets
