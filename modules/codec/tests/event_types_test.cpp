// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/event_types.hpp"

#include <gtest/gtest.h>

#include <variant>

#include "millrace/codec/describe.hpp"
#include "millrace/codec/same_type.hpp"

namespace millrace::codec {
namespace {

namespace named {
struct Placed {
  std::int32_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Placed, (), (total))
constexpr auto millrace_event_type(const Placed*) {
  return event_type<Placed>("com.shop.order.placed.v1", "OrderPlaced");
}
struct PlacedTwice : Placed {};
BOOST_DESCRIBE_STRUCT(PlacedTwice, (Placed), ())
struct Paid {
  std::int32_t paid = 0;
};
BOOST_DESCRIBE_STRUCT(Paid, (), (paid))
using Event = std::variant<Paid, Placed>;
}  // namespace named

namespace plain {
struct Placed {
  std::int32_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Placed, (), (total))
}  // namespace plain

std::string_view type_of(const named::Event& event) {
  return event_type(type_info<named::Event>(), &event);
}

TEST(EventTypes, the_first_name_is_written) {
  const named::Placed placed;
  EXPECT_EQ(event_type(type_info<named::Placed>(), &placed), "com.shop.order.placed.v1");
  EXPECT_EQ(type_of(placed), "com.shop.order.placed.v1");
  EXPECT_EQ(type_of(named::Paid{}), "Paid");
}

TEST(EventTypes, each_name_is_read) {
  for (const std::string_view name : {"com.shop.order.placed.v1", "OrderPlaced"}) {
    const auto event = from_json<named::Event>(R"({"total":7})", name);
    ASSERT_TRUE(event) << name;
    EXPECT_EQ(std::get<named::Placed>(*event).total, 7);
  }
  EXPECT_TRUE(from_json<named::Event>(R"({"paid":7})", "Paid"));
}

TEST(EventTypes, the_name_of_the_struct_is_read_only_when_it_is_among_them) {
  const auto event = from_json<named::Event>(R"({"total":7})", "Placed");
  ASSERT_FALSE(event);
  EXPECT_TRUE(event.error().is(errc::unknown_type));
  EXPECT_FALSE(is_event_type(type_info<named::Placed>(), "Placed"));
  EXPECT_TRUE(is_event_type(type_info<named::Paid>(), "Paid"));
}

TEST(EventTypes, a_struct_has_a_name_of_its_own_beside_its_base) {
  EXPECT_EQ(event_type(type_info<named::PlacedTwice>()), "PlacedTwice");
}

TEST(EventTypes, a_variant_inside_a_value_has_the_names_of_its_structs) {
  EXPECT_EQ(to_json(std::vector<named::Event>{named::Placed{3}}), R"([{"Placed":{"total":3}}])");
}

TEST(EventTypes, types_with_other_names_of_events_are_not_the_same) {
  EXPECT_FALSE(is_same_type(type_info<named::Placed>(), type_info<plain::Placed>()));
}

}  // namespace
}  // namespace millrace::codec
