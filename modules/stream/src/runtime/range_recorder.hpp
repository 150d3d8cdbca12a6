// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "runtime/input.hpp"
#include "runtime/input_ranges.hpp"

namespace millrace::stream::runtime {

/// Notes where a task took its inputs in another order than that of time, so that a rebuild takes
/// them in the same order: a record that has come too late for its place ends a range before it.
///
///     taken:   a@1 a@3 b@2 b@4        |: the range ends there, when b@2 comes after a@3
///     ranges:  a@1 a@3|b@2 b@4
///
/// What is in the order of time costs nothing. Replayed dead letters are not noted. One thread.
class RangeRecorder {
 public:
  /// `inputs` outlives it and does not change.
  RangeRecorder(const std::vector<Input>& inputs, log::TopicPartition partition);

  /// The inputs have begun at their positions. `taken`, by input: something was taken of it
  /// before, in an order that is not known here.
  void start(const std::vector<bool>& taken);
  /// The head of an input is about to be taken.
  void take(const Input& input);

  /// There is something to commit.
  [[nodiscard]] bool has_ranges() const { return !writer_.bytes().empty(); }
  /// A commit should follow before more is noted.
  [[nodiscard]] bool full() const { return writer_.bytes().size() >= first_bytes_ + full_bytes; }
  /// What stage() adds to a transaction, at most.
  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }
  void stage(log::Transaction& transaction, std::int64_t time_ms) const;
  void commit();
  void rewind();

 private:
  static constexpr std::size_t full_bytes = 512;
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  static constexpr OrderKey first{std::numeric_limits<std::int64_t>::min(), 0};
  static constexpr OrderKey last{std::numeric_limits<std::int64_t>::max(),
                                 std::numeric_limits<std::uint64_t>::max()};

  struct Seen {
    std::size_t input = none;  // of the record taken last
    OrderKey latest = first;   // of the range
  };

  void end_range();

  const std::vector<Input>* inputs_;
  log::TopicPartition partition_;
  InputRangesWriter writer_;
  std::size_t first_bytes_ = 0;  // of the first range, which comes with the names of the inputs
  std::size_t bytes_max_;
  Seen seen_;
  Seen committed_;
  std::vector<std::int64_t> end_;
};

}  // namespace millrace::stream::runtime
