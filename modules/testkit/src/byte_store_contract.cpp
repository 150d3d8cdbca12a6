// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/byte_store_contract.hpp"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/base/random.hpp"
#include "millrace/testkit/event_writer.hpp"

namespace millrace::testkit {

namespace {

using stream::ByteStore;
using stream::no_entry_time;
using Change = ByteStore::Change;
using Model = std::map<std::string, std::pair<std::string, std::int64_t>>;
using Seen = std::vector<std::pair<std::string, std::pair<std::string, std::int64_t>>>;

void require(bool holds, const std::string& promise) {
  if (!holds) throw TestError("the store breaks a promise of ByteStore: " + promise);
}

Seen in_range(const ByteStore& store, std::string_view from, std::string_view to) {
  Seen seen;
  store.range(from, to, [&](std::string_view key, std::string_view value, std::int64_t time_ms) {
    seen.push_back({std::string(key), {std::string(value), time_ms}});
    return true;
  });
  return seen;
}

Seen in_range(const Model& model, const std::string& from, const std::string& to) {
  Seen seen;
  for (const auto& [key, entry] : model) {
    if (key >= from && (to.empty() || key < to)) seen.emplace_back(key, entry);
  }
  return seen;
}

std::optional<std::string> last_key(const Model& model, std::optional<std::string_view> before) {
  std::optional<std::string> last;
  for (const auto& [key, entry] : model) {
    if (!before || key < *before) last = key;
  }
  return last;
}

std::size_t bytes_of(const Model& model) {
  std::size_t bytes = 0;
  for (const auto& [key, entry] : model)
    bytes += key.size() + entry.first.size();
  return bytes;
}

/// Of bytes whose order as characters and as numbers differs, and of those that end texts.
std::string some_key(Random& random) {
  constexpr std::string_view letters("ab\0\xff", 4);
  std::string key;
  for (std::uint64_t left = random.below(4); left > 0; --left)
    key.push_back(letters[random.below(letters.size())]);
  return key;
}

void compare(const ByteStore& store, const Model& model, Random& random) {
  const std::string key = some_key(random);
  const auto expected = model.find(key);
  const auto found = store.get(key);
  require(found.has_value() == (expected != model.end()), "get() finds the keys that are there");
  if (found)
    require(found->value == expected->second.first && found->time_ms == expected->second.second,
            "get() returns the value and the event time that were written last");
  require(in_range(store, {}, {}) == in_range(model, {}, {}),
          "range() without ends visits all entries, in the order of their bytes");
  const std::string to = some_key(random);
  require(in_range(store, key, to) == in_range(model, key, to),
          "range() visits the keys from the first bound on and before the second one");
  require(store.last_key(std::nullopt) == last_key(model, std::nullopt),
          "last_key() returns the last key in the order of bytes");
  require(store.last_key(key) == last_key(model, key),
          "last_key() returns the last key before the one that is given");
  require(store.size() == model.size(), "size() counts the entries");
  require(store.bytes() == bytes_of(model), "bytes() counts the bytes of keys and values");
}

void check_against_a_map(ByteStore& store, std::uint64_t seed) {
  SeededRandom random(seed);
  Model model;
  compare(store, model, random);
  for (int step = 0; step < 200; ++step) {
    if (random.below(40) == 0) {
      store.clear();
      model.clear();
    }
    std::map<std::string, std::optional<std::string>> changed;
    for (std::uint64_t left = random.below(6); left > 0; --left) {
      std::optional<std::string> value;
      if (random.below(3) > 0) value = std::string(random.below(300), '\0');
      changed[some_key(random)] = std::move(value);
    }
    const std::int64_t time_ms = step % 5 == 0 ? no_entry_time : step;
    std::vector<Change> changes;
    for (const auto& [key, value] : changed) {
      changes.push_back({key, value, time_ms});
      if (value) {
        model[key] = {*value, time_ms};
      } else {
        model.erase(key);
      }
    }
    store.write(changes);
    compare(store, model, random);
  }
}

void check_visitors(ByteStore& store) {
  const std::vector<Change> changes{{"a", "1", 1}, {"b", "2", 2}, {"c", "3", 3}};
  store.write(changes);
  int visited = 0;
  store.range({}, {}, [&](std::string_view key, std::string_view, std::int64_t) {
    ++visited;
    require(store.get(key).has_value(), "a visitor may read the store: get()");
    store.range(key, {}, [&](std::string_view same, std::string_view, std::int64_t) {
      require(same == key, "a visitor may read the store: range()");
      return false;
    });
    return visited < 2;
  });
  require(visited == 2, "range() ends when the visitor returns false");
}

void check_readers(ByteStore& store) {
  const auto write = [&](const std::string& value) {
    const std::string middle = "m" + value;
    const std::vector<Change> changes{{"a", value, 0}, {middle, value, 0}, {"z", value, 0}};
    store.write(changes);
  };
  write("0");
  std::atomic<bool> done = false;
  std::atomic<int> looks = 0;
  std::atomic<int> torn = 0;
  std::thread reader([&] {
    while (!done) {
      const Seen seen = in_range(store, {}, {});
      if (seen.front().second.first != seen.back().second.first) ++torn;
      if (!store.get("a")) ++torn;
      ++looks;
    }
  });
  for (int i = 1; i < 300 || looks < 10; ++i)
    write(std::to_string(i));
  done = true;
  reader.join();
  require(torn == 0, "other threads see each write() as a whole or not at all");
}

}  // namespace

void check_byte_store(const std::function<std::unique_ptr<ByteStore>()>& make) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    check_against_a_map(*make(), seed);
  check_visitors(*make());
  check_readers(*make());
}

}  // namespace millrace::testkit
