// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/memory_store.hpp"

#include <algorithm>
#include <atomic>
#include <boost/unordered/unordered_map.hpp>
#include <map>
#include <utility>
#include <vector>

#include "change_size.hpp"
#include "key_order.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/base/mutex.hpp"

namespace millrace::stream {

namespace {

enum class Change : std::uint8_t { none, put, erased };

// The overlay lives beside the content: a key that is overwritten again and again swaps two buffers
// and allocates nothing. Other threads read `value` alone, and only under the lock.
struct Entry {
  std::string value;
  std::string pending;
  // Event times of the two.
  std::int64_t value_time_ms = no_entry_time;
  std::int64_t pending_time_ms = no_entry_time;
  Change change = Change::none;
  bool committed = false;
  // Where it is in the undo list, if that item is of this entry.
  std::uint32_t undo_index = 0;
};

struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const noexcept {
    return std::hash<std::string_view>{}(key);
  }
};

using Entries = boost::unordered_map<std::string, Entry, KeyHash, std::equal_to<>>;
using Item = Entries::value_type;
using Index = std::map<std::string_view, Item*>;

// A buffer kept for the next overwrite; larger ones go back, or a store would hold everything
// twice.
constexpr std::size_t spare_bytes_max = 256;

// Undo bytes of a work item of unusual size are given back.
constexpr std::size_t kept_undo_bytes_max = 1U << 20U;

bool before(std::string_view key, std::string_view to) { return to.empty() || key < to; }

}  // namespace

// The task's thread alone changes anything but the index's first making. What readers see
// (`content`'s structure, committed values, `index`) it changes under the exclusive lock, and reads
// without.
struct MemoryStore::State {
  mutable SharedMutex mutex;
  Entries content;
  Index index;  // of content, once somebody asked for a range
  std::atomic<bool> indexed = false;
  std::size_t bytes = 0;

  Entries fresh;  // keys that the content does not have yet
  Index fresh_index;
  bool fresh_indexed = false;
  std::vector<Item*> changed;
  KeyOrder<Item> order;
  std::size_t changed_bytes = 0;
  // Found last: a key that is read is often written next.
  Item* last_found = nullptr;

  // How the keys touched since the savepoint were before.
  struct Undo {
    Item* item;
    Change change;
    bool created;  // in fresh
    std::size_t begin;
    std::size_t size;
    std::int64_t time_ms;
  };
  bool has_savepoint = false;
  std::vector<Undo> undo;
  std::string undo_bytes;  // their pending values
  std::size_t changed_at_savepoint = 0;
  std::size_t changed_bytes_at_savepoint = 0;
  std::size_t largest_change_bytes = 0;  // since the savepoint

  void build_index() {
    if (indexed.load(std::memory_order_acquire)) return;
    const UniqueLock lock(mutex);
    if (indexed.load(std::memory_order_relaxed)) return;
    for (Item& item : content)
      index.emplace(item.first, &item);
    indexed.store(true, std::memory_order_release);
  }

  void build_fresh_index() {
    if (fresh_indexed) return;
    for (Item& item : fresh)
      fresh_index.emplace(item.first, &item);
    fresh_indexed = true;
  }

  [[nodiscard]] Item* find(std::string_view key) {
    if (last_found != nullptr && last_found->first == key) {
      return last_found;
    }
    if (const auto it = content.find(key); it != content.end()) return last_found = &*it;
    if (fresh.empty()) return nullptr;
    const auto it = fresh.find(key);
    return it == fresh.end() ? nullptr : last_found = &*it;
  }

  static std::size_t bytes_of_change(const Item& item) {
    const Entry& entry = item.second;
    if (entry.change == Change::none) return 0;
    const std::size_t value = entry.change == Change::put ? entry.pending.size() : 0;
    return change_overhead_bytes + item.first.size() + value;
  }

  // Before the item is changed.
  void save(Item& item, bool created) {
    changed_bytes -= bytes_of_change(item);
    Entry& entry = item.second;
    const bool saved = entry.undo_index < undo.size() && undo[entry.undo_index].item == &item;
    if (saved || !has_savepoint) {
      return;
    }
    entry.undo_index = static_cast<std::uint32_t>(undo.size());
    const std::size_t size = entry.change == Change::put ? entry.pending.size() : 0;
    undo.push_back({&item, entry.change, created, undo_bytes.size(), size, entry.pending_time_ms});
    if (size > 0) {
      undo_bytes.append(entry.pending);
    }
  }

  // After its pending value was.
  void mark(Item& item, Change change) {
    if (item.second.change == Change::none) changed.push_back(&item);
    item.second.change = change;
    const std::size_t taken = bytes_of_change(item);
    changed_bytes += taken;
    largest_change_bytes = std::max(largest_change_bytes, taken);
  }

  // Entries need no visit: an index of theirs in a list that was emptied does not count.
  void forget_undo() {
    undo.clear();
    undo_bytes.clear();
    largest_change_bytes = 0;
    if (undo_bytes.capacity() > kept_undo_bytes_max) std::string().swap(undo_bytes);
  }

