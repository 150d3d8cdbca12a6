// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/terminal_size.hpp"
#include "millrace/service/supervisor.hpp"
#include "retail/feed/feed.hpp"

namespace retail {

/// What a run is doing.
enum class RunPhase : std::uint8_t { starting, feeding, settling, up };

/// How a run goes, at one moment.
struct RunFigures {
  RunPhase phase = RunPhase::starting;
  FeedProgress feed;
  std::int64_t final_requests = 0;
  std::int64_t rejected = 0;  ///< orders
  std::int64_t kills = 0;
  std::vector<millrace::service::ChildStatus> services;
  std::map<std::string, std::int64_t>
      lag;  ///< records that a service has not read; missing: unknown
};

/// Shows how a run goes. On a terminal: a picture that is painted again in place, never wider or
/// higher than the terminal is at that moment. Elsewhere: a line every two seconds while something
/// moves, and one for each service that went down or came back, also at rest. One thread.
class LiveView {
 public:
  struct Screen {
    std::function<std::optional<millrace::TerminalSize>()> size;  ///< nothing: no terminal
    std::function<void(std::string_view)> write;
  };
  /// Standard output.
  [[nodiscard]] static Screen standard_output();

  /// `now_ns` as Clock::monotonic_ns.
  LiveView(Screen screen, std::string storefront_url, std::int64_t now_ns);

  /// Shows the figures when it is time to.
  void show(const RunFigures& figures, std::int64_t now_ns);
  /// Shows them now and leaves that picture standing: what is printed next comes below it, and the
  /// next picture below that.
  void finish(const RunFigures& figures, std::int64_t now_ns);

 private:
  /// What is known of a service since it was shown last.
  struct Seen {
    std::uint32_t starts = 0;
    bool running = true;
    double cpu_seconds = 0;
    double cpu_share = 0;  ///< of one processor, since then
  };

  void measure(const RunFigures& figures, std::int64_t passed_ns);
  void paint(const RunFigures& figures, millrace::TerminalSize size);
  void print_changes(const RunFigures& figures);
  void print_progress(const RunFigures& figures);
  [[nodiscard]] std::vector<std::string> head(const RunFigures& figures) const;
  [[nodiscard]] std::string feed_line(const RunFigures& figures) const;
  [[nodiscard]] std::vector<std::string> table(const RunFigures& figures) const;

  const Screen screen_;
  const std::string storefront_url_;
  std::int64_t shown_ns_;
  std::size_t shown_answered_ = 0;
  double rate_ = 0;  ///< requests answered per second
  std::map<std::string, Seen> seen_;
  std::string painted_;  ///< the picture that stands above the cursor; empty: none of ours does
  std::size_t painted_columns_ = 0;
  std::string progress_;  ///< the last line of progress elsewhere
};

}  // namespace retail
