// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

namespace retail {

/// How well the shop is stocked, and how much goes wrong.
enum class StockMode : std::uint8_t {
  ample,  ///< a shelf opens with 1,000,000; nothing is declined, fails or is late
  scarce  ///< a shelf opens with 200; payments above 2,000.000 are declined, some packing fails,
          ///< some dispatches are late
};

/// What all services of a system are started with; the same for all of them and for the life of a
/// log.
struct Settings {
  StockMode stock = StockMode::scarce;
  std::int32_t partitions = 4;  ///< of every topic
};

}  // namespace retail
