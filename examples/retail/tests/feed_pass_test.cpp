// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/feed/pass.hpp"

#include <gtest/gtest.h>

#include "millrace/base/time_text.hpp"
#include "retail/contracts/request_rules.hpp"

namespace retail {
namespace {

std::int64_t time_of(const char* text) { return millrace::parse_time(text).value(); }

std::string later(const char* text, std::int64_t years) {
  return millrace::format_time(years_later(time_of(text), years));
}

TEST(FeedPass, the_first_pass_sends_the_invoices_as_they_are) {
  Invoice invoice;
  invoice.id = "536365";
  invoice.ordered_at_ms = time_of("2010-12-01T08:26:00Z");
  const Invoice sent = in_pass(invoice, 1);
  EXPECT_EQ(sent.id, "536365");
  EXPECT_EQ(sent.ordered_at_ms, invoice.ordered_at_ms);
}

TEST(FeedPass, a_later_pass_has_ids_and_times_of_its_own_and_the_same_lines) {
  Invoice invoice;
  invoice.kind = InvoiceKind::goods_return;
  invoice.id = "C536379";
  invoice.country = "France";
  invoice.ordered_at_ms = time_of("2010-12-01T09:41:00Z");
  invoice.lines = {{"22961", "JAM MAKING SET", 24, 1450}};
  const Invoice sent = in_pass(invoice, 12);
  EXPECT_EQ(sent.id, "12-C536379");
  EXPECT_EQ(millrace::format_time(sent.ordered_at_ms), "2021-12-01T09:41:00.000Z");
  EXPECT_EQ(sent.kind, InvoiceKind::goods_return);
  EXPECT_EQ(sent.country, "France");
  ASSERT_EQ(sent.lines.size(), 1U);
  EXPECT_EQ(sent.lines[0].product, "22961");
  EXPECT_EQ(sent.lines[0].quantity, 24);
}

TEST(FeedPass, a_year_later_is_the_same_day_also_over_a_leap_day) {
  EXPECT_EQ(later("2011-03-01T00:00:00Z", 1), "2012-03-01T00:00:00.000Z");
  EXPECT_EQ(later("2011-12-09T12:50:00.123Z", 2), "2013-12-09T12:50:00.123Z");
  EXPECT_EQ(later("2011-02-28T23:59:59.999Z", 1), "2012-02-28T23:59:59.999Z");
  EXPECT_EQ(later("1969-07-20T20:17:40Z", 1), "1970-07-20T20:17:40.000Z");
}

TEST(FeedPass, the_leap_day_becomes_the_last_of_february_in_a_year_without_one) {
  EXPECT_EQ(later("2012-02-29T06:00:00Z", 1), "2013-02-28T06:00:00.000Z");
  EXPECT_EQ(later("2012-02-29T06:00:00Z", 4), "2016-02-29T06:00:00.000Z");
}

TEST(FeedPass, the_last_pass_is_over_before_the_time_of_this_code) {
  EXPECT_EQ(later("2011-12-09T12:50:00Z", last_pass_max - 1), "2024-12-09T12:50:00.000Z");
}

TEST(FeedPass, an_adjustment_is_one_in_every_pass) {
  EXPECT_TRUE(is_adjustment("A563185"));
  EXPECT_TRUE(is_adjustment("2-A563185"));
  EXPECT_TRUE(is_adjustment("14-A563185"));
  for (const char* sale : {"536365", "2-536365", "2-C536379", "1-A1", "02-A1", "100-A1", "-A1",
                           "x2-A1", "2A1", "2-", "2", ""})
    EXPECT_FALSE(is_adjustment(sale)) << sale;
}

}  // namespace
}  // namespace retail
