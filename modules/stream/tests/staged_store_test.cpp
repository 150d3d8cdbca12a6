// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "staged_stores.hpp"

namespace millrace::stream {
namespace {

using test::make_store;

class StagedStores : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Of, StagedStores, testing::Values("memory", "overlay"),
                         [](const auto& store) { return std::string(store.param); });

using Entries = std::vector<std::pair<std::string, std::string>>;

Entries in_range(const StagedStore& store, std::string_view from, std::string_view to) {
  Entries entries;
  store.range(from, to, [&](std::string_view key, std::string_view value) {
    entries.emplace_back(key, value);
    return true;
  });
  return entries;
}

Entries committed(const StagedStore& store) {
  Entries entries;
  store.read_range({}, {}, [&](std::string_view key, std::string_view value) {
    entries.emplace_back(key, value);
    return true;
  });
  return entries;
}

using Changes = std::vector<std::pair<std::string, std::optional<std::string>>>;

Changes changes_of(const StagedStore& store) {
  Changes changes;
  store.changes([&](std::string_view key, std::optional<std::string_view> value, std::int64_t) {
    changes.emplace_back(key, value ? std::optional<std::string>(*value) : std::nullopt);
  });
  return changes;
}

TEST_P(StagedStores, the_task_reads_its_writes_and_others_only_what_is_committed) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  store.put("a", "1");
  EXPECT_EQ(store.get("a"), "1");
  EXPECT_EQ(store.read("a"), std::nullopt);
  EXPECT_TRUE(store.dirty());
  store.apply();
  EXPECT_FALSE(store.dirty());
  EXPECT_EQ(store.read("a"), "1");
  store.put("a", "2");
  store.put("b", "3");
  EXPECT_EQ(in_range(store, {}, {}), (Entries{{"a", "2"}, {"b", "3"}}));
  EXPECT_EQ(committed(store), (Entries{{"a", "1"}}));
}

TEST_P(StagedStores, a_refused_commit_leaves_nothing_behind) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  store.put("kept", "1");
  store.apply();
  store.put("kept", "2");
  store.put("new", "3");
  store.erase("kept");
  store.drop();
  EXPECT_FALSE(store.dirty());
  EXPECT_EQ(store.get("kept"), "1");
  EXPECT_EQ(store.get("new"), std::nullopt);
  EXPECT_TRUE(changes_of(store).empty());
  EXPECT_EQ(in_range(store, {}, {}), (Entries{{"kept", "1"}}));
}

TEST_P(StagedStores, changes_come_once_per_key_and_in_byte_order) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  store.put("gone", "0");
  store.apply();
  store.put("b", "1");
  store.put("a", "2");
  store.put("b", "3");
  store.erase("gone");
  store.erase("never there");
  store.put("passing", "4");
  store.erase("passing");
  EXPECT_EQ(changes_of(store), (Changes{{"a", "2"}, {"b", "3"}, {"gone", std::nullopt}}));
}

TEST_P(StagedStores, changes_come_in_byte_order_however_alike_the_keys_are) {
  const std::vector<std::string> alike = {"order-",
                                          std::string("order-\0", 7),
                                          std::string("order-\0\0", 8),
                                          "order-1",
                                          "order-10",
                                          "order-100000000",
                                          "order-100000001",
                                          "order-1000000010",
                                          "order-2",
                                          "order-a",
                                          "order-\xff"};
  const std::vector<std::string> unlike = {
      "", std::string("\0", 1), "a", "a-long-key-1", "a-long-key-2", "\xff\xff"};
  for (const std::vector<std::string>& sorted : {alike, unlike}) {
    const auto made = make_store(GetParam());
    StagedStore& store = *made;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      store.put(sorted[i * 7 % sorted.size()], "v");
    }
    std::vector<std::string> visited;
    store.changes([&](std::string_view key, std::optional<std::string_view>, std::int64_t) {
      visited.emplace_back(key);
    });
    EXPECT_EQ(visited, sorted);
  }
}

TEST_P(StagedStores, a_range_ends_when_the_visitor_has_enough) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  for (const char* key : {"a", "b", "c"})
    store.put(key, "x");
  std::string seen;
  store.range("b", {}, [&](std::string_view key, std::string_view) {
    seen += key;
    return false;
  });
  EXPECT_EQ(seen, "b");
  EXPECT_EQ(in_range(store, "a", "c"), (Entries{{"a", "x"}, {"b", "x"}}));
}

