// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/run/live_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "millrace/base/terminal_text.hpp"

namespace retail {
namespace {

using millrace::TerminalSize;
using millrace::service::ChildState;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t second_ns = 1'000'000'000;

/// A terminal as far as the display uses one: it prints, ends lines, moves up and clears to the
/// end. What scrolls out at the top stays in `lines`, as on a real one.
class ScreenModel {
 public:
  explicit ScreenModel(TerminalSize given) : size(given) {}

  void write(std::string_view text) {
    while (!text.empty()) {
      if (text.starts_with("\x1b[J")) {
        lines.resize(row + 1);
        lines[row].clear();
        text.remove_prefix(3);
      } else if (text.starts_with("\x1b[")) {
        text.remove_prefix(2);
        std::size_t up = 0;
        for (; text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1))
          up = up * 10 + static_cast<std::size_t>(text.front() - '0');
        ASSERT_EQ(text.front(), 'A') << "another sequence than the two it uses";
        text.remove_prefix(1);
        ASSERT_LT(up, size.rows) << "above the top of the screen";
        row -= up;
      } else {
        const std::string_view line = text.substr(0, text.find('\n'));
        lines[row] += line;
        ASSERT_TRUE(millrace::is_plain_text(line)) << millrace::escaped(line);
        ASSERT_LE(millrace::display_width(lines[row]), size.columns) << "it would fold: " << line;
        text.remove_prefix(line.size());
        if (text.empty()) return;
        text.remove_prefix(1);
        if (++row == lines.size()) lines.emplace_back();
      }
    }
  }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const std::string& line : lines)
      all += line + "\n";
    return all;
  }
  [[nodiscard]] std::size_t count(std::string_view begin) const {
    return static_cast<std::size_t>(std::count_if(
        lines.begin(), lines.end(), [&](const auto& one) { return one.starts_with(begin); }));
  }

  TerminalSize size;
  std::vector<std::string> lines{""};
  std::size_t row = 0;
};

millrace::service::ChildStatus child(std::string name) {
  millrace::service::ChildStatus status;
  status.name = std::move(name);
  status.pid = 4711;
  status.state = ChildState::running;
  status.starts = 1;
  status.cpu_seconds = 1.5;
  status.log_file = "data/logs/" + status.name + ".log";
  return status;
}

class Display : public testing::Test {
 protected:
  Display() {
    figures.phase = RunPhase::feeding;
    figures.feed.total = 25'900;
    figures.feed.answered = 100;
    figures.final_requests = 90;
    figures.rejected = 17;
    figures.services = {child("orders"), child("stock")};
    figures.lag = {{"orders", 3}, {"stock", 40}};
  }
  void on_terminal(std::size_t columns, std::size_t rows) {
    model.size = {columns, rows};
    terminal = true;
  }
  void show() { view.show(figures, now_ns += 2 * second_ns); }
  void finish() { view.finish(figures, now_ns += second_ns); }
  std::string printed() const { return model.text(); }

  RunFigures figures;
  bool terminal = false;
  ScreenModel model{{200, 24}};  // lines in a file do not fold
  std::int64_t now_ns = 0;
  LiveView view{{[this] { return terminal ? std::optional(model.size) : std::nullopt; },
                 [this](std::string_view text) { model.write(text); }},
                "http://127.0.0.1:10007",
                0};
};

TEST_F(Display, shows_lag_cpu_and_rejections) {
  on_terminal(110, 30);
  show();
  figures.services[0].cpu_seconds = 2.5;
  show();
  EXPECT_THAT(printed(), HasSubstr("17 orders rejected, lag 43"));
  EXPECT_THAT(model.lines,
              Contains(testing::MatchesRegex("orders +running +4711 +1 +2.50 +50 +3")));
  EXPECT_THAT(model.lines, Contains(testing::MatchesRegex("in all +4.00 +50 +43")));
}

TEST_F(Display, is_one_picture_however_often_it_is_painted) {
  on_terminal(80, 24);
  for (int i = 0; i < 10; ++i) {
    ++figures.feed.answered;
    show();
  }
  EXPECT_EQ(model.count("storefront http"), 1U) << printed();
}

