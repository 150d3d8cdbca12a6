// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/value_types.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "millrace/stream/manifest.hpp"

namespace millrace::stream {
namespace {

using testing::HasSubstr;

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

TEST(ValueTypes, beyond_the_most_that_a_store_may_have_are_refused_with_the_remedy) {
  constexpr int types_max = 32;
  std::string members = "abcde";
  const auto next = [&] {
    std::string text;
    for (const char member : members)
      text += (text.empty() ? "{" : ",") + std::string(1, member) + ":int64";
    std::ranges::next_permutation(members);
    return text + "}";
  };
  ValueTypes types{next(), {}};
  for (int i = 1; i < types_max; ++i) {
    const auto further = continue_types(types, next(), true);
    ASSERT_TRUE(further) << further.error().to_string();
    types = *further;
  }
  const auto refused = continue_types(types, next(), true);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::topology_changed));
  EXPECT_THAT(refused.error().message(), HasSubstr("it has had 32 types"));
  EXPECT_THAT(refused.error().message(), HasSubstr("rebuild it by `millrace topology reset`"));
}

}  // namespace
}  // namespace millrace::stream
