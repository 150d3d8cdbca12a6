// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>

#include "settled/offset_map.hpp"

namespace millrace::log::embedded {
namespace {

RC_GTEST_PROP(SettledOffsetMap, finds_the_last_offset_of_each_key_that_had_room, ()) {
  OffsetMap map(*rc::gen::inRange<std::size_t>(0, 4000));
  std::map<std::string, Offset> model;
  const auto keys =
      *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string key(keys[i] % 7, static_cast<char>(keys[i]));
    const Offset at = offset(static_cast<std::int64_t>(i));
    const bool known = model.contains(key);
    const bool taken = map.put(key, at);
    RC_ASSERT(taken || !known);
    RC_ASSERT(taken || !model.empty());
    if (taken) {
      model[key] = at;
    }
  }
  RC_ASSERT(map.size() == model.size());
  for (const std::uint8_t one : keys) {
    const std::string key(one % 7, static_cast<char>(one));
    const auto known = model.find(key);
    RC_ASSERT(map.find(key) ==
              (known == model.end() ? std::nullopt : std::optional(known->second)));
  }
}

TEST(SettledOffsetMap, takes_as_many_keys_as_its_memory_has_room_for) {
  OffsetMap map(48U << 10U);
  std::int64_t taken = 0;
  while (map.put("key-" + std::to_string(taken), offset(taken))) {
    ++taken;
  }
  // Half the memory is slots of 24 bytes, rounded down to a power of two; three in four are used.
  EXPECT_EQ(taken, 768);
  EXPECT_TRUE(map.put("key-5", offset(10'000)));
  EXPECT_EQ(map.find("key-5"), offset(10'000));
  EXPECT_EQ(map.find("key-767"), offset(767));
  EXPECT_EQ(map.find("key-768"), std::nullopt);
}

TEST(SettledOffsetMap, takes_one_key_however_large_it_is) {
  OffsetMap map(0);
  EXPECT_TRUE(map.put(std::string(10'000, 'k'), offset(3)));
  EXPECT_FALSE(map.put("k", offset(4)));
  EXPECT_EQ(map.find(std::string(10'000, 'k')), offset(3));
}

}  // namespace
}  // namespace millrace::log::embedded
