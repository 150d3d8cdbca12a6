// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace retail {

/// All latencies of a run, for exact percentiles. Not thread-safe.
class Latencies {
 public:
  void add_us(std::int64_t us) { all_.push_back(us); }
  /// The smallest latency that `share` (0 to 1) of all do not exceed; 0 when there are none.
  [[nodiscard]] std::int64_t percentile_us(double share) const {
    if (all_.empty()) return 0;
    std::vector<std::int64_t> sorted = all_;
    const auto rank =
        static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5);
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(rank),
                     sorted.end());
    return sorted[rank];
  }

 private:
  std::vector<std::int64_t> all_;
};

}  // namespace retail
