// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/late_reports.hpp"

#include <utility>

namespace millrace::stream::runtime {

namespace {
constexpr std::int64_t interval_ns = 60'000'000'000;
}  // namespace

std::optional<std::uint64_t> LateReports::add(StoreId store, std::int64_t now_ns) {
  const auto [found, is_first] = reported_.try_emplace(store, Reported{now_ns, 0});
  if (is_first) return 0;
  Reported& reported = found->second;
  if (now_ns - reported.at_ns < interval_ns) {
    ++reported.left_out;
    return std::nullopt;
  }
  reported.at_ns = now_ns;
  return std::exchange(reported.left_out, 0);
}

}  // namespace millrace::stream::runtime