  void set_savepoint() {
    forget_undo();
    has_savepoint = true;
    changed_at_savepoint = changed.size();
    changed_bytes_at_savepoint = changed_bytes;
  }

  void take_back(const Undo& one) {
    Entry& entry = one.item->second;
    entry.change = one.change;
    entry.pending_time_ms = one.time_ms;
    if (one.change == Change::put) {
      entry.pending.assign(undo_bytes, one.begin, one.size);
    } else if (entry.pending.capacity() > spare_bytes_max) {
      std::string().swap(entry.pending);
    }
    if (!one.created) return;
    if (fresh_indexed) fresh_index.erase(one.item->first);
    fresh.erase(fresh.find(one.item->first));
  }

  void end_savepoint() {
    forget_undo();
    has_savepoint = false;
  }

  void apply_to_content(Item& item) {
    Entry& entry = item.second;
    if (entry.change == Change::erased) {
      bytes -= item.first.size() + entry.value.size();
      if (indexed.load(std::memory_order_relaxed)) index.erase(item.first);
      content.erase(content.find(item.first));
      return;
    }
    bytes += entry.pending.size();
    bytes -= entry.value.size();
    entry.value.swap(entry.pending);
    entry.value_time_ms = entry.pending_time_ms;
    if (entry.pending.capacity() > spare_bytes_max) std::string().swap(entry.pending);
    entry.change = Change::none;
  }

  void apply_fresh(Item& item) {
    auto node = fresh.extract(fresh.find(item.first));
    Entry& entry = item.second;
    if (entry.change == Change::erased) return;
    entry.value = std::move(entry.pending);
    entry.value_time_ms = entry.pending_time_ms;
    entry.pending = {};
    entry.change = Change::none;
    entry.committed = true;
    bytes += item.first.size() + entry.value.size();
    const auto inserted = content.insert(std::move(node));
    if (indexed.load(std::memory_order_relaxed)) {
      index.emplace(inserted.position->first, &*inserted.position);
    }
  }

  void forget_overlay() {
    last_found = nullptr;
    changed.clear();
    changed_bytes = 0;
    if (!fresh.empty()) fresh.clear();  // clearing walks all buckets
    fresh_index.clear();
  }
};

MemoryStore::MemoryStore() : state_(std::make_unique<State>()) {}
MemoryStore::~MemoryStore() = default;

std::optional<std::string_view> MemoryStore::get(std::string_view key) const {
  const auto found = get_timed(key);
  return found ? std::optional(found->value) : std::nullopt;
}

std::optional<StagedStore::Timed> MemoryStore::get_timed(std::string_view key) const {
  const Item* item = state_->find(key);
  if (item == nullptr || item->second.change == Change::erased) return std::nullopt;
  const Entry& entry = item->second;
  if (entry.change == Change::put) return Timed{entry.pending, entry.pending_time_ms};
  return Timed{entry.value, entry.value_time_ms};
}

void MemoryStore::put(std::string_view key, std::string_view value, std::int64_t time_ms) {
  State& state = *state_;
  check_allowed();
  Item* item = state.find(key);
  const bool created = item == nullptr;
  if (created) {
    item = &*state.fresh.try_emplace(std::string(key)).first;
    if (state.fresh_indexed) state.fresh_index.emplace(item->first, item);
  }
  state.save(*item, created);
  item->second.pending.assign(value);
  item->second.pending_time_ms = time_ms;
  state.mark(*item, Change::put);
}

void MemoryStore::erase(std::string_view key) {
  State& state = *state_;
  check_allowed();
  Item* const item = state.find(key);
  if (item == nullptr) return;
  state.save(*item, false);
  state.mark(*item, Change::erased);
}

std::optional<std::string> MemoryStore::last_key() const {
  State& state = *state_;
  state.build_index();
  state.build_fresh_index();
  std::optional<std::string> last;
  for (const Index* index : {&state.index, &state.fresh_index}) {
    const auto found = std::find_if(index->rbegin(), index->rend(), [](const auto& one) {
      return one.second->second.change != Change::erased;
    });
    if (found != index->rend() && (!last || found->first > *last)) last = found->first;
  }
  return last;
}

void MemoryStore::range(std::string_view from, std::string_view to,
                        FunctionRef<bool(std::string_view, std::string_view)> visit) const {
  State& state = *state_;
  state.build_index();
  state.build_fresh_index();
  auto old = state.index.lower_bound(from);
  auto fresh = state.fresh_index.lower_bound(from);
  for (;;) {
    const bool has_old = old != state.index.end() && before(old->first, to);
    const bool has_fresh = fresh != state.fresh_index.end() && before(fresh->first, to);
    if (!has_old && !has_fresh) return;
    const bool take_old = has_old && (!has_fresh || old->first < fresh->first);
    const Item& item = take_old ? *(old++)->second : *(fresh++)->second;
    const Entry& entry = item.second;
    if (entry.change == Change::erased) continue;
    const std::size_t fresh_keys = state.fresh_index.size();
    if (!visit(item.first, entry.change == Change::put ? entry.pending : entry.value)) return;
    // A key that the visitor added may lie between here and the next fresh one.
    if (state.fresh_index.size() != fresh_keys) fresh = state.fresh_index.upper_bound(item.first);
  }
}

