// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/run/run_pass.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/memory_log.hpp"
#include "retail/contracts/insights.hpp"
#include "retail/contracts/orders.hpp"
#include "retail/contracts/passes.hpp"
#include "retail/contracts/payments.hpp"
#include "retail/contracts/prices.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/shipments.hpp"
#include "retail/contracts/stock.hpp"
#include "retail/run/log_seen.hpp"
#include "retail/run/pass_records.hpp"
#include "retail/run/run_file_names.hpp"
#include "retail/run/run_log.hpp"

namespace retail {
namespace {

using testing::HasSubstr;

namespace log = millrace::log;

class PassOfRun : public testing::Test {
 protected:
  void complete(std::int64_t pass, std::int64_t requests) {
    PassEnd end;
    end.requests = requests;
    end.topics = {{requests_topic, {3, 4}}};
    ASSERT_TRUE(write_pass_end(*log_, millrace::real_clock(), pass, end));
  }
  void expect_refused(std::int64_t pass, std::size_t invoices, const std::string& reason) {
    const auto found = find_pass(*log_, pass, invoices);
    ASSERT_FALSE(found);
    EXPECT_TRUE(found.error().is(millrace::errc::invalid_argument));
    EXPECT_THAT(found.error().message(), HasSubstr(reason));
  }