TEST_F(Display, fits_every_width_and_height) {
  for (std::size_t columns = 1; columns <= 130; ++columns) {
    for (const std::size_t rows : {2U, 5U, 9U, 40U}) {
      ScreenModel small({columns, rows});
      LiveView one({[&] { return small.size; }, [&](std::string_view text) { small.write(text); }},
                   "http://127.0.0.1:10007", 0);
      for (int i = 1; i < 4; ++i) {
        figures.feed.answered += 1;
        one.show(figures, i * second_ns);
      }
      ASSERT_LE(small.lines.size(), rows) << "it scrolls";
    }
  }
}

TEST_F(Display, paints_over_nothing_that_was_printed_after_it_was_finished) {
  on_terminal(80, 24);
  show();
  finish();
  model.write("audit       holds\nThe year is over: http://127.0.0.1:10007\n");
  figures.phase = RunPhase::up;
  for (int i = 0; i < 5; ++i) {
    ++figures.final_requests;
    show();
  }
  EXPECT_EQ(model.count("audit       holds"), 1U) << printed();
  EXPECT_EQ(model.count("The year is over: http://127.0.0.1:10007"), 1U) << printed();
  EXPECT_EQ(model.count("feed "), 1U) << "the picture that was left standing";
}

TEST_F(Display, leaves_alone_what_a_narrower_terminal_may_have_folded) {
  on_terminal(100, 40);
  model.write("what the user typed before\n");
  show();
  model.size.columns = 40;
  ++figures.feed.answered;
  show();
  ++figures.feed.answered;
  show();
  EXPECT_EQ(model.count("what the user typed before"), 1U);
  EXPECT_EQ(model.count("storefront"), 2U) << printed();
  model.size.columns = 120;
  ++figures.feed.answered;
  show();
  EXPECT_EQ(model.count("storefront"), 2U) << printed();
}

TEST_F(Display, does_not_speak_of_requests_before_there_are_any) {
  figures.feed = {};
  for (const RunPhase phase : {RunPhase::starting, RunPhase::up}) {
    figures.phase = phase;
    for (const bool on : {false, true}) {
      terminal = on;
      show();
    }
  }
  EXPECT_THAT(printed(), Not(HasSubstr("0 of 0 answered")));
  EXPECT_THAT(printed(), HasSubstr("starting"));
}

TEST_F(Display, off_a_terminal_is_quiet_at_rest) {
  show();
  figures.phase = RunPhase::up;
  show();
  const std::string before = printed();
  EXPECT_THAT(before, HasSubstr("100 of 25900 answered"));
  EXPECT_THAT(before, Not(HasSubstr("\x1b")));
  for (int i = 0; i < 100; ++i)
    show();
  EXPECT_EQ(printed(), before);
}

TEST_F(Display, off_a_terminal_names_a_service_that_is_down) {
  figures.phase = RunPhase::up;
  show();
  figures.services[1].state = ChildState::backing_off;
  figures.services[1].last_exit = "exit 3";
  show();
  EXPECT_THAT(printed(), HasSubstr("stock is down (exit 3), see data/logs/stock.log\n"));
  const std::string down = printed();
  show();
  EXPECT_EQ(printed(), down) << "once is enough";
  figures.services[1].state = ChildState::running;
  figures.services[1].starts = 2;
  show();
  EXPECT_THAT(printed(), HasSubstr("stock is up again, pid 4711\n"));
  figures.services[0].starts = 2;
  figures.services[0].last_exit = "killed by SIGKILL";
  show();
  EXPECT_THAT(printed(),
              HasSubstr("orders ended (killed by SIGKILL) and was started again, pid 4711\n"));
}

TEST_F(Display, shows_no_control_character) {
  figures.services[1].state = ChildState::backing_off;
  figures.services[1].last_exit = "x\x1b[2J\xc2\x9b";
  show();
  EXPECT_THAT(printed(), HasSubstr("x\\x1b[2J\\u009b"));
  on_terminal(120, 30);
  show();
}

}  // namespace
}  // namespace retail
