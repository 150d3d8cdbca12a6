// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "millrace/stream/node.hpp"

namespace millrace::stream::runtime {

/// Bounds what is reported of late records: of each operator the first one, then at most one a
/// minute. One thread.
class LateReports {
 public:
  /// Another record is late for the operator that keeps `store`. When it is to be reported: how
  /// many were not since the last report; else no value.
  [[nodiscard]] std::optional<std::uint64_t> add(StoreId store, std::int64_t now_ns);

 private:
  struct Reported {
    std::int64_t at_ns = 0;
    std::uint64_t left_out = 0;  // since then
  };
  std::map<StoreId, Reported> reported_;
};

}  // namespace millrace::stream::runtime
