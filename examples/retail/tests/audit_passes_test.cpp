// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The audit of one pass over the invoices, with no more than the pass before left of itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "millrace/log/errors.hpp"
#include "retail/audit/audit.hpp"
#include "retail/contracts/orders.hpp"
#include "retail/contracts/passes.hpp"
#include "retail/feed/pass.hpp"
#include "retail/run/pass_records.hpp"
#include "retail/tests/builders.hpp"
#include "retail/tests/retail_world.hpp"

namespace retail {
namespace {

using namespace test;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Invoice> sent_in_pass(const std::vector<Invoice>& invoices, std::int64_t pass) {
  std::vector<Invoice> sent;
  for (const Invoice& invoice : invoices)
    sent.push_back(in_pass(invoice, pass));
  return sent;
}

/// A system that two passes went through.
class AuditOfPasses : public testing::Test {
 protected:
  AuditOfPasses()
      : invoices_(some_invoices(60)),
        retail_(7, scarce),
        log_(retail_.world().broker().connect(
            {.service = std::string(millrace::log::any_service), .member = "run"})) {
    retail_.run(sent_in_pass(invoices_, 1));
    first_ = audited({}, &left_);
    EXPECT_TRUE(write_pass_end(*log_, retail_.world().clock(), 1, left_));
    retail_.run(sent_in_pass(invoices_, 2));
  }
  AuditReport audited(const AuditRange& range, PassEnd* left = nullptr) {
    auto report = audit(*log_, range, left);
    EXPECT_TRUE(report) << report.error().to_string();
    return report ? *report : AuditReport{};
  }
  // The shelf that the first pass left, of a product that was sold.
  ShelfLevel& sold_shelf() {
    for (auto& [product, level] : left_.shelves) {
      if (level.shipped > 0) return level;
    }
    throw std::runtime_error("nothing was sold");
  }

