// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/requests.hpp"

namespace wallets {

// [events]
/// A command: put money into a wallet, or take it out. Keyed by wallet.
struct MoveMoney {
  std::int64_t pence = 0;  ///< below 0: out of the wallet
};
BOOST_DESCRIBE_STRUCT(MoveMoney, (), (pence))

/// What became of it. Keyed by wallet.
struct MoveDecided {
  bool accepted = false;
  std::int64_t balance = 0;  ///< of the wallet, right after the move
};
BOOST_DESCRIBE_STRUCT(MoveDecided, (), (accepted, balance))

/// Key, command, and the event that ends a request.
using Moves = millrace::stream::Requests<std::string, MoveMoney, MoveDecided>;
// [events]

inline constexpr const char* commands_topic = "wallets.commands";

/// Publishes what is decided in `wallets.moves`; the store `balances` has the pence of each wallet.
[[nodiscard]] millrace::Result<millrace::stream::Topology> topology();

}  // namespace wallets
