// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "live_view.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "millrace/base/terminal_text.hpp"

namespace retail {

using millrace::cut_to_width;
using millrace::service::ChildState;
using millrace::service::ChildStatus;

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
long long shown(std::int64_t value) { return value; }

std::size_t answered_of(const FeedProgress& feed) { return feed.begun_at + feed.answered; }

std::string bar(const FeedProgress& feed) {
  const double share =
      feed.total == 0 ? 0
                      : static_cast<double>(answered_of(feed)) / static_cast<double>(feed.total);
  const auto filled = static_cast<std::size_t>(share * bar_width);
  return "[" + std::string(filled, '#') + std::string(bar_width - filled, '.') + "]" +
         format(" %3.0f %%", share * 100);
}

std::size_t running(const std::vector<ChildStatus>& services) {
  return static_cast<std::size_t>(
      std::count_if(services.begin(), services.end(),
                    [](const auto& one) { return one.state == ChildState::running; }));
}

// Nothing until the lag of each service is known.
std::string lag_in_all(const RunFigures& figures) {
  std::int64_t lag = 0;
  for (const auto& [service, records] : figures.lag)
    lag += records;
  return figures.lag.empty() ? "-" : std::to_string(lag);
}

std::string last_exit(const ChildStatus& service) {
  return service.last_exit.empty() ? "" : millrace::printable_line(service.last_exit);
}

}  // namespace

LiveView::Screen LiveView::standard_output() {
  return {[] { return millrace::terminal_size(STDOUT_FILENO); },
          [](std::string_view text) {
            std::fwrite(text.data(), 1, text.size(), stdout);
            std::fflush(stdout);
          }};
}

LiveView::LiveView(Screen screen, std::string storefront_url, std::int64_t now_ns)
    : screen_(std::move(screen)), storefront_url_(std::move(storefront_url)), shown_ns_(now_ns) {}

void LiveView::measure(const RunFigures& figures, std::int64_t passed_ns) {
  const double seconds = static_cast<double>(std::max<std::int64_t>(passed_ns, 1)) / 1e9;
  rate_ = static_cast<double>(figures.feed.answered - shown_answered_) / seconds;
  shown_answered_ = figures.feed.answered;
  for (const ChildStatus& service : figures.services) {
    Seen& seen = seen_[service.name];
    seen.cpu_share = std::max(0.0, service.cpu_seconds - seen.cpu_seconds) / seconds;
    seen.cpu_seconds = service.cpu_seconds;
  }
}

std::string LiveView::feed_line(const RunFigures& figures) const {
  const FeedProgress& feed = figures.feed;
  switch (figures.phase) {
    case RunPhase::starting:
      return format("starting   %zu of %zu services run", running(figures.services),
                    figures.services.size());
    case RunPhase::feeding:
    case RunPhase::settling:
      return format("feed       %s  %zu of %zu answered, %.0f/s, sent again %zu", bar(feed).c_str(),
                    answered_of(feed), feed.total, rate_, feed.sent_again);
    case RunPhase::up:
      break;
  }
  return format("up         %zu of %zu services run; Ctrl-C drains them", running(figures.services),
                figures.services.size());
}

std::vector<std::string> LiveView::head(const RunFigures& figures) const {
  std::vector<std::string> lines{"storefront " + storefront_url_, feed_line(figures)};
  const FeedProgress& feed = figures.feed;
  if (feed.answered > 0) {
    lines.push_back(format("orders     p50 %.1f ms, p99 %.1f ms, max %.1f ms",
                           ms(feed.latency_p50_us), ms(feed.latency_p99_us),
                           ms(feed.latency_max_us)));
  }
  if (figures.phase != RunPhase::starting) {
    lines.push_back(format("final      %lld requests, %lld orders rejected, lag %s, %lld kills",
                           shown(figures.final_requests), shown(figures.rejected),
                           lag_in_all(figures).c_str(), shown(figures.kills)));
  }
  return lines;
}

