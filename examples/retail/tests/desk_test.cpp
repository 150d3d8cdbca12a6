// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/storefront/http/desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/file_system.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/service/views.hpp"
#include "millrace/telemetry/logger.hpp"
#include "millrace/testkit/event_writer.hpp"
#include "retail/contracts/insights.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/storefront/http/api.hpp"
#include "retail/tests/builders.hpp"

namespace retail::storefront {
namespace {

using millrace::http::Responder;
using millrace::http::Response;

class Answer final : public millrace::http::ResponseSink {
 public:
  void deliver(Response response) override { promised_.set_value(std::move(response)); }
  std::future<Response> future() { return promised_.get_future(); }

 private:
  std::promise<Response> promised_;
};

/// Passes on to the desk what a storefront's main program does after each step.
struct Known final : OutcomeListener {
  void outcome_known(const RequestId& id) override { ids.push_back(id); }
  std::vector<RequestId> ids;
};

/// A storefront without HTTP: the parts of a service over a memory log that becomes durable when
/// the test says so.
class DeskTest : public testing::Test {
 protected:
  DeskTest()
      : broker_(millrace::real_clock(), false),
        log_(broker_.connect({.service = "storefront", .member = ""})),
        logger_({.service = "storefront"}, millrace::real_clock(),
                millrace::telemetry::stderr_sink()),
        settings_({}) {
    create_topics("orders", {orders_topic, "orders.dead-letters"});
    create_topics("stock", {stock_topic, "stock.dead-letters"});
    create_topics("payments", {"payments.dead-letters"});
    create_topics("shipments", {"shipments.dead-letters"});
    create_topics("insights", {revenue_topic, products_topic});
    instance_ = *millrace::stream::Instance::open(
        *log_, test::sound(topology(test::scarce, &known_)), {},
        {millrace::real_clock(), millrace::real_file_system(), random_, {}});
    while (!instance_->status().ready)
      EXPECT_TRUE(instance_->step());
    durability_ = std::make_unique<millrace::service::DurabilityGate>(*log_);
    edge_ = std::make_unique<millrace::service::EdgeWriter>(*log_, millrace::real_clock(), random_,
                                                            1U << 20U);
    desks_ = std::make_unique<millrace::service::RequestDesks>(
        millrace::service::RequestDesks::Environment{*log_, edge_->records(), *instance_,
                                                     *durability_, logger_, metrics_});
    context_.reset(new millrace::service::Context{settings_,
                                                  millrace::real_clock(),
                                                  *log_,
                                                  *instance_,
                                                  *durability_,
                                                  *edge_,
                                                  logger_,
                                                  metrics_,
                                                  health_,
                                                  {},
                                                  *desks_});
    desk_ = *Desk::create(*context_);
  }
  ~DeskTest() override {
    broker_.set_manual_durability(false);
    broker_.make_durable();
    edge_.reset();
    desk_.reset();
  }

  void create_topics(const std::string& owner, std::initializer_list<const char*> names) {
    const auto log = broker_.connect({.service = owner, .member = ""});
    for (const char* name : names)
      EXPECT_TRUE(log->create_topic({name, 4, millrace::log::TopicKind::events, owner}));
  }
  std::future<Response> submit(const std::string& order, std::chrono::milliseconds timeout) {
    return submit(
        RequestKind::order,
        R"({"order_id":")" + order +
            R"(","country":"France","ordered_at":"2010-12-01T08:26:00Z","lines":[{"product":"85123A","quantity":6,"unit_price_milli":2550}]})",
        timeout);
  }
  std::future<Response> submit(RequestKind kind, const std::string& body,
                               std::chrono::milliseconds timeout) {
    auto posted = read_posted(kind, body, test::day(1));
    EXPECT_TRUE(posted) << posted.error().to_string();
    auto answer = std::make_shared<Answer>();
    auto future = answer->future();
    desk_->submit(*std::move(posted), "", timeout, Responder(answer));
    return future;
  }

  /// Works until the request is answered.
  Response answer_of(std::future<Response>& answer) {
    while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      EXPECT_TRUE(instance_->step());
      desk_->look_again(std::exchange(known_.ids, {}));
    }
    return answer.get();
  }

  static Response get(millrace::http::Router& router, const std::string& target) {
    millrace::http::Request request;
    request.method = millrace::http::Method::get;
    request.target = target;
    const auto match = router.match(request);
    auto answer = std::make_shared<Answer>();
    auto future = answer->future();
    std::get<const millrace::http::Route*>(match)->handler(request, Responder(answer));
    return future.get();
  }

  millrace::SeededRandom random_{7};
  Known known_;
  millrace::log::MemoryBroker broker_;
  std::unique_ptr<millrace::log::Log> log_;
  millrace::telemetry::Logger logger_;
  millrace::telemetry::MetricRegistry metrics_;
  millrace::http::Health health_;
  millrace::service::Settings settings_;
  std::unique_ptr<millrace::stream::Instance> instance_;
  std::unique_ptr<millrace::service::DurabilityGate> durability_;
  std::unique_ptr<millrace::service::RequestDesks> desks_;  // goes after the writer that calls back
  std::unique_ptr<millrace::service::EdgeWriter> edge_;
  std::unique_ptr<millrace::service::Context> context_;
  std::unique_ptr<Desk> desk_;
};

