// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "millrace/stream/requests.hpp"
#include "millrace/stream/topology.hpp"
#include "retail/contracts/insights.hpp"
#include "retail/contracts/orders.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/settings.hpp"
#include "retail/contracts/stock.hpp"

namespace retail::storefront {

enum class RequestKind : std::uint8_t { unknown, order, goods_return, write_off };
BOOST_DESCRIBE_ENUM(RequestKind, unknown, order, goods_return, write_off)

/// How far a request has come.
enum class RequestStatus : std::uint8_t {
  requested,
  validated,     ///< an order was found good
  confirmed,     ///< an order is reserved and paid
  completed,     ///< an order was dispatched, a return is back and refunded; final
  rejected,      ///< an order ended badly; final
  accepted,      ///< a return was found good
  recorded,      ///< a write-off is recorded; final
  dead_lettered  ///< no sale, or not to be understood; final
};
BOOST_DESCRIBE_ENUM(RequestStatus, requested, validated, confirmed, completed, rejected, accepted,
                    recorded, dead_lettered)

/// What the request was answered with first. Never changes once it is not pending, whatever becomes
/// of the request later, but for one case: a dead letter that was replayed may lead to a real
/// outcome, which then replaces `dead_lettered`.
enum class Outcome : std::uint8_t {
  pending,
  granted,       ///< order confirmed, return completed, write-off recorded: 201
  rejected,      ///< 409 with the reason
  dead_lettered  ///< 422 with the reason and the position of the letter
};
BOOST_DESCRIBE_ENUM(Outcome, pending, granted, rejected, dead_lettered)

/// The storefront's memory of one request. Store `status`, key RequestId.
struct RequestView {
  RequestKind kind = RequestKind::unknown;
  RequestStatus status = RequestStatus::requested;
  Outcome outcome = Outcome::pending;
  std::uint64_t body_hash = 0;  ///< of the request that counts; 0: not seen yet
  Country country;
  Money total_milli;
  std::string reason;               ///< `out_of_stock`, ..., or the dead letter's reason
  std::vector<Shortage> shortages;  ///< when out of stock
  std::int64_t asked = 0;           ///< write-off: pieces asked for
  std::int64_t taken = 0;           ///< write-off: pieces that were free
  /// Event id of the request that counts, the first under this id; empty while it is not known.
  std::string request;
  /// The dead letter that stopped it, `stock.dead-letters-2:17`; empty: none.
  std::string letter;
  std::int32_t letter_rank = 0;  ///< how far the request had come when it was stopped
};
BOOST_DESCRIBE_STRUCT(RequestView, (),
                      (kind, status, outcome, body_hash, country, total_milli, reason, shortages,
                       asked, taken, request, letter, letter_rank))

/// What dead letters did to the requests of one partition. Store `outcomes`, key: its number.
struct OutcomeCounts {
  std::int64_t dead_lettered = 0;  ///< requests that were answered 422
  std::int64_t replaced = 0;       ///< of them those that had a real outcome later, after a replay
};
BOOST_DESCRIBE_STRUCT(OutcomeCounts, (), (dead_lettered, replaced))

inline constexpr const char* status_store = "status";      ///< RequestId -> RequestView
inline constexpr const char* outcomes_store = "outcomes";  ///< std::string -> OutcomeCounts
inline constexpr const char* revenue_store = "revenue";    ///< Country -> RevenueChanged
inline constexpr const char* products_store = "products";  ///< ProductCode -> ProductSalesChanged

/// What is asked over HTTP, and the events of orders and stock that are its outcome. The id of a
/// request is its key; it stays known for ever.
using Requests = millrace::stream::Requests<RequestId, RequestEvent, OrderConfirmed, OrderRejected,
                                            ReturnCompleted, StockWrittenOff>;

/// Declares in a builder of the storefront what topology() has. Returns what it reads of revenue.
millrace::stream::Stream<Country, RevenueChanged> declare(
    millrace::stream::TopologyBuilder& builder);

/// Publishes what is asked in the topic `requests`, and keeps the storefront's views: requests by
/// id, revenue by country, sales by product.
[[nodiscard]] millrace::Result<millrace::stream::Topology> topology(const Settings& settings);

/// The `count` best sellers by pieces, ties by code.
[[nodiscard]] std::vector<std::pair<ProductCode, ProductSalesChanged>> best_sellers(
    std::vector<std::pair<ProductCode, ProductSalesChanged>> sales, std::size_t count);

}  // namespace retail::storefront
