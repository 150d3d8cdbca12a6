// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <vector>

#include "millrace/stream/topology.hpp"
#include "retail/contracts/insights.hpp"
#include "retail/contracts/settings.hpp"

namespace retail::insights {

enum class Stage : std::uint8_t {
  validated,
  reserved,
  paid,
  confirmed,
  packaged,
  delayed,
  dispatched
};
BOOST_DESCRIBE_ENUM(Stage, validated, reserved, paid, confirmed, packaged, delayed, dispatched)

/// What an order will have sold of a product once it is completed.
struct Sale {
  ProductCode product;
  std::int64_t units = 0;
  Money revenue_milli;
};
BOOST_DESCRIBE_STRUCT(Sale, (), (product, units, revenue_milli))

/// An order under way, from its validation on. Store `open-orders`, key RequestId; gone once
/// completed or rejected. The store `stuck-orders` holds those of them that have not moved for
/// `stuck_after_ms` of wall-clock time.
struct OpenOrder {
  Stage stage = Stage::validated;
  std::int64_t since_wall_ms = 0;  ///< when it came to this stage, as seen here
};
BOOST_DESCRIBE_STRUCT(OpenOrder, (), (stage, since_wall_ms))

/// The sales of one order, or their part in one partition of products. Store `open-sales`, key
/// RequestId, beside `open-orders`.
struct Sales {
  std::int32_t partition = 0;
  std::vector<Sale> lines;
};
BOOST_DESCRIBE_STRUCT(Sales, (), (partition, lines))

/// Sales of a product and what of them was published. Store `products`, key ProductCode.
struct ProductTotals {
  ProductSalesChanged sales;
  std::int64_t published_lines = 0;
};
BOOST_DESCRIBE_STRUCT(ProductTotals, (), (sales, published_lines))

/// Money of a country or of a country and day. Stores `revenue` (key Country) and
/// `revenue-by-country-and-day` (key Windowed<Country>).
using Revenue = RevenueChanged;

inline constexpr const char* open_sales_store = "open-sales";
inline constexpr const char* open_orders_store = "open-orders";
inline constexpr const char* stuck_orders_store = "stuck-orders";
inline constexpr const char* products_store = "products";
inline constexpr const char* funnel_store =
    "funnel";  ///< std::string (partition number) -> FunnelCounts
inline constexpr const char* revenue_store = "revenue";
inline constexpr const char* daily_revenue_store = "revenue-by-country-and-day";
inline constexpr std::int64_t stuck_after_ms = 60'000;
inline constexpr std::int64_t publish_interval_ms =
    1'000;  ///< wall-clock, between publications of sales by product and of the funnel

/// Counts of one partition and whether they were published.
struct FunnelCounts {
  FunnelChanged counts;
  bool published = false;
};
BOOST_DESCRIBE_STRUCT(FunnelCounts, (), (counts, published))

/// Revenue, sales by product, the funnel of orders, and orders that are stuck. May be started last:
/// it reads history from the beginning.
/// Declares this service in a builder. Returns the changes of the funnel.
millrace::stream::Stream<std::string, FunnelChanged> declare(
    millrace::stream::TopologyBuilder& builder, const Settings& settings);
[[nodiscard]] millrace::Result<millrace::stream::Topology> topology(const Settings& settings);

}  // namespace retail::insights
