// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "millrace/base/random.hpp"
#include "staged_stores.hpp"

namespace millrace::stream {
namespace {

using test::make_store;

class Savepoint : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Of, Savepoint, testing::Values("memory", "overlay"),
                         [](const auto& store) { return std::string(store.param); });

using Content = std::map<std::string, std::string>;

Content content_of(const StagedStore& store) {
  Content content;
  store.range({}, {}, [&](std::string_view key, std::string_view value) {
    content.emplace(key, value);
    return true;
  });
  return content;
}

using Changes = std::map<std::string, std::optional<std::string>>;

Changes changes_of(const StagedStore& store) {
  Changes changes;
  store.changes([&](std::string_view key, std::optional<std::string_view> value, std::int64_t) {
    changes.emplace(key, value ? std::optional<std::string>(*value) : std::nullopt);
  });
  return changes;
}

std::int64_t time_of(const StagedStore& store, std::string_view key) {
  const auto found = store.get_timed(key);
  return found ? found->time_ms : no_entry_time;
}

TEST_P(Savepoint, a_rollback_takes_back_what_changed_since_and_no_more) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  store.restore("kept", "old");
  store.restore("erased", "old");
  store.put("kept", "first item");
  const std::size_t bytes = store.changed_bytes();
  store.savepoint();
  store.put("kept", "second item");
  store.put("kept", "second item again");
  store.erase("erased");
  store.put("new", "second item");
  EXPECT_GT(store.changed_bytes(), bytes);
  store.rollback();
  EXPECT_EQ(content_of(store), (Content{{"erased", "old"}, {"kept", "first item"}}));
  EXPECT_EQ(changes_of(store), (Changes{{"kept", "first item"}}));
  EXPECT_EQ(store.changed_bytes(), bytes);
  store.apply();
  EXPECT_EQ(store.read("kept"), "first item");
  EXPECT_EQ(store.changed_bytes(), 0U);
}

TEST_P(Savepoint, a_rollback_takes_back_the_times_of_entries_too) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  store.restore("kept", "old", 1'000);
  store.put("fresh", "first item", 2'000);
  store.savepoint();
  store.put("kept", "second item", 3'000);
  store.put("fresh", "second item", 4'000);
  EXPECT_EQ(time_of(store, "kept"), 3'000);
  EXPECT_EQ(time_of(store, "fresh"), 4'000);
  store.rollback();
  EXPECT_EQ(time_of(store, "kept"), 1'000);
  EXPECT_EQ(time_of(store, "fresh"), 2'000);
  store.put("kept", "dropped", 5'000);
  store.drop();
  EXPECT_EQ(time_of(store, "kept"), 1'000);
  EXPECT_EQ(time_of(store, "fresh"), no_entry_time);
  store.put("kept", "applied", 6'000);
  store.apply();
  store.put("kept", "without a time");
  EXPECT_EQ(time_of(store, "kept"), no_entry_time);
  store.drop();
  EXPECT_EQ(time_of(store, "kept"), 6'000);
}

TEST_P(Savepoint, the_largest_change_is_of_what_came_since) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  store.savepoint();
  EXPECT_EQ(store.largest_change_bytes(), 0U);
  store.put("large", std::string(1000, 'v'));
  EXPECT_GE(store.largest_change_bytes(), 1000U);
  store.put("small", "v");
  EXPECT_GE(store.largest_change_bytes(), 1000U);
  store.savepoint();
  EXPECT_EQ(store.largest_change_bytes(), 0U);
  store.put("small", "w");
  EXPECT_GE(store.largest_change_bytes(), sizeof("small"));
  EXPECT_LT(store.largest_change_bytes(), 1000U);
  store.put("large", std::string(2000, 'v'));
  store.rollback();
  EXPECT_EQ(store.largest_change_bytes(), 0U);
}

// Any sequence of changes, savepoints, rollbacks, commits and refusals is that of a plain map.
TEST_P(Savepoint, stores_and_plain_maps_agree_whatever_happens) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    const auto made = make_store(GetParam());
    StagedStore& store = *made;
    Content committed;
    Content now;
    Content at_savepoint;
    store.savepoint();
    for (int step = 0; step < 400; ++step) {
      const std::string key = "key-" + std::to_string(random.below(12));
      switch (random.below(8)) {
        case 0:
          store.savepoint();
          at_savepoint = now;
          break;
        case 1:
          store.rollback();
          now = at_savepoint;
          break;
        case 2:
          store.apply();
          store.savepoint();
          committed = at_savepoint = now;
          break;
        case 3:
          store.drop();
          store.savepoint();
          now = at_savepoint = committed;
          break;
        case 4:
          store.erase(key);
          now.erase(key);
          break;
        default: {
          const std::string value(random.below(600), 'v');
          store.put(key, value);
          now.insert_or_assign(key, value);
        }
      }
      // A look-up of another key, which the store may remember.
      const std::string other = "key-" + std::to_string(random.below(12));
      const auto expected = now.find(other);
      ASSERT_EQ(store.get(other), expected == now.end()
                                      ? std::nullopt
                                      : std::optional<std::string_view>(expected->second))
          << "step " << step;
      ASSERT_EQ(content_of(store), now) << "step " << step;
      ASSERT_EQ(store.size(), committed.size()) << "step " << step;
      std::size_t least = 0;
      for (const auto& [changed, value] : changes_of(store))
        least += changed.size() + (value ? value->size() : 0);
      ASSERT_GE(store.changed_bytes(), least) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace millrace::stream