std::vector<std::string> LiveView::table(const RunFigures& figures) const {
  std::vector<std::string> lines{format("%-14s%-12s%8s%8s%10s%7s%7s  %s", "SERVICE", "STATE", "PID",
                                        "STARTS", "CPU S", "CPU %", "LAG", "LAST END")};
  Seen all;
  for (const ChildStatus& service : figures.services) {
    const auto seen = seen_.find(service.name);
    const double share = seen == seen_.end() ? 0 : seen->second.cpu_share;
    const auto lag = figures.lag.find(service.name);
    all.cpu_seconds += service.cpu_seconds;
    all.cpu_share += share;
    std::string line = format("%-14s%-12s%8lld%8u%10.2f%7.0f%7s  %s", service.name.c_str(),
                              std::string(to_string(service.state)).c_str(), shown(service.pid),
                              service.starts, service.cpu_seconds, share * 100,
                              lag == figures.lag.end() ? "-" : std::to_string(lag->second).c_str(),
                              last_exit(service).c_str());
    if (service.state != ChildState::running) line += "  " + service.log_file;
    lines.push_back(std::move(line));
  }
  lines.push_back(format("%-42s%10.2f%7.0f%7s", "in all", all.cpu_seconds, all.cpu_share * 100,
                         lag_in_all(figures).c_str()));
  return lines;
}

// A narrower terminal may have folded the lines that stand there: nobody knows how many rows they
// are now, so that picture is left alone and the next one begins below it.
void LiveView::paint(const RunFigures& figures, millrace::TerminalSize size) {
  std::vector<std::string> lines = head(figures);
  for (std::string& line : table(figures))
    lines.push_back(std::move(line));
  // The cursor stands in the row below.
  if (lines.size() >= size.rows) lines.resize(std::max<std::size_t>(size.rows - 1, 1));
  std::string picture;
  for (const std::string& line : lines) {
    std::string cut =
        cut_to_width(millrace::printable_line(line), std::max<std::size_t>(size.columns - 1, 1));
    cut.erase(cut.find_last_not_of(' ') + 1);
    picture += cut + "\n";
  }
  if (picture == painted_ && size.columns >= painted_columns_) return;
  std::string text;
  if (!painted_.empty() && size.columns >= painted_columns_) {
    const auto rows = static_cast<std::size_t>(std::count(painted_.begin(), painted_.end(), '\n'));
    if (rows < size.rows) text = "\x1b[" + std::to_string(rows) + "A\x1b[J";
  }
  screen_.write(text + picture);
  painted_ = std::move(picture);
  painted_columns_ = size.columns;
}

void LiveView::print_changes(const RunFigures& figures) {
  for (const ChildStatus& service : figures.services) {
    Seen& seen = seen_[service.name];
    const bool runs = service.state == ChildState::running;
    const std::string why = last_exit(service);
    std::string what;
    if (!runs && (seen.running || service.starts != seen.starts)) {
      what = " is down (" + why + "), see " + service.log_file;
    } else if (runs && !seen.running) {
      what = " is up again, pid " + std::to_string(service.pid);
    } else if (runs && seen.starts != 0 && service.starts != seen.starts) {
      what = " ended (" + why + ") and was started again, pid " + std::to_string(service.pid);
    }
    seen.running = runs;
    seen.starts = service.starts;
    if (!what.empty()) screen_.write(millrace::printable_line(service.name + what) + "\n");
  }
}

void LiveView::print_progress(const RunFigures& figures) {
  if (figures.phase == RunPhase::up) return;
  const FeedProgress& feed = figures.feed;
  std::string line;
  if (figures.phase == RunPhase::starting) {
    line = "starting, " + std::to_string(running(figures.services)) + " of " +
           std::to_string(figures.services.size()) + " services run";
  } else {
    line = format(
        "%zu of %zu answered, %.0f/s, p99 %.1f ms, %lld final, %lld rejected, lag %s, %zu services "
        "up, %lld kills",
        answered_of(feed), feed.total, rate_, ms(feed.latency_p99_us),
        shown(figures.final_requests), shown(figures.rejected), lag_in_all(figures).c_str(),
        running(figures.services), shown(figures.kills));
  }
  if (line == progress_) return;
  progress_ = line;
  screen_.write(line + "\n");
}

void LiveView::show(const RunFigures& figures, std::int64_t now_ns) {
  const auto size = screen_.size();
  const std::int64_t passed_ns = now_ns - shown_ns_;
  if (passed_ns < (size ? repaint_ns : plain_line_ns)) return;
  shown_ns_ = now_ns;
  measure(figures, passed_ns);
  if (size) return paint(figures, *size);
  print_changes(figures);
  print_progress(figures);
}

void LiveView::finish(const RunFigures& figures, std::int64_t now_ns) {
  if (const auto size = screen_.size()) {
    measure(figures, now_ns - shown_ns_);
    shown_ns_ = now_ns;
    paint(figures, *size);
  } else {
    print_changes(figures);
  }
  painted_.clear();
}

}  // namespace retail
