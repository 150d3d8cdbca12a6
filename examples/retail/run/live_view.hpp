// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/service/supervisor.hpp"
#include "retail/feed/feed.hpp"

namespace retail {

/// Shows how a run goes: repainted in place on a terminal, now and then as a plain line elsewhere.
/// One thread.
class LiveView {
 public:
  /// `terminal`: whether standard output is one. `now_ns` as Clock::monotonic_ns.
  LiveView(bool terminal, std::string storefront_url, std::int64_t now_ns);

  /// Draws when it is time to.
  void show(const FeedProgress& feed, std::int64_t final_requests,
            const std::vector<millrace::service::ChildStatus>& services, std::int64_t kills,
            std::int64_t now_ns);
  /// Leaves the last picture standing, so that what is printed next comes below it.
  void finish();

 private:
  [[nodiscard]] std::string bar(const FeedProgress& feed) const;
  [[nodiscard]] std::string picture(const FeedProgress& feed, std::int64_t final_requests,
                                    const std::vector<millrace::service::ChildStatus>& services,
                                    std::int64_t kills) const;
  const bool terminal_;
  const std::string storefront_url_;
  std::int64_t shown_ns_;
  std::size_t shown_answered_ = 0;
  double rate_ = 0;
  int painted_lines_ = 0;
};

}  // namespace retail
