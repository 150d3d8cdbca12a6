// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "retail/contracts/ids.hpp"
#include "retail/contracts/money.hpp"

namespace retail {

/// Owned by storefront: what was asked for over HTTP, as it came. Key: RequestId. The record's
/// timestamp is the time of the order.
inline constexpr const char* requests_topic = "requests";

/// Of the storefront alone: what was asked over HTTP, with repeats. The first under an id becomes
/// an event in `requests`. Key: the id.
inline constexpr const char* asked_topic = "storefront.requests";

/// More pieces on one line, or a larger total, is taken for a mistake. Thousands of the largest
/// orders of one country still add up to what JSON tells apart, 2^53.
inline constexpr std::int64_t quantity_max = 1'000'000'000;
inline constexpr Money total_max{1'000'000'000'000};

/// A line as asked for. Lines are numbered from 0; a product may stand on several.
struct RequestedLine {
  ProductCode product;
  std::optional<std::string> description;
  std::int64_t quantity = 0;
  Money unit_price_milli;
};
BOOST_DESCRIBE_STRUCT(RequestedLine, (), (product, description, quantity, unit_price_milli))

/// What all requests have. `body_hash` is XXH64 of the request as it was read (kind, time and all
/// fields, whatever the spelling of the JSON); the event's id is made of id and hash. The first
/// request under an id counts, whatever its kind; orders ignores all others.
struct RequestBody {
  static constexpr std::array millrace_as_text{"body_hash"};
  std::uint64_t body_hash = 0;
  std::optional<std::string> customer_id;
  Country country;
  std::vector<RequestedLine> lines;
};
BOOST_DESCRIBE_STRUCT(RequestBody, (), (body_hash, customer_id, country, lines))

/// Somebody wants to buy. Not checked yet: it may even be an adjustment (`A...`), which is no sale.
struct OrderRequested : RequestBody {};
BOOST_DESCRIBE_STRUCT(OrderRequested, (RequestBody), ())
/// Goods come back; quantities are positive.
struct ReturnRequested : RequestBody {};
BOOST_DESCRIBE_STRUCT(ReturnRequested, (RequestBody), ())
/// Goods are to be written off; quantities are positive.
struct WriteOffRequested : RequestBody {};
BOOST_DESCRIBE_STRUCT(WriteOffRequested, (RequestBody), ())

using RequestEvent = std::variant<OrderRequested, ReturnRequested, WriteOffRequested>;

}  // namespace retail
