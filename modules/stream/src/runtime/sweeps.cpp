// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/sweeps.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"

namespace millrace::stream::runtime {

namespace {
// Of a part.
constexpr std::size_t keys_max = 1'000;
constexpr std::size_t key_bytes_max = 256U << 10U;
}  // namespace

void Sweeps::begin_turn(std::size_t max_work_items, bool input_waits) {
  punctuators_->begin_turn();
  visits_ = 0;
  visits_max_ = max_work_items;
  bytes_max_ = shared_->options.max_commit_bytes;
  input_waits_ = input_waits;
  if (!input_waits_) {
    input_comes_first_ = false;
    return;
  }
  visits_max_ = input_comes_first_ ? 0 : std::max<std::size_t>(1, max_work_items / 2);
  const std::size_t staged = shared_->staged_bytes();
  if (staged < bytes_max_) bytes_max_ = staged + (bytes_max_ - staged) / 2;
}

bool Sweeps::had_share() const {
  return visits_ >= visits_max_ || (visits_ > 0 && shared_->staged_bytes() >= bytes_max_);
}

void Sweeps::begin_part(Punctuators::Timer& timer, std::int64_t now_ms) {
  const StagedStore* const store = stores_->find(*timer.store);
  MILLRACE_ASSERT(store != nullptr, "a sweep walks a store that its node was connected to");
  const bool begins = !timer.now.sweeping;
  if (begins) {
    punctuators_->advance(timer, now_ms);
    punctuators_->begin_sweep(timer);
  }
  // A walk whose visits add entries in front of it ends all the same.
  if (begins || !timer.last_key) timer.last_key = store->last_key();
  punctuators_->end_part(timer);
  take_keys(timer, *store);
}

// The keys after the one visited last, no more than this turn can visit.
void Sweeps::take_keys(const Punctuators::Timer& timer, const StagedStore& store) {
  keys_.clear();
  next_ = 0;
  last_part_ = true;
  if (!timer.last_key) return;
  const std::size_t most = std::min(keys_max, visits_max_ - visits_);
  std::size_t bytes = 0;
  const std::string from = timer.now.swept ? *timer.now.swept + '\0' : std::string();
  store.range(from, *timer.last_key + '\0', [&](std::string_view key, std::string_view) {
    last_part_ = keys_.size() < most && bytes < key_bytes_max;
    if (!last_part_) return false;
    bytes += key.size();
    keys_.emplace_back(key);
    return true;
  });
}

const std::string* Sweeps::next_key(Punctuators::Timer& timer) {
  if (next_ < keys_.size()) return &keys_[next_];
  if (last_part_) punctuators_->end_sweep(timer);
  return nullptr;
}

void Sweeps::begin_visit(Punctuators::Timer& timer, bool records_processed) {
  ++visits_;
  input_comes_first_ = input_waits_ && !records_processed;
  punctuators_->visit(timer, keys_[next_]);
  ++next_;
}

}  // namespace millrace::stream::runtime