  const std::vector<Invoice> invoices_;
  RetailWorld retail_;
  std::unique_ptr<millrace::log::Log> log_;
  PassEnd left_;
  AuditReport first_;
};

TEST_F(AuditOfPasses, each_holds_and_counts_its_own_requests) {
  ASSERT_TRUE(first_.ok);
  const AuditReport again = audited({{}, left_});
  EXPECT_THAT(again.violations, IsEmpty());
  EXPECT_EQ(to_json(again), to_json(first_)) << "the second pass changes nothing of the first";

  const AuditReport second = audited({left_, {}});
  EXPECT_THAT(second.violations, IsEmpty());
  EXPECT_TRUE(second.ok);
  EXPECT_EQ(second.invoices, static_cast<std::int64_t>(invoices_.size()));
  EXPECT_EQ(second.orders, first_.orders);
  EXPECT_EQ(second.returns, first_.returns);
  EXPECT_EQ(second.write_offs, first_.write_offs);
  EXPECT_EQ(second.dead_lettered, 3) << "the adjustments";
  EXPECT_EQ(second.refunds_milli, first_.refunds_milli);

  const AuditReport both = audited({});
  EXPECT_TRUE(both.ok);
  EXPECT_EQ(both.invoices, 2 * second.invoices);
}

TEST_F(AuditOfPasses, what_a_pass_left_is_read_as_it_was_written) {
  const auto read = read_pass_end(*log_, 1);
  ASSERT_TRUE(read) << read.error().to_string();
  ASSERT_TRUE(*read);
  const PassEnd& end = **read;
  EXPECT_EQ(end.requests, static_cast<std::int64_t>(invoices_.size()));
  EXPECT_EQ(end.topics, left_.topics);
  ASSERT_EQ(end.shelves.size(), left_.shelves.size());
  ASSERT_EQ(end.revenue.size(), left_.revenue.size());
  EXPECT_EQ(to_json(audited({end, {}})), to_json(audited({left_, {}})));
}

TEST_F(AuditOfPasses, a_pass_is_not_complete_before_its_last_event) {
  const auto second = read_pass_end(*log_, 2);
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);
  retail_.world().write(passes_topic, ProductCode{"85123A"},
                        PassEvent(ShelfCounted{sold_shelf(), 2}),
                        retail_.world().clock().wall_ms());
  const auto begun = read_pass_end(*log_, 2);
  ASSERT_TRUE(begun);
  EXPECT_FALSE(*begun) << "the run died before it said how the pass ended";
}

TEST_F(AuditOfPasses, in_a_copy_of_the_log_no_pass_is_complete) {
  PassCompleted completed{2, log_->identity(), 1, {}};
  const std::int64_t now_ms = retail_.world().clock().wall_ms();
  completed.log = "file/42";
  retail_.world().write(passes_topic, std::string("2"), PassEvent(completed), now_ms);
  EXPECT_FALSE(read_pass_end(*log_, 2).value());
  completed.log = log_->identity();
  retail_.world().write(passes_topic, std::string("2"), PassEvent(completed), now_ms);
  EXPECT_TRUE(read_pass_end(*log_, 2).value());
}

TEST_F(AuditOfPasses, what_was_written_once_more_counts) {
  PassEnd again = left_;
  again.requests = 1'000;
  again.topics[requests_topic] = {7};
  ASSERT_TRUE(write_pass_end(*log_, retail_.world().clock(), 1, again));
  const auto read = read_pass_end(*log_, 1);
  ASSERT_TRUE(read);
  ASSERT_TRUE(*read);
  EXPECT_EQ((*read)->requests, 1'000);
  EXPECT_EQ((*read)->topics, again.topics);
}

TEST_F(AuditOfPasses, what_was_written_once_more_counts_as_a_whole_or_not_at_all) {
  const PassEnd before = read_pass_end(*log_, 1).value().value();
  ShelfLevel sold_on = sold_shelf();
  sold_on.shipped += 5;
  const auto product = std::find_if(left_.shelves.begin(), left_.shelves.end(), [](auto& shelf) {
                         return shelf.second.shipped > 0;
                       })->first;
  const std::int64_t now_ms = retail_.world().clock().wall_ms();
  retail_.world().write(passes_topic, ProductCode{product}, PassEvent(ShelfCounted{sold_on, 1}),
                        now_ms);
  retail_.world().write(passes_topic, std::string("France"), PassEvent(RevenueCounted{{}, 1}),
                        now_ms);
  const auto read = read_pass_end(*log_, 1);
  ASSERT_TRUE(read);
  ASSERT_TRUE(*read);
  EXPECT_EQ((*read)->shelves.at(product).shipped, before.shelves.at(product).shipped)
      << "the run died before it said PassCompleted once more";
  EXPECT_EQ((*read)->revenue.contains("France"), before.revenue.contains("France"));
  EXPECT_THAT(audited({**read, {}}).violations, IsEmpty());
}

TEST_F(AuditOfPasses, a_pass_that_ends_before_it_begins_cannot_be_audited) {
  PassEnd end = left_;
  end.topics.at(orders_topic).at(1) -= 1;
  const auto refused = audit(*log_, {left_, end});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(millrace::log::errc::corrupt));
  EXPECT_THAT(refused.error().message(), HasSubstr("orders-1"));
}

TEST_F(AuditOfPasses, finds_requests_that_the_pass_was_completed_with_and_are_not_there) {
  ++left_.requests;
  const AuditReport report = audited({{}, left_});
  EXPECT_FALSE(report.ok);
  EXPECT_THAT(report.violations,
              Contains("the pass was completed with 64 requests, and 63 are there"));
}

TEST_F(AuditOfPasses, finds_a_shelf_that_does_not_continue_where_it_was_left) {
  ++sold_shelf().shipped;
  const AuditReport second = audited({left_, {}});
  EXPECT_FALSE(second.ok);
  EXPECT_THAT(second.violations, Contains(HasSubstr("the level is not the one before")));
}

TEST_F(AuditOfPasses, finds_revenue_that_was_added_to_something_else) {
  left_.revenue.at("United Kingdom").revenue_milli += Money{1};
  const AuditReport second = audited({left_, {}});
  EXPECT_FALSE(second.ok);
  EXPECT_THAT(second.violations, Contains(HasSubstr("United Kingdom: revenue in insights")));
}

TEST_F(AuditOfPasses, finds_a_shelf_that_was_left_and_is_not_what_orders_took) {
  left_.shelves["99999"] = {.opened = 10, .reserved = 4, .free = 6};
  EXPECT_THAT(audited({left_, {}}).violations, Contains("shelf 99999: reserved is 4, should be 0"));
}

TEST(EndOfTopics, knows_nothing_of_a_partition_that_was_not_there) {
  const TopicEnds ends{{"orders", {5, 0, 9}}};
  EXPECT_EQ(end_of(ends, "orders", 2), 9);
  EXPECT_EQ(end_of(ends, "orders", 3), 0);
  EXPECT_EQ(end_of(ends, "stock", 0), 0);
}

}  // namespace
}  // namespace retail
