// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/value_types.hpp"

#include <gtest/gtest.h>

#include "millrace/stream/manifest.hpp"

namespace millrace::stream {
namespace {

ValueTypes after(std::initializer_list<const char*> builds) {
  ValueTypes types{*builds.begin(), {}};
  for (const char* const build : builds) {
    auto next = continue_types(types, build, true);
    EXPECT_TRUE(next) << build << ": " << next.error().to_string();
    if (next) types = *std::move(next);
  }
  return types;
}

TEST(ValueTypes, a_rename_in_two_builds_goes_back_in_two_as_well) {
  const char* const first = "{a:int64,k:int64}";
  const char* const both = "{a:int64,b:int64,k:int64}";
  const ValueTypes types = after({first, both, "{b:int64,k:int64}"});
  const auto straight = continue_types(types, first, true);
  ASSERT_FALSE(straight) << "what the last build wrote to b would be lost";
  EXPECT_TRUE(straight.error().is(errc::topology_changed));
  const auto half = continue_types(types, both, true);
  ASSERT_TRUE(half) << half.error().to_string();
  EXPECT_TRUE(continue_types(*half, first, true));
}

TEST(ValueTypes, going_back_takes_the_number_of_the_type_before) {
  const ValueTypes types = after({"{a:int64,k:int64}", "{k:int64,a:int64}", "{a:int64,k:int64}"});
  EXPECT_EQ(number_of(types), 1U);
  EXPECT_EQ(types.values.size(), 2U);
}

}  // namespace
}  // namespace millrace::stream
