// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "millrace/stream/plan.hpp"

namespace millrace::testkit {

/// What is done to the calls of a topology's operators. Outlives the topologies it is done to.
/// Shared by threads.
class Torment {
 public:
  /// `before_each` is called before each call and may take its time.
  Torment(std::uint64_t seed, std::uint32_t throwing_permille, std::function<void()> before_each)
      : seed_(seed), throwing_(throwing_permille), before_each_(std::move(before_each)) {}

  /// The same topology with every operator under this torment.
  [[nodiscard]] stream::Topology apply(const stream::Topology& topology) const;

  enum class Throws : std::uint8_t { never, before, after };
  /// Follows from the seed and what is passed alone.
  [[nodiscard]] Throws throws(std::string_view node, std::string_view correlation) const;
  void before_call() const {
    if (before_each_) before_each_();
  }

 private:
  std::uint64_t seed_;
  std::uint32_t throwing_;
  std::function<void()> before_each_;
};

}  // namespace millrace::testkit
