// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/feed/feed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "millrace/http/server.hpp"
#include "millrace/service/supervisor.hpp"
#include "millrace/telemetry/logger.hpp"
#include "millrace/telemetry/metrics.hpp"

namespace retail {
namespace {

using millrace::http::Request;
using millrace::http::Responder;
using testing::Each;
using testing::HasSubstr;
using testing::Lt;

/// A storefront that responds when the test says so.
class FeedTest : public testing::Test {
 protected:
  void start_server(millrace::http::ServerOptions options) {
    server_ = std::make_unique<millrace::http::Server>(std::move(options), logger_, metrics_);
    server_->router().add(millrace::http::Method::post, "/orders",
                          [this](const Request& request, Responder responder) {
                            const std::lock_guard lock(mutex_);
                            order_.push_back(std::stoi(request.body));
                            held_.push_back(std::move(responder));
                          });
    ASSERT_TRUE(server_->start());
  }
  void start_feed(FeedOptions options, millrace::Clock& clock) {
    if (options.urls.empty()) options.urls = {server_->url()};
    auto feed = Feed::start(
        std::move(options),
        [](std::size_t index) { return FeedItem{"/orders", std::to_string(index), true}; }, clock);
    ASSERT_TRUE(feed) << feed.error().to_string();
    feed_ = *std::move(feed);
  }
  /// Answers the request that came first of those that wait.
  void answer_one() {
    ASSERT_TRUE(until([this] { return held() > 0; }));
    std::unique_lock lock(mutex_);
    Responder first = std::move(held_.front());
    held_.pop_front();
    lock.unlock();
    first.send({});
  }
  /// The requests that the server has begun, in that order.
  std::vector<int> begun() {
    const std::lock_guard lock(mutex_);
    return order_;
  }
  std::size_t held() {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  [[nodiscard]] std::size_t sent_again() const { return feed_->progress().sent_again; }
  [[nodiscard]] std::size_t answered() const { return feed_->progress().answered; }
  /// The time is a guard against a hang, never a measure.
  static bool until(const std::function<bool()>& reached) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (!reached()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      std::this_thread::yield();
    }
    return true;
  }