TEST_F(DeskTest, a_client_that_does_not_wait_gets_that_its_request_is_pending) {
  const Response answer = submit("1", std::chrono::milliseconds(0)).get();
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.headers.find("Location"), "/orders/1");
}

TEST_F(DeskTest, a_request_that_cannot_be_appended_is_never_called_pending) {
  broker_.fail_commits(millrace::log::errc::disk_full, 1);
  EXPECT_EQ(submit("1", std::chrono::milliseconds(0)).get().status, 503);
}

TEST_F(DeskTest, a_request_is_not_called_pending_before_it_is_durable) {
  broker_.set_manual_durability(true);
  auto answer = submit("1", std::chrono::milliseconds(0));
  // The wait decides nothing: an answer that comes too early fails the test whenever it comes.
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  broker_.make_durable();
  EXPECT_EQ(answer.get().status, 202);
}

TEST_F(DeskTest,
       of_two_requests_under_one_id_at_once_the_second_is_refused_before_the_first_is_decided) {
  auto first = submit("1", std::chrono::hours(1));
  auto second = submit(
      RequestKind::write_off,
      R"({"write_off_id":"1","country":"France","ordered_at":"2010-12-01T08:26:00Z","lines":[{"product":"85123A","quantity":6,"unit_price_milli":0}]})",
      std::chrono::hours(1));
  const Response refused = answer_of(second);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, testing::HasSubstr("order-id-reused"));
  EXPECT_THAT(refused.body, testing::HasSubstr("/orders/1"));
  EXPECT_EQ(first.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
}

TEST_F(DeskTest, the_same_request_with_other_white_space_waits_for_the_same_outcome) {
  auto first = submit("1", std::chrono::hours(1));
  auto again =
      submit(RequestKind::order,
             R"( {"country" : "France", "order_id":"1", "ordered_at":"2010-12-01T08:26:00.000Z",
           "lines":[{"product":"85123A","quantity":6.0,"unit_price_milli":2550}]} )",
             std::chrono::hours(1));
  auto other = submit(
      RequestKind::order,
      R"({"order_id":"1","country":"Spain","ordered_at":"2010-12-01T08:26:00Z","lines":[{"product":"85123A","quantity":6,"unit_price_milli":2550}]})",
      std::chrono::hours(1));
  EXPECT_EQ(answer_of(other).status, 409);
  for (auto* one : {&first, &again})
    EXPECT_EQ(one->wait_for(std::chrono::seconds(0)), std::future_status::timeout);
}

/// A second instance of the storefront has half of the partitions.
class TwoStorefronts : public DeskTest {
 protected:
  TwoStorefronts() {
    while (!instance_->status().ready || !other_->status().ready || share_of(*other_) == 0 ||
           share_of(*instance_) != share_of(*other_)) {
      EXPECT_TRUE(instance_->step());
      EXPECT_TRUE(other_->step());
    }
    EXPECT_TRUE(add_api(router_, *context_, *desk_));
    add_readiness(*context_);
    EXPECT_TRUE(add_api(other_router_, *other_context_, *desk_));
  }
  static std::size_t share_of(const millrace::stream::Instance& instance) {
    return instance.status().tasks.size();
  }