TEST_P(StagedStores, counts_the_bytes_and_entries_that_it_holds) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  store.restore("key", "value");
  store.put("k", "v");
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(store.bytes(), 8U);
  store.put("key", "longer value");
  store.apply();
  EXPECT_EQ(store.size(), 2U);
  EXPECT_EQ(store.bytes(), 17U);
  store.erase("key");
  store.apply();
  store.restore("k", std::nullopt);
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.bytes(), 0U);
}

TEST_P(StagedStores, is_empty_after_clearing_and_can_be_filled_again) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  store.restore("a", "1");
  EXPECT_EQ(committed(store).size(), 1U);
  store.put("b", "2");
  store.clear();
  EXPECT_FALSE(store.dirty());
  EXPECT_TRUE(in_range(store, {}, {}).empty());
  store.restore("c", "3");
  EXPECT_EQ(committed(store), (Entries{{"c", "3"}}));
}

TEST_P(StagedStores, readers_see_whole_commits_while_the_task_continues) {
  const auto made = make_store(GetParam());
  StagedStore& store = *made;
  store.restore("a", "0");
  store.restore("b", "0");
  std::atomic<bool> done = false;
  std::atomic<int> looks = 0;
  int torn = 0;
  std::thread reader([&] {
    while (!done) {
      const Entries entries = committed(store);
      if (entries[0].second != entries[1].second) ++torn;
      if (store.read("a")->empty()) ++torn;
      ++looks;
    }
  });
  for (int i = 1; i < 1000 || looks < 10; ++i) {
    const std::string value = std::to_string(i);
    store.put("a", value);
    store.put("b", value);
    store.put("c" + value, value);
    static_cast<void>(in_range(store, "b", "c"));
    i % 3 == 0 ? store.drop() : store.apply();
  }
  done = true;
  reader.join();
  EXPECT_EQ(torn, 0);
}

using Model = std::map<std::string, std::string>;

Entries in_range(const Model& model, const std::string& from, const std::string& to) {
  const auto end = to.empty() ? model.end() : model.lower_bound(to);
  Entries entries;
  for (auto it = model.lower_bound(from); it != model.end() && (to.empty() || it->first < to);
       ++it) {
    if (it == end) break;
    entries.emplace_back(*it);
  }
  return entries;
}

std::string some_key() {
  return *rc::gen::resize(
      3, rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab\0\xff", 4))));
}

Changes difference(const Model& committed_model, const Model& current,
                   const std::map<std::string, int>& touched) {
  Changes changes;
  for (const auto& [key, ignored] : touched) {
    if (const auto now = current.find(key); now != current.end()) {
      changes.emplace_back(key, now->second);
    } else if (committed_model.contains(key)) {
      changes.emplace_back(key, std::nullopt);
    }
  }
  return changes;
}

RC_GTEST_PROP(StagedStore, behaves_like_an_ordered_map_with_commits, ()) {
  const auto made = make_store(*rc::gen::element("memory", "overlay"));
  StagedStore& store = *made;
  Model base;
  Model now;
  std::map<std::string, int> touched;
  const int steps = *rc::gen::inRange(0, 60);
  for (int step = 0; step < steps; ++step) {
    const std::string key = some_key();
    switch (*rc::gen::inRange(0, 9)) {
      case 0:
      case 1:
      case 2: {
        const std::string value = *rc::gen::resize(4, rc::gen::arbitrary<std::string>());
        store.put(key, value);
        now[key] = value;
        touched[key] = 1;
        break;
      }
      case 3:
        store.erase(key);
        if (now.erase(key) > 0) touched[key] = 1;
        break;
      case 4:
        store.apply();
        base = now;
        touched.clear();
        break;
      case 5:
        store.drop();
        now = base;
        touched.clear();
        break;
      case 6: {
        if (store.dirty()) break;
        const bool present = *rc::gen::arbitrary<bool>();
        store.restore(key, present ? std::optional<std::string_view>("restored") : std::nullopt);
        if (present) {
          now[key] = "restored";
        } else {
          now.erase(key);
        }
        base = now;
        break;
      }
      case 7: {
        const std::string to = some_key();
        RC_ASSERT(in_range(store, key, to) == in_range(now, key, to));
        break;
      }
      default:
        RC_ASSERT(committed(store) == Entries(base.begin(), base.end()));
    }
    const auto expected = now.find(key);
    RC_ASSERT(store.get(key).has_value() == (expected != now.end()));
    if (expected != now.end()) RC_ASSERT(*store.get(key) == expected->second);
    RC_ASSERT(changes_of(store) == difference(base, now, touched));
    RC_ASSERT(store.size() == base.size());
  }
  std::size_t bytes = 0;
  for (const auto& [key, value] : base)
    bytes += key.size() + value.size();
  RC_ASSERT(store.bytes() == bytes);
}

}  // namespace
}  // namespace millrace::stream
