// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "retail/contracts/money.hpp"
#include "retail/contracts/requests.hpp"

namespace retail {

/// Most bytes of the texts of a request, and most lines.
inline constexpr std::size_t id_bytes_max = 200;
inline constexpr std::size_t customer_bytes_max = 100;
inline constexpr std::size_t country_bytes_max = 100;
inline constexpr std::size_t product_bytes_max = 100;
inline constexpr std::size_t description_bytes_max = 1'000;
inline constexpr std::size_t lines_max = 10'000;
/// How far the time of a request may be ahead of the clock that judges it.
inline constexpr std::int64_t future_ms_max = 60LL * 60 * 1000;

/// The number of the invoice in an id: what follows the number of a pass, from 2 to 99, and a dash,
/// as in `2-A563185`. An id that does not begin so is the number itself.
[[nodiscard]] constexpr std::string_view invoice_number(std::string_view id) {
  const std::size_t dash = id.find_first_not_of("0123456789");
  if (dash == std::string_view::npos || dash == 0 || dash > 2 || id[dash] != '-') return id;
  if (id.starts_with('0') || id.starts_with("1-")) return id;
  return id.substr(dash + 1);
}

/// True when the number says that the request is an adjustment, which is sent as an order and is no
/// sale. Nothing else in it means what it says.
[[nodiscard]] constexpr bool is_adjustment(std::string_view order_id) {
  return invoice_number(order_id).starts_with('A');
}

/// What is wrong with the quantity of line `index`; no value when it is good.
[[nodiscard]] inline std::optional<std::string> quantity_problem(std::size_t index,
                                                                 std::int64_t quantity) {
  if (quantity >= 1 && quantity <= quantity_max) return std::nullopt;
  return "lines[" + std::to_string(index) + "].quantity: must be from 1 to 1000000000";
}

/// The lines of a request: their value, or what is wrong with them.
struct CheckedLines {
  Money total;
  std::string problem;  ///< begins with the field's name; empty when all are good
};

/// Judges lines of any type with `product`, `quantity` and `unit_price_milli`. The storefront
/// refuses what does not pass; orders asks again, because others can write to the topic too.
template <class Line>
[[nodiscard]] CheckedLines check_lines(const std::vector<Line>& lines) {
  if (lines.empty()) return {{}, "lines: at least one is wanted"};
  if (lines.size() > lines_max) {
    return {{},
            "lines: " + std::to_string(lines.size()) + " are more than the limit of " +
                std::to_string(lines_max)};
  }
  CheckedLines checked;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    const auto wrong = [i](std::string_view what) {
      return CheckedLines{{}, "lines[" + std::to_string(i) + "]." + std::string(what)};
    };
    if (line.product.text.empty() || line.product.text.size() > product_bytes_max) {
      return wrong("product: must have 1 to " + std::to_string(product_bytes_max) + " bytes");
    }
    if (auto problem = quantity_problem(i, line.quantity)) return {{}, *std::move(problem)};
    if (line.unit_price_milli < Money{}) return wrong("unit_price_milli: must not be negative");
    const auto total = add_line(checked.total, line.quantity, line.unit_price_milli);
    if (!total || *total > total_max) return wrong("unit_price_milli: the total is out of range");
    checked.total = *total;
  }
  return checked;
}

}  // namespace retail