  std::unique_ptr<millrace::log::Log> other_log_ =
      broker_.connect({.service = "storefront", .member = "storefront-2"});
  std::unique_ptr<millrace::stream::Instance> other_ = *millrace::stream::Instance::open(
      *other_log_, test::sound(topology(test::scarce, &known_)), {},
      {millrace::real_clock(), millrace::real_file_system(), random_, {}});
  millrace::http::Health other_health_;
  std::unique_ptr<millrace::service::Context> other_context_{
      new millrace::service::Context{settings_,
                                     millrace::real_clock(),
                                     *other_log_,
                                     *other_,
                                     *durability_,
                                     *edge_,
                                     logger_,
                                     metrics_,
                                     other_health_,
                                     {},
                                     *desks_}};
  millrace::http::Router router_;
  millrace::http::Router other_router_;
};

TEST_F(TwoStorefronts, are_both_ready) { EXPECT_EQ(health_.not_ready(), std::nullopt); }

TEST_F(TwoStorefronts, answer_for_a_request_that_nobody_made_with_one_404_and_one_503) {
  for (int i = 0; i < 32; ++i) {
    const std::string target = "/orders/nobody-" + std::to_string(i);
    Response owner = get(router_, target);
    Response other = get(other_router_, target);
    if (owner.status == 503) {
      std::swap(owner, other);
    }
    EXPECT_EQ(owner.status, 404) << target << owner.body;
    EXPECT_EQ(other.status, 503) << target << other.body;
    EXPECT_THAT(other.body, testing::HasSubstr("service.not_owner"));
    EXPECT_EQ(other.headers.find("Retry-After"), "1");
  }
}

TEST_F(TwoStorefronts, take_new_orders_of_each_others_partitions) {
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(submit(std::to_string(i), std::chrono::milliseconds(0)).get().status, 202) << i;
  }
}

TEST_F(TwoStorefronts, do_not_let_a_client_wait_for_an_outcome_that_the_other_one_will_have) {
  int answered = 0;
  for (int i = 0; i < 32; ++i) {
    const std::string order = std::to_string(i);
    const bool is_here = get(router_, "/orders/" + order).status == 404;
    auto answer = submit(order, std::chrono::hours(1));
    if (is_here) continue;
    EXPECT_EQ(answer.get().status, 202) << order;
    ++answered;
  }
  EXPECT_GT(answered, 0);
}

TEST_F(DeskTest, sums_are_numbers_with_every_digit) {
  millrace::testkit::EventWriter writer(broker_);
  writer.write(revenue_topic, Country{"France"},
               RevenueEvent(RevenueChanged{{9'007'199'254'740'993}, {INT64_MAX}, 2}), test::day(0));
  writer.write(products_topic, ProductCode{"85123A"},
               ProductSalesChanged{9'007'199'254'740'995, {9'007'199'254'740'997}, 1},
               test::day(0));
  constexpr int steps_max = 1'000;
  for (int i = 0; i < steps_max && instance_->status().records < 2; ++i)
    ASSERT_TRUE(instance_->step());
  millrace::http::Router router;
  ASSERT_TRUE(add_api(router, *context_, *desk_));
  EXPECT_EQ(get(router, "/insights/revenue?country=France").body,
            R"({"country":"France","revenue_milli":9007199254740993,)"
            R"("refunds_milli":9223372036854775807,"orders":2})");
  EXPECT_EQ(get(router, "/insights/products").body,
            R"([{"product":"85123A","units":9007199254740995,"revenue_milli":9007199254740997}])");
}

TEST_F(DeskTest, what_grows_with_state_does_not_run_on_the_thread_of_the_probes) {
  millrace::http::Router router;
  ASSERT_TRUE(add_api(router, *context_, *desk_));
  millrace::service::add_view_routes(router, *instance_, *log_, *durability_, {});
  std::vector<std::string> heavy;
  for (const millrace::http::Route& route : router.routes()) {
    if (route.options->work == millrace::http::Work::heavy) {
      heavy.push_back(route.pattern);
    }
  }
  EXPECT_THAT(heavy, testing::UnorderedElementsAre("/insights/products", "/views/{store}"));
}

TEST_F(DeskTest, what_is_posted_has_to_say_that_it_is_json) {
  millrace::http::Router router;
  ASSERT_TRUE(add_api(router, *context_, *desk_));
  int posts = 0;
  for (const millrace::http::Route& route : router.routes()) {
    if (route.method == millrace::http::Method::post) {
      EXPECT_TRUE(route.options->takes_json) << route.pattern;
      ++posts;
    }
  }
  EXPECT_EQ(posts, 3);
}

}  // namespace
}  // namespace retail::storefront
