// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "live_view.hpp"

#include <algorithm>
#include <cstdio>

namespace retail {

namespace {

constexpr std::int64_t repaint_ns = 250'000'000;
constexpr std::int64_t plain_line_ns = 2'000'000'000;
constexpr std::size_t bar_width = 30;

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  const int size = std::snprintf(text, sizeof text, pattern, values...);
  return {text, static_cast<std::size_t>(std::clamp(size, 0, static_cast<int>(sizeof text) - 1))};
}

double ms(std::int64_t us) { return static_cast<double>(us) / 1000.0; }

}  // namespace

LiveView::LiveView(bool terminal, std::string storefront_url, std::int64_t now_ns)
    : terminal_(terminal), storefront_url_(std::move(storefront_url)), shown_ns_(now_ns) {}

std::string LiveView::bar(const FeedProgress& feed) const {
  const std::size_t answered = feed.begun_at + feed.answered;
  const double share =
      feed.total == 0 ? 1.0 : static_cast<double>(answered) / static_cast<double>(feed.total);
  const auto filled = static_cast<std::size_t>(share * bar_width);
  return "[" + std::string(filled, '#') + std::string(bar_width - filled, '.') + "]" +
         format(" %3.0f %%", share * 100);
}

std::string LiveView::picture(const FeedProgress& feed, std::int64_t final_requests,
                              const std::vector<millrace::service::ChildStatus>& services,
                              std::int64_t kills) const {
  std::string text = "storefront " + storefront_url_ + "\n";
  text += format("feed       %s  %zu of %zu answered, %.0f/s, sent again %zu\n", bar(feed).c_str(),
                 feed.begun_at + feed.answered, feed.total, rate_, feed.sent_again);
  text += format("orders     p50 %.1f ms, p99 %.1f ms, max %.1f ms\n", ms(feed.latency_p50_us),
                 ms(feed.latency_p99_us), ms(feed.latency_max_us));
  text += format("final      %lld requests, %lld kills\n", static_cast<long long>(final_requests),
                 static_cast<long long>(kills));
  for (const auto& service : services) {
    text +=
        format("%-10s pid %-8lld %-11s starts %-4u %-20s %s\n", service.name.c_str(),
               static_cast<long long>(service.pid), std::string(to_string(service.state)).c_str(),
               service.starts, service.last_exit.c_str(), service.log_file.c_str());
  }
  return text;
}

void LiveView::show(const FeedProgress& feed, std::int64_t final_requests,
                    const std::vector<millrace::service::ChildStatus>& services, std::int64_t kills,
                    std::int64_t now_ns) {
  const std::int64_t passed_ns = now_ns - shown_ns_;
  if (passed_ns < (terminal_ ? repaint_ns : plain_line_ns)) return;
  rate_ =
      static_cast<double>(feed.answered - shown_answered_) / (static_cast<double>(passed_ns) / 1e9);
  shown_ns_ = now_ns;
  shown_answered_ = feed.answered;
  if (!terminal_) {
    const auto up = std::count_if(services.begin(), services.end(), [](const auto& one) {
      return one.state == millrace::service::ChildState::running;
    });
    std::printf(
        "%zu of %zu answered, %.0f/s, p99 %.1f ms, %lld final, %lld services up, %lld kills\n",
        feed.begun_at + feed.answered, feed.total, rate_, ms(feed.latency_p99_us),
        static_cast<long long>(final_requests), static_cast<long long>(up),
        static_cast<long long>(kills));
  } else {
    const std::string text = picture(feed, final_requests, services, kills);
    if (painted_lines_ > 0) std::printf("\x1b[%dA\x1b[J", painted_lines_);
    std::fputs(text.c_str(), stdout);
    painted_lines_ = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  }
  std::fflush(stdout);
}

void LiveView::finish() { painted_lines_ = 0; }

}  // namespace retail