  millrace::ManualClock clock_;
  millrace::telemetry::MetricRegistry metrics_;
  millrace::telemetry::Logger logger_{
      {.service = "test"}, millrace::real_clock(), millrace::telemetry::stderr_sink()};
  std::mutex mutex_;
  std::vector<int> order_;
  std::deque<Responder> held_;
  std::unique_ptr<millrace::http::Server> server_;
  std::unique_ptr<Feed> feed_;
};

TEST_F(FeedTest, what_was_refused_goes_before_what_was_never_sent_and_is_not_refused_again) {
  start_server({.max_in_flight = 2, .max_waiting = 0});
  start_feed({.in_flight = 8, .total = 40}, clock_);
  ASSERT_TRUE(until([this] { return sent_again() == 6; }));
  clock_.advance_ms(1'000);  // as the server's Retry-After says
  for (int i = 0; i < 40; ++i)
    ASSERT_NO_FATAL_FAILURE(answer_one());
  ASSERT_TRUE(until([this] { return answered() == 40; }));
  auto first = begun();
  first.resize(8);
  EXPECT_THAT(first, Each(Lt(8))) << "the first eight were sent before all others";
  EXPECT_EQ(sent_again(), 6U) << "no more at once than the server takes";
}

// Nobody listens on the first port.
TEST_F(FeedTest, what_one_storefront_does_not_answer_goes_to_the_next) {
  start_server({});
  start_feed({.urls = {"http://127.0.0.1:1", server_->url()}, .in_flight = 3, .total = 6},
             millrace::real_clock());
  for (int i = 0; i < 6; ++i)
    ASSERT_NO_FATAL_FAILURE(answer_one());
  ASSERT_TRUE(until([this] { return answered() == 6; }));
  EXPECT_GE(sent_again(), 2U);
  EXPECT_THAT(begun(), testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(FeedTest, a_pause_that_the_server_asks_for_is_kept) {
  start_server({.max_in_flight = 1, .max_waiting = 0});
  start_feed({.in_flight = 2, .total = 2}, clock_);
  ASSERT_TRUE(until([this] { return sent_again() == 1; }));
  clock_.advance_ms(999);
  ASSERT_NO_FATAL_FAILURE(answer_one());
  ASSERT_TRUE(until([this] { return answered() == 1; }));
  EXPECT_EQ(begun().size(), 1U) << "the pause is not over";
  clock_.advance_ms(1);
  ASSERT_NO_FATAL_FAILURE(answer_one());
  ASSERT_TRUE(until([this] { return answered() == 2; }));
  EXPECT_EQ(sent_again(), 1U);
}

TEST_F(FeedTest, when_none_was_refused_for_a_while_more_are_sent_at_once) {
  start_server({.max_in_flight = 2, .max_waiting = 0});
  start_feed({.in_flight = 3, .total = 1'000}, clock_);
  ASSERT_TRUE(until([this] { return sent_again() == 1; }));
  clock_.advance_ms(11'000);
  // Each answer lets one more go at once, until the server refuses one again.
  while (sent_again() < 2)
    ASSERT_NO_FATAL_FAILURE(answer_one());
}

TEST(RetryAfter, is_believed_when_it_is_a_number_of_seconds_within_an_hour) {
  const std::int64_t moment = pause_before_resend_ns(std::nullopt);
  EXPECT_GT(moment, 0);
  EXPECT_EQ(pause_before_resend_ns("0"), 0);
  EXPECT_EQ(pause_before_resend_ns("10"), 10'000'000'000);
  EXPECT_EQ(pause_before_resend_ns("3600"), 3'600'000'000'000);
  for (const char* const wrong : {"", "-5", "10x", "3601", "9223372037", "99999999999999999999"})
    EXPECT_EQ(pause_before_resend_ns(wrong), moment) << wrong;
}

// A full disk, say: what was answered would be sent again by the next run, and takes effect once.
TEST_F(FeedTest, a_position_that_cannot_be_saved_costs_no_request_and_is_tried_again) {
  std::atomic<bool> full = true;
  std::atomic<int> saved = 0;
  start_server({});
  start_feed({.in_flight = 1,
              .total = 20,
              .save_position = [&](std::size_t) -> millrace::Status {
                if (full) return millrace::fail(millrace::errc::disk_full, "no room is left");
                ++saved;
                return {};
              }},
             clock_);
  int given = 0;
  for (; given < 10; ++given) {
    clock_.advance_ms(60'000);
    ASSERT_NO_FATAL_FAILURE(answer_one());
  }
  ASSERT_TRUE(until([this] { return !feed_->progress().unsaved.empty(); }));
  EXPECT_THAT(feed_->progress().unsaved, HasSubstr("no room is left"));
  full = false;
  for (; given < 20; ++given)
    ASSERT_NO_FATAL_FAILURE(answer_one());
  ASSERT_TRUE(until([this] { return feed_->progress().done; }));
  EXPECT_EQ(feed_->progress().failure, "");
  EXPECT_EQ(feed_->progress().unsaved, "");
  EXPECT_GT(saved, 0);
}

TEST_F(FeedTest, the_open_loop_sends_when_a_request_is_due_however_many_are_not_answered) {
  // Both ends of 700 connections.
  millrace::service::raise_descriptor_limit();
  start_server({});
  start_feed({.rate = 1e6, .total = 700}, millrace::real_clock());
  ASSERT_TRUE(until([this] { return held() == 700; }));
  for (int i = 0; i < 700; ++i)
    ASSERT_NO_FATAL_FAILURE(answer_one());
  ASSERT_TRUE(until([this] { return answered() == 700; }));
  EXPECT_EQ(sent_again(), 0U);
}

}  // namespace
}  // namespace retail
