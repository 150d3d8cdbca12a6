// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/overlay_store.hpp"

#include <algorithm>
#include <vector>

#include "change_size.hpp"
#include "millrace/base/assert.hpp"

namespace millrace::stream {

std::size_t OverlayStore::bytes_of(const std::string& key, const Pending& pending) {
  return change_overhead_bytes + key.size() + (pending.value ? pending.value->size() : 0);
}

OverlayStore::Overlay::iterator OverlayStore::begin_change(std::string_view key) {
  auto entry = overlay_.find(key);
  if (has_savepoint_ && !undo_.contains(key)) {
    undo_.emplace(key, entry == overlay_.end() ? std::nullopt : std::optional(entry->second));
  }
  if (entry == overlay_.end()) return overlay_.try_emplace(std::string(key)).first;
  changed_bytes_ -= bytes_of(entry->first, entry->second);
  return entry;
}

void OverlayStore::changed(Overlay::iterator entry) {
  const std::size_t bytes = bytes_of(entry->first, entry->second);
  changed_bytes_ += bytes;
  largest_change_bytes_ = std::max(largest_change_bytes_, bytes);
}

std::optional<std::string_view> OverlayStore::get(std::string_view key) const {
  const auto found = get_timed(key);
  return found ? std::optional(found->value) : std::nullopt;
}

std::optional<StagedStore::Timed> OverlayStore::get_timed(std::string_view key) const {
  if (const auto entry = overlay_.find(key); entry != overlay_.end()) {
    if (!entry->second.value) return std::nullopt;
    return Timed{*entry->second.value, entry->second.time_ms};
  }
  read_ = content_->get(key);
  if (!read_) return std::nullopt;
  return Timed{read_->value, read_->time_ms};
}

void OverlayStore::put(std::string_view key, std::string_view value, std::int64_t time_ms) {
  check_allowed();
  const auto entry = begin_change(key);
  entry->second.value = value;
  entry->second.time_ms = time_ms;
  entry->second.is_tombstone = false;
  changed(entry);
}

void OverlayStore::erase(std::string_view key) {
  check_allowed();
  const bool is_committed = content_->get(key).has_value();
  if (!is_committed && !overlay_.contains(key)) return;
  const auto entry = begin_change(key);
  entry->second = {std::nullopt, no_entry_time, is_committed};
  changed(entry);
}

std::optional<std::string> OverlayStore::last_key() const {
  std::optional<std::string> last = content_->last_key(std::nullopt);
  const auto is_erased = [this](const std::string& key) {
    const auto entry = overlay_.find(key);
    return entry != overlay_.end() && !entry->second.value;
  };
  while (last && is_erased(*last))
    last = content_->last_key(*last);
  const auto added = std::find_if(overlay_.rbegin(), overlay_.rend(),
                                  [](const auto& one) { return one.second.value.has_value(); });
  if (added != overlay_.rend() && (!last || added->first > *last)) last = added->first;
  return last;
}

void OverlayStore::range(std::string_view from, std::string_view to,
                         FunctionRef<bool(std::string_view, std::string_view)> visit) const {
  // Keys before this one were visited or passed over. What the visitor adds behind it is found too.
  std::string next(from);
  const auto visit_overlay = [&](std::optional<std::string_view> end) {
    while (true) {
      const auto entry = overlay_.lower_bound(next);
      if (entry == overlay_.end() || (!to.empty() && entry->first >= to) ||
          (end && entry->first >= *end))
        return true;
      next = entry->first + '\0';
      if (entry->second.value && !visit(entry->first, *entry->second.value)) return false;
    }
  };
  bool goes_on = true;
  content_->range(from, to, [&](std::string_view key, std::string_view value, std::int64_t) {
    goes_on = visit_overlay(key);
    if (!goes_on) return false;
    const auto entry = overlay_.find(key);
    next.assign(key).push_back('\0');
    if (entry == overlay_.end()) {
      goes_on = visit(key, value);
    } else if (entry->second.value) {
      goes_on = visit(key, *entry->second.value);
    }
    return goes_on;
  });
  if (goes_on) visit_overlay(std::nullopt);
}

void OverlayStore::changes(ChangeVisitor visit) const {
  for (const auto& [key, pending] : overlay_) {
    if (pending.value) {
      visit(key, *pending.value, pending.time_ms);
    } else if (pending.is_tombstone) {
      visit(key, std::nullopt, no_entry_time);
    }
  }
}

bool OverlayStore::dirty() const { return !overlay_.empty(); }

std::size_t OverlayStore::changed_bytes() const { return changed_bytes_; }

void OverlayStore::savepoint() {
  undo_.clear();
  has_savepoint_ = true;
  largest_change_bytes_ = 0;
  changed_bytes_at_savepoint_ = changed_bytes_;
}

void OverlayStore::rollback() {
  MILLRACE_ASSERT(has_savepoint_, "rollback() goes back to a savepoint");
  for (auto& [key, before] : undo_) {
    if (before) {
      overlay_[key] = std::move(*before);
    } else {
      overlay_.erase(key);
    }
  }
  undo_.clear();
  largest_change_bytes_ = 0;
  changed_bytes_ = changed_bytes_at_savepoint_;
}

std::size_t OverlayStore::largest_change_bytes() const { return largest_change_bytes_; }

void OverlayStore::changes_since_savepoint(
    FunctionRef<void(std::string_view, std::optional<std::string_view>)> visit) const {
  for (const auto& [key, before] : undo_) {
    const std::optional<std::string>& value = overlay_.find(key)->second.value;
    visit(key, value ? std::optional<std::string_view>(*value) : std::nullopt);
  }
}

void OverlayStore::apply() {
  std::vector<ByteStore::Change> written;
  changes([&](std::string_view key, std::optional<std::string_view> value, std::int64_t time_ms) {
    written.push_back({key, value, time_ms});
  });
  if (!written.empty()) content_->write(written);
  forget_overlay();
}

void OverlayStore::drop() { forget_overlay(); }

void OverlayStore::forget_overlay() {
  undo_.clear();
  has_savepoint_ = false;
  largest_change_bytes_ = 0;
  changed_bytes_ = 0;
  overlay_.clear();
}

void OverlayStore::restore(std::string_view key, std::optional<std::string_view> value,
                           std::int64_t time_ms) {
  MILLRACE_ASSERT(overlay_.empty(), "a store is restored between commits");
  const ByteStore::Change change{key, value, time_ms};
  content_->write({&change, 1});
}

void OverlayStore::clear() {
  forget_overlay();
  content_->clear();
}

std::optional<std::string> OverlayStore::read(std::string_view key) const {
  auto found = content_->get(key);
  if (!found) return std::nullopt;
  return std::move(found->value);
}

void OverlayStore::read_range(std::string_view from, std::string_view to,
                              FunctionRef<bool(std::string_view, std::string_view)> visit) const {
  content_->range(from, to, [&](std::string_view key, std::string_view value, std::int64_t) {
    return visit(key, value);
  });
}

void OverlayStore::read_all(
    FunctionRef<void(std::string_view, std::string_view, std::int64_t)> visit) const {
  content_->range({}, {}, [&](std::string_view key, std::string_view value, std::int64_t time_ms) {
    visit(key, value, time_ms);
    return true;
  });
}

std::size_t OverlayStore::size() const { return content_->size(); }

std::size_t OverlayStore::bytes() const { return content_->bytes(); }

}  // namespace millrace::stream