  log::MemoryBroker broker_{millrace::real_clock(), false};
  std::unique_ptr<log::Log> log_ =
      broker_.connect({.service = std::string(log::any_service), .member = "run"});
};

TEST_F(PassOfRun, the_first_begins_with_nothing) {
  const auto pass = find_pass(*log_, 1, 20);
  ASSERT_TRUE(pass) << pass.error().message();
  EXPECT_FALSE(pass->begin);
  EXPECT_FALSE(pass->end);
  EXPECT_TRUE(pass->begins_behind().empty());
}

TEST_F(PassOfRun, a_later_one_is_refused_until_the_one_before_is_complete) {
  expect_refused(2, 20, "pass 1 is not complete");
  complete(1, 20);
  const auto pass = find_pass(*log_, 2, 20);
  ASSERT_TRUE(pass) << pass.error().message();
  EXPECT_EQ(pass->begins_behind(), (TopicEnds{{requests_topic, {3, 4}}}));
  EXPECT_FALSE(pass->end);
  expect_refused(3, 20, "pass 2 is not complete");
}

TEST_F(PassOfRun, one_with_more_invoices_is_continued_unless_the_next_one_has_begun) {
  complete(1, 20);
  auto pass = find_pass(*log_, 1, 20);
  ASSERT_TRUE(pass);
  EXPECT_TRUE(pass->end);
  EXPECT_FALSE(pass->next_has_begun);
  pass = find_pass(*log_, 1, 21);
  ASSERT_TRUE(pass);
  EXPECT_FALSE(pass->end);

  EXPECT_FALSE(find_pass(*log_, 2, 20).value().has_begun);
  ASSERT_TRUE(write_pass_begun(*log_, millrace::real_clock(), 2));
  pass = find_pass(*log_, 1, 20);
  ASSERT_TRUE(pass);
  EXPECT_TRUE(pass->end);
  EXPECT_TRUE(pass->next_has_begun);
  expect_refused(1, 21, "completed with 20 requests");
  pass = find_pass(*log_, 2, 20);
  ASSERT_TRUE(pass);
  EXPECT_TRUE(pass->has_begun);
  EXPECT_FALSE(pass->next_has_begun);
}

TEST_F(PassOfRun, one_after_which_another_was_complete_stays_as_it_is) {
  complete(1, 20);
  complete(2, 20);
  const auto pass = find_pass(*log_, 1, 20);
  ASSERT_TRUE(pass);
  EXPECT_TRUE(pass->next_has_begun);
  expect_refused(1, 21, "completed with 20 requests");
  const auto last = find_pass(*log_, 2, 21);
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->next_has_begun);
}

TEST_F(PassOfRun, in_a_copy_of_a_log_none_continues_behind_the_first) {
  ASSERT_TRUE(write_pass_begun(*log_, millrace::real_clock(), 2));  // The ends are of another log.
  expect_refused(1, 20, "pass 2 has begun in the log that");
  expect_refused(2, 20, "pass 2 has begun in the log that");
  expect_refused(3, 20, "pass 2 is not complete");
}

TEST_F(PassOfRun, requests_are_counted_from_where_the_pass_begins) {
  const auto topic = log_->create_topic({requests_topic, 2, log::TopicKind::events, "storefront"});
  ASSERT_TRUE(topic);
  for (int i = 0; i < 10; ++i) {
    log::Transaction transaction;
    transaction.append({topic->id, log::partition(i % 2)}, {0, "k", "v", {}});
    ASSERT_TRUE(log_->commit(transaction));
  }
  EXPECT_EQ(requests_in(*log_, {}).value(), 10);
  EXPECT_EQ(requests_in(*log_, {{requests_topic, {3, 4}}}).value(), 3);
}

TEST_F(PassOfRun, retention_is_set_on_public_topics_and_spares_what_the_pass_wrote) {
  const std::vector<const char*> topics{
      requests_topic, orders_topic,  stock_topic,    payments_topic, shipments_topic,
      shelves_topic,  revenue_topic, products_topic, funnel_topic,   prices_topic};
  for (const char* name : topics)
    ASSERT_TRUE(log_->create_topic({name, 2, log::TopicKind::events, "any"}));
  const log::Topic small = *log_->find_topic(stock_topic);
  const std::vector<log::SettingChange> smaller{{"segment.bytes", "65536"}};
  ASSERT_TRUE(log_->alter_topic(small.id, smaller));
  const auto changelog = log_->create_topic(
      {"stock.shelves.changelog", 2, log::TopicKind::private_topic, "stock"}, log::compacted());
  ASSERT_TRUE(changelog);

  ASSERT_TRUE(set_retention(*log_, 5'000, {{requests_topic, {3, 4}}}));

  for (const char* name : topics) {
    const auto settings = log_->topic_settings(log_->find_topic(name)->id);
    ASSERT_TRUE(settings);
    EXPECT_TRUE(settings->deletes) << name;
    EXPECT_EQ(settings->retention_ms, 5'000) << name;
    EXPECT_EQ(settings->segment_bytes, name == std::string(stock_topic) ? 65'536U : 1'048'576U)
        << name;
  }
  const auto state = log_->topic_settings(changelog->id);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->compacts);
  EXPECT_FALSE(state->deletes);
  EXPECT_EQ(state->segment_bytes, 1'048'576U) << "so that it is compacted soon";
  const auto group = log_->group("retail-audit");
  ASSERT_TRUE(group);
  const log::TopicId requests = log_->find_topic(requests_topic)->id;
  EXPECT_EQ(log_->position(*group, {requests, log::partition(1)}).value(), log::offset(4));
  const log::TopicId shelves = log_->find_topic(shelves_topic)->id;
  EXPECT_EQ(log_->position(*group, {shelves, log::partition(0)}).value(), log::offset(0));
}

class AttemptWhileAway : public testing::Test {
 protected:
  static millrace::Status away() {
    return millrace::fail(log::errc::unavailable, "the cluster is away");
  }
  // Attempts of which each fails in the way that is next here, and those behind the last succeed.
  millrace::Status attempt(const std::vector<millrace::ErrorCode>& failures) {
    return attempt_while_away(
        clock_,
        [&]() -> millrace::Status {
          if (attempts_ == failures.size()) return {};
          return millrace::fail(failures[attempts_++], "the attempt failed");
        },
        [&]() -> millrace::Status {
          ++pauses_;
          return {};
        });
  }

  millrace::ManualClock clock_;
  std::size_t attempts_ = 0;
  std::size_t pauses_ = 0;
};

TEST_F(AttemptWhileAway, repeats_until_the_cluster_is_back) {
  EXPECT_TRUE(attempt({}));
  EXPECT_EQ(pauses_, 0U);
  EXPECT_TRUE(attempt({log::errc::unavailable, log::errc::outcome_unknown}));
  EXPECT_EQ(pauses_, 2U);
}

TEST_F(AttemptWhileAway, does_not_repeat_what_fails_for_another_reason) {
  const auto failed = attempt({log::errc::unavailable, log::errc::disk_full});
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().is(log::errc::disk_full));
  EXPECT_EQ(pauses_, 1U);
}

TEST_F(AttemptWhileAway, ends_when_the_pause_does) {
  const auto failed = attempt_while_away(clock_, away, [] {
    return millrace::Status(millrace::fail(millrace::errc::busy, "stopped by SIGTERM"));
  });
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().is(millrace::errc::busy));
  EXPECT_EQ(failed.error().message(), "the cluster is away: stopped by SIGTERM");
}

TEST_F(AttemptWhileAway, ends_after_five_minutes) {
  const auto failed = attempt_while_away(clock_, away, [&] {
    ++pauses_;
    clock_.advance_ms(60'000);
    return millrace::Status();
  });
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().is(log::errc::unavailable));
  EXPECT_EQ(pauses_, 5U);
}

TEST(PassFiles, have_names_that_a_run_deletes_and_no_others_are_like_them) {
  EXPECT_EQ(position_file(1), "feed.position");
  EXPECT_EQ(summary_file(1), "summary.json");
  EXPECT_EQ(position_file(12), "feed-12.position");
  EXPECT_EQ(summary_file(12), "summary-12.json");
  for (const std::string& name : {position_file(1), summary_file(1), position_file(12),
                                  summary_file(12), summary_file(2) + ".tmp"})
    EXPECT_TRUE(is_top_file(name)) << name;
  for (const char* name : {"feed-.position", "feed-x.position", "feed2.position", "feed-2",
                           "summary-1-2.json", "my-summary.json", "feed.json"})
    EXPECT_FALSE(is_top_file(name)) << name;
}

}  // namespace
}  // namespace retail
