// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "peers/expectation.hpp"

#include <charconv>

#include "millrace/base/hash.hpp"
#include "support/arguments.hpp"

namespace millrace::bench {
namespace {

[[noreturn]] void differ(std::string_view key, std::string_view value,
                         const std::string& expected) {
  give_up("the answer differs: '" + std::string(key) + "' has '" + std::string(value) +
          "', expected " + expected);
}

}  // namespace

Expectation::Expectation(const std::string& topology, InputSpec spec, bool every_update)
    : input_(spec), kind_(Kind::count), every_update_(every_update) {
  std::size_t slots = spec.keys;
  if (topology == "windowed") {
    kind_ = Kind::windowed;
    slots *= static_cast<std::size_t>(spec.records / window_ms) + 1;
  } else if (topology == "join") {
    kind_ = Kind::join;
  } else if (topology == "move") {
    kind_ = Kind::move;
  } else if (topology != "count") {
    give_up("topologies are count, windowed, join and move, not " + topology);
  }
  if (spec.base_ms % window_ms != 0) give_up("base_ms is not the begin of a window");
  seen_.resize(slots);
}

std::size_t Expectation::slot_of_input(std::int64_t index) const {
  const std::uint64_t number = input_.key_number(index);
  if (kind_ != Kind::windowed) return number;
  return static_cast<std::size_t>(index / window_ms) * input_.spec().keys + number;
}

std::size_t Expectation::slot_of_output(std::string_view key) const {
  std::int64_t window = 0;
  if (kind_ == Kind::windowed && key.size() > key_bytes && key[key_bytes] == '@') {
    std::int64_t start = 0;
    std::from_chars(key.data() + key_bytes + 1, key.data() + key.size(), start);
    window = (start - input_.spec().base_ms) / window_ms;
  }
  const std::uint64_t number =
      input_.number_of(kind_ == Kind::windowed ? key.substr(0, key_bytes) : key);
  const std::size_t slot = static_cast<std::size_t>(window) * input_.spec().keys + number;
  if (number >= input_.spec().keys || window < 0 || slot >= seen_.size())
    differ(key, "", "another key");
  return slot;
}

std::int64_t Expectation::take(std::string_view key, std::string_view value) {
  last_slot_ = slot_of_output(key);
  const bool counts = kind_ == Kind::count || kind_ == Kind::windowed;
  const std::int64_t more =
      counts ? take_count(last_slot_, key, value) : take_text(last_slot_, value);
  answered_ += more;
  if (answered_ > input_.spec().records) differ(key, value, "no further record");
  return more;
}

std::int64_t Expectation::take_count(std::size_t slot, std::string_view key,
                                     std::string_view value) {
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
  const std::uint32_t before = seen_[slot];
  if (error != std::errc() || end != value.data() + value.size() || count <= before ||
      (every_update_ && count != before + 1))
    differ(key, value, (every_update_ ? "" : "at least ") + std::to_string(before + 1));
  seen_[slot] = count;
  return count - before;
}

std::int64_t Expectation::take_text(std::size_t slot, std::string_view value) {
  digest_ += mark(slot, seen_[slot]++, value);
  return 1;
}

std::uint64_t Expectation::mark(std::size_t slot, std::uint32_t ordinal, std::string_view value) {
  return xxh64(value, (static_cast<std::uint64_t>(slot) << 32U) + ordinal);
}

std::string_view Expectation::expected_text(std::int64_t index) {
  if (kind_ == Kind::move) return input_.value(index);
  // Both are JSON strings: the joined one is the table's text, then the stream's.
  text_.assign(input_.table_value(input_.key_number(index)));
  text_.pop_back();
  text_ += input_.value(index).substr(1);
  return text_;
}

void Expectation::finish() {
  if (!complete())
    give_up("the answer differs: " + std::to_string(answered_) + " of " +
            std::to_string(input_.spec().records) + " inputs were answered");
  std::vector<std::uint32_t> expected(seen_.size());
  std::uint64_t digest = 0;
  for (std::int64_t i = 0; i < input_.spec().records; ++i) {
    const std::size_t slot = slot_of_input(i);
    const std::uint32_t ordinal = expected[slot]++;
    if (kind_ == Kind::join || kind_ == Kind::move) digest += mark(slot, ordinal, expected_text(i));
  }
  if (expected != seen_) give_up("the answer differs: the counts of some keys are wrong");
  if (digest != digest_)
    give_up("the answer differs: some values are wrong, or out of their order");
}

void Expectation::index() {
  starts_.assign(seen_.size() + 1, 0);
  for (std::int64_t i = 0; i < input_.spec().records; ++i)
    starts_[slot_of_input(i) + 1] += 1;
  for (std::size_t slot = 0; slot < seen_.size(); ++slot)
    starts_[slot + 1] += starts_[slot];
  std::vector<std::uint32_t> next(starts_.begin(), starts_.end() - 1);
  inputs_by_slot_.resize(static_cast<std::size_t>(input_.spec().records));
  for (std::int64_t i = 0; i < input_.spec().records; ++i)
    inputs_by_slot_[next[slot_of_input(i)]++] = static_cast<std::uint32_t>(i);
}

std::int64_t Expectation::input_of_last() const {
  return inputs_by_slot_[starts_[last_slot_] + seen_[last_slot_] - 1];
}

}  // namespace millrace::bench
