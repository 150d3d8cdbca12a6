// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

namespace millrace::log::kafka {

/// What a cluster gives each topic, and never gives a second one (KIP-516). All zero: none.
struct TopicUuid {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  [[nodiscard]] bool is_none() const { return high == 0 && low == 0; }
  friend bool operator==(const TopicUuid&, const TopicUuid&) = default;
};

/// Whether what names a topic by `kept` is about another one than `now`; not when one is not known.
[[nodiscard]] inline bool is_of_another(const TopicUuid& kept, const TopicUuid& now) {
  return !kept.is_none() && !now.is_none() && kept != now;
}

}  // namespace millrace::log::kafka
