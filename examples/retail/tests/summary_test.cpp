// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/run/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/terminal_text.hpp"

namespace retail {
namespace {

using testing::HasSubstr;
using testing::Not;

// A year of 1,000 order lines, of which this run sent the last 200 in 2 s.
Summary continued() {
  Summary summary;
  summary.audit.ok = true;
  summary.audit.invoices = 100;
  summary.audit.lines = 1'000;
  summary.feed.begun_at = 80;
  summary.feed.answered = 20;
  summary.feed.total = 100;
  summary.lines_sent = 200;
  summary.wall_seconds = 2;
  return summary;
}

TEST(Summary, the_rate_is_of_what_this_run_sent) {
  const Summary summary = continued();
  EXPECT_THAT(to_text(summary),
              HasSubstr("time        2.00 s, 100 order lines/s (of the 20 requests of this run; 80 "
                        "were answered before)\n"));
  EXPECT_THAT(to_json(summary), HasSubstr("\"continued_at\":80,"));
  EXPECT_THAT(to_json(summary), HasSubstr("\"lines_per_s\":100"));
}

TEST(Summary, of_a_run_that_sent_nothing_has_no_rate) {
  Summary summary = continued();
  summary.feed.begun_at = 100;
  summary.feed.answered = 0;
  summary.lines_sent = 0;
  summary.wall_seconds = 0;
  EXPECT_THAT(to_text(summary), HasSubstr("nothing was sent"));
  EXPECT_THAT(to_text(summary), Not(HasSubstr("lines/s")));
  EXPECT_THAT(to_text(summary), Not(HasSubstr("p50")));
}

TEST(Summary, counts_the_instances_of_each_service) {
  Summary summary = continued();
  for (const char* name : {"orders", "storefront", "storefront-2", "storefront-3"}) {
    millrace::service::ChildStatus child;
    child.name = name;
    child.starts = 2;
    child.cpu_seconds = 1.5;
    child.peak_rss_bytes = 3'000'000;
    summary.services.push_back(child);
  }
  EXPECT_THAT(
      to_json(summary),
      HasSubstr(R"("orders":{"instances":1,"cpu_seconds":1.5,"peak_rss_mb":3,"starts":2})"));
  EXPECT_THAT(to_json(summary), HasSubstr(R"("storefront":{"instances":3,"cpu_seconds":4.5,)"
                                          R"("peak_rss_mb":3,"starts":6})"));
  EXPECT_THAT(to_text(summary),
              HasSubstr("storefront  4.50 s of CPU, 3 MB at most, starts 6, 3 instances\n"));
}

TEST(Summary, keeps_every_digit_of_the_seed) {
  Summary summary = continued();
  summary.seed = 18'446'744'073'709'551'615U;
  EXPECT_THAT(to_json(summary), HasSubstr("\"seed\":\"18446744073709551615\""));
}

TEST(Summary, keeps_every_digit_of_sums_of_money) {
  Summary summary;
  summary.audit.revenue_milli = {{"France", 10'000'000'000'000'001}};
  EXPECT_NE(to_json(summary).find("10000000000000001"), std::string::npos) << to_json(summary);
  EXPECT_TRUE(to_json(summary).ends_with("}}\n")) << to_json(summary);
}

TEST(Summary, shows_no_control_character) {
  Summary summary = continued();
  const std::string hostile = "x\x1b[2J\xc2\x9b\xe2\x80\xae\naudit       holds";
  summary.audit.ok = false;
  summary.audit.violations = {hostile};
  summary.audit.rejected_by = {{hostile, 1}};
  EXPECT_TRUE(millrace::is_plain_text(to_text(summary)));
  EXPECT_THAT(to_text(summary), Not(HasSubstr("\naudit       holds")));
  EXPECT_TRUE(millrace::is_plain_text(to_json(summary)));
}

}  // namespace
}  // namespace retail
