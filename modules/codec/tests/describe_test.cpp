// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/codec/describe.hpp"

#include <gtest/gtest.h>

#include "shop.hpp"

namespace millrace::codec {
namespace {

struct Hidden {
  std::int32_t value = 0;
};
BOOST_DESCRIBE_STRUCT(Hidden, (), (value))

TEST(Describe, a_type_is_known_by_its_unqualified_name) {
  EXPECT_EQ(type_info<shop::Placed>().name, "Placed");
  EXPECT_EQ(type_info<shop::Reason>().name, "Reason");
  EXPECT_EQ(type_info<Hidden>().name, "Hidden");
  EXPECT_EQ(type_info<std::vector<shop::Line>>().name, "list");
}

TEST(Describe, members_are_listed_in_order_with_their_places_inherited_ones_first) {
  const TypeInfo& type = type_info<shop::Everything>();
  ASSERT_EQ(type.fields.size(), 15U);
  EXPECT_EQ(type.fields[0].name, "inherited");
  EXPECT_EQ(type.fields[1].name, "flag");
  shop::Everything value;
  EXPECT_EQ(reinterpret_cast<char*>(&value) + type.fields[7].offset,
            reinterpret_cast<char*>(&value.text));
  EXPECT_EQ(type.fields[7].type().kind, Kind::string);
  EXPECT_EQ(&type_info<shop::Everything>(), &type);
}

TEST(Describe, an_event_is_recognized_by_its_active_alternative) {
  const shop::Event event = shop::Rejected{};
  EXPECT_EQ(event_type(type_info<shop::Event>(), &event), "Rejected");
  const shop::Placed placed;
  EXPECT_EQ(event_type(type_info<shop::Placed>(), &placed), "Placed");
}

TEST(Describe, values_are_made_copied_reset_and_destroyed_through_the_description) {
  const TypeInfo& type = type_info<shop::Placed>();
  alignas(shop::Placed) char memory[2][sizeof(shop::Placed)];
  type.construct(memory[0]);
  auto& first = *reinterpret_cast<shop::Placed*>(memory[0]);
  first.order.value = "a long order id that is on the heap";
  type.copy(memory[1], memory[0]);
  type.reset(memory[0]);
  EXPECT_EQ(first, shop::Placed{});
  EXPECT_EQ(reinterpret_cast<shop::Placed*>(memory[1])->order.value,
            "a long order id that is on the heap");
  type.destroy(memory[0]);
  type.destroy(memory[1]);
}

TEST(Describe, strong_types_are_transparent) {
  EXPECT_TRUE(type_info<shop::OrderId>().transparent);
  EXPECT_FALSE(type_info<Hidden>().transparent);
}

}  // namespace
}  // namespace millrace::codec
