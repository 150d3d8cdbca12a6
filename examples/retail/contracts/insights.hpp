// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>
#include <variant>

#include "retail/contracts/ids.hpp"
#include "retail/contracts/money.hpp"

namespace retail {

/// Owned by insights: running totals by country and by country and day. Key: Country.
inline constexpr const char* revenue_topic = "insights.revenue";
/// Owned by insights: running totals by product. Key: ProductCode.
inline constexpr const char* products_topic = "insights.products";
/// Owned by insights: how many requests came how far. Key: the number of the partition counted.
inline constexpr const char* funnel_topic = "insights.funnel";

// Sums have no limit but that of int64, so they are written as text: JSON numbers tell integers
// apart up to 2^53 only.

/// A country's totals so far: completed orders and their value, and what credit notes gave back.
struct RevenueChanged {
  static constexpr std::array millrace_as_text{"revenue_milli", "refunds_milli"};
  Money revenue_milli;
  Money refunds_milli;
  std::int64_t orders = 0;
};
BOOST_DESCRIBE_STRUCT(RevenueChanged, (), (revenue_milli, refunds_milli, orders))

/// The same for one day (UTC) of event time.
struct DailyRevenueChanged {
  static constexpr std::array millrace_as_text{"revenue_milli", "refunds_milli"};
  std::string day;  ///< `2010-12-01`
  Money revenue_milli;
  Money refunds_milli;
  std::int64_t orders = 0;
};
BOOST_DESCRIBE_STRUCT(DailyRevenueChanged, (), (day, revenue_milli, refunds_milli, orders))

using RevenueEvent = std::variant<RevenueChanged, DailyRevenueChanged>;

/// What completed orders sold of a product so far.
struct ProductSalesChanged {
  static constexpr std::array millrace_as_text{"units", "revenue_milli"};
  std::int64_t units = 0;
  Money revenue_milli;
  std::int64_t lines = 0;
};
BOOST_DESCRIBE_STRUCT(ProductSalesChanged, (), (units, revenue_milli, lines))

/// How many requests of one partition came how far.
struct FunnelChanged {
  std::int64_t orders_requested = 0;
  std::int64_t returns_requested = 0;
  std::int64_t write_offs_requested = 0;
  std::int64_t validated = 0;
  std::int64_t reserved = 0;
  std::int64_t paid = 0;
  std::int64_t confirmed = 0;
  std::int64_t packaged = 0;
  std::int64_t dispatched = 0;
  std::int64_t completed = 0;
  std::int64_t rejected = 0;
  std::int64_t returns_completed = 0;
  std::int64_t written_off = 0;
  friend bool operator==(const FunnelChanged&, const FunnelChanged&) = default;
};
BOOST_DESCRIBE_STRUCT(FunnelChanged, (),
                      (orders_requested, returns_requested, write_offs_requested, validated,
                       reserved, paid, confirmed, packaged, dispatched, completed, rejected,
                       returns_completed, written_off))

}  // namespace retail
