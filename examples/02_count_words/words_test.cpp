// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "words.hpp"

#include <gtest/gtest.h>

#include "millrace/testkit/torture.hpp"

namespace words {
namespace {

using millrace::testkit::torture;
using millrace::testkit::TortureInputs;

// [torture]
TEST(Words, no_torture_changes_the_counts) {
  TortureInputs lines;
  lines.topic("lines", "reader");
  const char* const texts[] = {"The mill turns.", "The race runs.", "Nothing", "", "the the the"};
  for (int i = 0; i < 60; ++i)
    lines.write("lines", "line-" + std::to_string(i), LineRead{texts[i % 5]}, 1'000 + i);
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    torture([] { return word_counts().value(); }, lines, {.seed = seed});
}
// [torture]

}  // namespace
}  // namespace words
