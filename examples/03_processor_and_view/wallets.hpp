// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>

#include "millrace/stream/topology.hpp"

namespace wallets {

// [events]
/// A command: put money into a wallet, or take it out. Keyed by wallet.
struct MoveMoney {
  std::string move;        ///< id; a move that comes twice takes effect once
  std::int64_t pence = 0;  ///< below 0: out of the wallet
};
BOOST_DESCRIBE_STRUCT(MoveMoney, (), (move, pence))

/// What became of a move. Keyed by wallet.
struct MoneyMoved {
  std::string move;
  std::int64_t pence = 0;
  std::int64_t balance = 0;
};
BOOST_DESCRIBE_STRUCT(MoneyMoved, (), (move, pence, balance))

struct MoveRefused {
  std::string move;
  std::int64_t pence = 0;
  std::int64_t balance = 0;
};
BOOST_DESCRIBE_STRUCT(MoveRefused, (), (move, pence, balance))
// [events]

/// The answer to a move, kept so that a move that comes again gets the same.
struct Answer {
  bool accepted = false;
  std::int64_t balance = 0;  ///< of the wallet, right after the move
};
BOOST_DESCRIBE_STRUCT(Answer, (), (accepted, balance))

inline constexpr const char* commands_topic = "wallets.commands";
inline constexpr const char* moves_topic = "wallets.moves";
inline constexpr const char* balances_store = "balances";  ///< wallet -> pence
inline constexpr const char* answers_store = "answers";    ///< move -> Answer

[[nodiscard]] millrace::Result<millrace::stream::Topology> topology();

}  // namespace wallets
