// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/function_ref.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace millrace {
namespace {

int twice(int number) { return 2 * number; }
int apply(FunctionRef<int(int)> fn, int number) { return fn(number); }

TEST(FunctionRef, calls_functions_lambdas_and_const_objects) {
  const auto plus_one = [](int number) { return number + 1; };
  EXPECT_EQ(apply(twice, 3), 6);
  EXPECT_EQ(apply(&twice, 4), 8);
  EXPECT_EQ(apply(plus_one, 3), 4);
  EXPECT_EQ(apply([&](int number) { return plus_one(number) + 1; }, 3), 5);
}

TEST(FunctionRef, refers_to_what_it_was_made_of) {
  int calls = 0;
  auto count = [calls]() mutable { return ++calls; };
  const FunctionRef<int()> ref = count;
  const FunctionRef<int()> copy = ref;
  EXPECT_EQ(ref(), 1);
  EXPECT_EQ(copy(), 2);
  EXPECT_EQ(count(), 3);
}

TEST(FunctionRef, passes_arguments_as_they_are) {
  auto take = [](std::unique_ptr<int> number) { return *number; };
  const FunctionRef<int(std::unique_ptr<int>)> ref = take;
  EXPECT_EQ(ref(std::make_unique<int>(7)), 7);
}

TEST(FunctionRef, may_drop_the_result) {
  std::string text;
  auto append = [&](char letter) { return text += letter; };
  const FunctionRef<void(char)> ref = append;
  ref('a');
  EXPECT_EQ(text, "a");
}

static_assert(!std::is_constructible_v<FunctionRef<int(int)>, int (*)(const std::string&)>);
static_assert(!std::is_default_constructible_v<FunctionRef<void()>>);

}  // namespace
}  // namespace millrace