void MemoryStore::changes(ChangeVisitor visit) const {
  // `changed` stays in the order of the changes, by which a rollback cuts it.
  for (const auto& one : state_->order.sort(state_->changed)) {
    const Entry& entry = one.item->second;
    if (entry.change == Change::put) {
      visit(one.item->first, entry.pending, entry.pending_time_ms);
    } else if (entry.committed) {
      visit(one.item->first, std::nullopt, no_entry_time);
    }
  }
}

bool MemoryStore::dirty() const { return !state_->changed.empty(); }

std::size_t MemoryStore::changed_bytes() const { return state_->changed_bytes; }

void MemoryStore::savepoint() { state_->set_savepoint(); }

void MemoryStore::rollback() {
  State& state = *state_;
  MILLRACE_ASSERT(state.has_savepoint, "rollback() goes back to a savepoint");
  state.last_found = nullptr;
  // The last one first: `changed` grew in the same order.
  state.changed.resize(state.changed_at_savepoint);
  for (auto one = state.undo.rbegin(); one != state.undo.rend(); ++one)
    state.take_back(*one);
  state.forget_undo();
  state.changed_bytes = state.changed_bytes_at_savepoint;
}

std::size_t MemoryStore::largest_change_bytes() const { return state_->largest_change_bytes; }

void MemoryStore::changes_since_savepoint(
    FunctionRef<void(std::string_view, std::optional<std::string_view>)> visit) const {
  for (const State::Undo& one : state_->undo) {
    const Entry& entry = one.item->second;
    if (entry.change == Change::put) {
      visit(one.item->first, entry.pending);
    } else {
      visit(one.item->first, std::nullopt);
    }
  }
}

void MemoryStore::apply() {
  State& state = *state_;
  state.end_savepoint();
  if (state.changed.empty()) return;
  const UniqueLock lock(state.mutex);
  for (Item* item : state.changed) {
    if (item->second.committed) {
      state.apply_to_content(*item);
    } else {
      state.apply_fresh(*item);
    }
  }
  state.forget_overlay();
}

void MemoryStore::drop() {
  state_->end_savepoint();
  for (Item* item : state_->changed)
    item->second.change = Change::none;
  state_->forget_overlay();
}

void MemoryStore::restore(std::string_view key, std::optional<std::string_view> value,
                          std::int64_t time_ms) {
  State& state = *state_;
  MILLRACE_ASSERT(state.changed.empty(), "a store is restored between commits");
  const UniqueLock lock(state.mutex);
  state.last_found = nullptr;
  const auto found = state.content.find(key);
  const bool indexed = state.indexed.load(std::memory_order_relaxed);
  if (!value) {
    if (found == state.content.end()) return;
    state.bytes -= found->first.size() + found->second.value.size();
    if (indexed) state.index.erase(found->first);
    state.content.erase(found);
    return;
  }
  if (found != state.content.end()) {
    state.bytes += value->size();
    state.bytes -= found->second.value.size();
    found->second.value.assign(*value);
    found->second.value_time_ms = time_ms;
    return;
  }
  Item& item = *state.content.try_emplace(std::string(key)).first;
  item.second.value.assign(*value);
  item.second.value_time_ms = time_ms;
  item.second.committed = true;
  state.bytes += key.size() + value->size();
  if (indexed) state.index.emplace(item.first, &item);
}

void MemoryStore::clear() {
  State& state = *state_;
  const UniqueLock lock(state.mutex);
  state.end_savepoint();
  state.forget_overlay();
  state.index.clear();
  state.content.clear();
  state.bytes = 0;
}

std::optional<std::string> MemoryStore::read(std::string_view key) const {
  const SharedLock lock(state_->mutex);
  const auto found = state_->content.find(key);
  if (found == state_->content.end()) return std::nullopt;
  return found->second.value;
}

void MemoryStore::read_range(std::string_view from, std::string_view to,
                             FunctionRef<bool(std::string_view, std::string_view)> visit) const {
  state_->build_index();
  const SharedLock lock(state_->mutex);
  for (auto it = state_->index.lower_bound(from); it != state_->index.end(); ++it) {
    if (!before(it->first, to) || !visit(it->first, it->second->second.value)) return;
  }
}

void MemoryStore::read_all(
    FunctionRef<void(std::string_view, std::string_view, std::int64_t)> visit) const {
  state_->build_index();
  const SharedLock lock(state_->mutex);
  for (const auto& [key, item] : state_->index)
    visit(key, item->second.value, item->second.value_time_ms);
}

std::size_t MemoryStore::size() const {
  const SharedLock lock(state_->mutex);
  return state_->content.size();
}

std::size_t MemoryStore::bytes() const {
  const SharedLock lock(state_->mutex);
  return state_->bytes;
}

}  // namespace millrace::stream
