// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/stored_types.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/codec/describe.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {
namespace {

enum class Level : std::uint8_t { low = 3 };
BOOST_DESCRIBE_ENUM(Level, low)

TEST(StoredTypes, an_alternative_that_a_newer_build_added_meanwhile_is_no_damage) {
  StoreSpec store;
  store.name = "levels";
  store.value = &codec::type_info<Level>();
  store.value_types = {"enum(low=1)", "enum(low=3)"};
  store.value_type = 2;
  StoredTypes types(store);
  log::RecordView record;
  record.value = "\x02";  // 1 in zigzag
  const auto low = types.current(record);
  ASSERT_TRUE(low) << low.error().to_string();
  EXPECT_EQ(*low, "\x06");
  record.value = "\x04";
  const auto added = types.current(record);
  ASSERT_FALSE(added);
  EXPECT_TRUE(added.error().is(errc::incompatible));
  EXPECT_THAT(added.error().message(),
              testing::AllOf(testing::HasSubstr("store levels, enum(low=1)"),
                             testing::HasSubstr("start this one again")));
}

}  // namespace
}  // namespace millrace::stream::runtime
