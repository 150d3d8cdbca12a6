// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"

namespace retail {

/// A request to be sent.
struct FeedItem {
  std::string target;  ///< `/orders`, ...
  std::string body;
  bool is_order = false;  ///< its latency counts
};

/// Makes request number `index`; called from the feed's thread, again when a request is sent again.
using FeedSource = std::function<FeedItem(std::size_t index)>;

struct FeedOptions {
  /// Of the instances of the storefront: each gets the next request. One that is sent again goes to
  /// the next one too.
  std::vector<std::string> urls = {};
  std::size_t in_flight = 64;  ///< closed loop: requests at once
  double rate = 0;             ///< open loop: requests per second, answered or not; 0: closed loop
  std::size_t total = 0;       ///< requests there are
  std::size_t first = 0;       ///< where it starts: so many were answered before
  /// Called from the feed's thread about every second, and at the end, with the number of requests
  /// that were all answered, so that the next feed can start there. An error ends the feed.
  std::function<millrace::Status(std::size_t answered)> save_position = {};
};

/// How far a feed has come.
struct FeedProgress {
  std::size_t begun_at = 0;  ///< position it started at
  std::size_t answered = 0;  ///< since then
  std::size_t total = 0;
  std::size_t sent_again = 0;      ///< after a 429, a 503, a 504, or an unknown outcome
  std::int64_t first_send_ns = 0;  ///< Clock::monotonic_ns; 0: nothing was sent yet
  std::int64_t latency_p50_us = 0, latency_p99_us = 0,
               latency_max_us = 0;  ///< of orders, from send to answer
  bool done = false;
  std::string failure;  ///< why it gave up; empty: it did not
  std::string unsaved;  ///< why the position could not be saved last; empty: it was
};

/// How long to wait before a request is sent again, in ns: what the header `Retry-After` says, 0 to
/// 3600 seconds, else a moment.
[[nodiscard]] std::int64_t pause_before_resend_ns(std::optional<std::string_view> retry_after);

/// Sends requests over persistent connections, in order, as a closed or an open loop. What the
/// server refuses for now (429, 503) is sent again when its `Retry-After` has passed, what may not
/// have arrived after a moment; both for ever, the oldest first and before what was never sent.
/// After a 429 no more are under way at once than the server took, until it has refused none for
/// ten seconds. Any other answer counts as one, and an answer that no request should get (400, 404,
/// 5xx) ends the feed. Its position moves past answered requests only, so that it can be stopped
/// and started again at any moment.
class Feed {
 public:
  /// errc as ClientPool::create. `clock` outlives the feed.
  [[nodiscard]] static millrace::Result<std::unique_ptr<Feed>> start(FeedOptions options,
                                                                     FeedSource source,
                                                                     millrace::Clock& clock);
  /// Stops: what is under way is given up and will be sent again by the next feed.
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  /// Thread-safe.
  [[nodiscard]] FeedProgress progress() const;

 private:
  struct State;
  explicit Feed(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace retail
