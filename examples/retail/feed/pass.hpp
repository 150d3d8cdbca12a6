// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "retail/invoices/invoices.hpp"

namespace retail {

/// The invoices end in December 2011: a later pass would have times that have not come yet.
inline constexpr std::int64_t last_pass_max = 14;

/// The same time of the same day so many years later, in ms since 1970 (UTC). 29 February becomes
/// 28 February in a year that has none.
[[nodiscard]] std::int64_t years_later(std::int64_t ms, std::int64_t years);

/// The invoice as pass `pass` (1 to last_pass_max) over the invoices sends it: from the second on
/// the id begins with the number of the pass, `2-536365`, and the time is so many years later.
[[nodiscard]] Invoice in_pass(Invoice invoice, std::int64_t pass);

}  // namespace retail
