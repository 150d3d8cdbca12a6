// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peers/input.hpp"

namespace millrace::bench {

/// What a topology must answer to an input, known without it: compares each output record with the
/// one that plain code computes. A difference ends the program with what was found and what was
/// expected. Not thread-safe.
class Expectation {
 public:
  /// Event time that one window of the windowed count takes.
  static constexpr std::int64_t window_ms = 60'000;

  /// `every_update`: each input record has an output of its own; else only the last of some.
  Expectation(const std::string& topology, InputSpec spec, bool every_update);

  /// Takes the next output of its key; returns how many inputs it answers that none answered
  /// before.
  std::int64_t take(std::string_view key, std::string_view value);
  /// The input that the output taken last belongs to. Only after index().
  [[nodiscard]] std::int64_t input_of_last() const;
  /// Prepares input_of_last(): costs memory and time in proportion to the input.
  void index();

  [[nodiscard]] std::int64_t answered() const { return answered_; }
  [[nodiscard]] bool complete() const { return answered_ == input_.spec().records; }
  /// After the last output: ends the program unless the records, each in its place among those of
  /// its key, are the expected ones.
  void finish();

 private:
  enum class Kind : std::uint8_t { count, windowed, join, move };

  [[nodiscard]] std::size_t slot_of_input(std::int64_t index) const;
  [[nodiscard]] std::size_t slot_of_output(std::string_view key) const;
  std::int64_t take_count(std::size_t slot, std::string_view key, std::string_view value);
  std::int64_t take_text(std::size_t slot, std::string_view value);
  [[nodiscard]] std::string_view expected_text(std::int64_t index);
  [[nodiscard]] static std::uint64_t mark(std::size_t slot, std::uint32_t ordinal,
                                          std::string_view value);

  Input input_;
  Kind kind_;
  bool every_update_;
  std::vector<std::uint32_t> seen_;    ///< by slot: outputs taken, or the last count
  std::vector<std::uint32_t> starts_;  ///< by slot: where its inputs begin in inputs_by_slot_
  std::vector<std::uint32_t> inputs_by_slot_;
  std::size_t last_slot_ = 0;
  std::int64_t answered_ = 0;
  std::uint64_t digest_ = 0;
  std::string text_;
};

}  // namespace millrace::bench
