// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "millrace/codec/describe.hpp"

/// Described types of every kind, for the tests of this module.
namespace shop {

struct OrderId {
  std::string value;
  using millrace_transparent = void;
  bool operator==(const OrderId&) const = default;
};
BOOST_DESCRIBE_STRUCT(OrderId, (), (value))

enum class Reason { out_of_stock, payment_declined = 7 };
BOOST_DESCRIBE_ENUM(Reason, out_of_stock, payment_declined)

enum class Channel { shop, web, other };
BOOST_DESCRIBE_ENUM(Channel, shop, web, other)
/// What a channel of a newer writer is to this one.
constexpr Channel millrace_fallback(Channel) { return Channel::other; }

struct Line {
  std::string product;
  std::optional<std::string> description;
  std::int32_t quantity = 0;
  std::int64_t price = 0;
  bool operator==(const Line&) const = default;
};
BOOST_DESCRIBE_STRUCT(Line, (), (product, description, quantity, price))

struct Placed {
  OrderId order;
  std::vector<Line> lines;
  bool operator==(const Placed&) const = default;
};
BOOST_DESCRIBE_STRUCT(Placed, (), (order, lines))

struct Rejected {
  OrderId order;
  Reason reason = Reason::out_of_stock;
  bool operator==(const Rejected&) const = default;
};
BOOST_DESCRIBE_STRUCT(Rejected, (), (order, reason))

struct Closed {
  bool operator==(const Closed&) const = default;
};
BOOST_DESCRIBE_STRUCT(Closed, (), ())

using Event = std::variant<Placed, Rejected, Closed>;

struct Base {
  std::int32_t inherited = 0;
  bool operator==(const Base&) const = default;
};
BOOST_DESCRIBE_STRUCT(Base, (), (inherited))

struct Everything : Base {
  static constexpr std::array<std::string_view, 3> millrace_as_text{"i64", "u64", "maybe"};
  bool flag = false;
  std::int32_t i32 = 0;
  std::int64_t i64 = 0;
  std::uint32_t u32 = 0;
  std::uint64_t u64 = 0;
  double number = 0;
  std::string text;
  Reason reason = Reason::out_of_stock;
  std::optional<std::int64_t> maybe;
  std::vector<std::string> list;
  std::map<std::string, Line> by_name;
  Event event;
  std::vector<Event> events;
  std::optional<OrderId> id;
  bool operator==(const Everything&) const = default;
};
BOOST_DESCRIBE_STRUCT(Everything, (Base),
                      (flag, i32, i64, u32, u64, number, text, reason, maybe, list, by_name, event,
                       events, id))

struct Tree {
  std::vector<Tree> children;
  bool operator==(const Tree&) const = default;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (children))

}  // namespace shop
