// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/storefront/http/api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
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
#include "retail/contracts/payments.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/contracts/shipments.hpp"
#include "retail/orders/topology.hpp"
#include "retail/storefront/topology.hpp"
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

/// An instance of the storefront without a server: the parts of a service on a log.
class Front {
 public:
  Front(millrace::log::MemoryBroker& broker, const std::string& member)
      : log(broker.connect({.service = "storefront", .member = member})),
        instance(*millrace::stream::Instance::open(
            *log, test::sound(topology(test::scarce)), {},
            {millrace::real_clock(), millrace::real_file_system(), random, {}})),
        durability(*log),
        edge(std::in_place, *log, millrace::real_clock(), random, 1U << 20U),
        desks({*log, edge->records(), *instance, durability, logger, metrics}),
        context{settings,   millrace::real_clock(),
                *log,       *instance,
                durability, *edge,
                logger,     metrics,
                health,     {},
                desks} {
    EXPECT_TRUE(add_api(router, context));
    add_readiness(context);
  }
  ~Front() {
    desks.stop();
    edge.reset();
  }
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  std::future<Response> call(millrace::http::Method method, const std::string& target,
                             const std::string& body = {}, const std::string& prefer = {}) {
    millrace::http::Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    if (!prefer.empty()) request.headers.add("Prefer", prefer);
    const auto match = router.match(request);
    auto answer = std::make_shared<Answer>();
    auto future = answer->future();
    std::get<const millrace::http::Route*>(match)->handler(request, Responder(answer));
    return future;
  }
  Response get(const std::string& target) {
    return call(millrace::http::Method::get, target).get();
  }
  [[nodiscard]] std::size_t share() const { return instance->status().tasks.size(); }

  millrace::SeededRandom random{7};
  millrace::telemetry::Logger logger{
      {.service = "storefront"}, millrace::real_clock(), millrace::telemetry::stderr_sink()};
  millrace::telemetry::MetricRegistry metrics;
  millrace::http::Health health;
  millrace::service::Settings settings{{}};
  std::unique_ptr<millrace::log::Log> log;
  std::unique_ptr<millrace::stream::Instance> instance;
  millrace::service::DurabilityGate durability;
  std::optional<millrace::service::EdgeWriter> edge;
  millrace::service::RequestDesks desks;
  millrace::service::Context context;
  millrace::http::Router router;
};

/// A storefront and orders, on a memory log that becomes durable when the test says so. Orders
/// alone decides on adjustments only, which are no sale: 422.
class ApiTest : public testing::Test {
 protected:
  ApiTest() : broker_(millrace::real_clock(), false) {
    create_topics("stock", {stock_topic, "stock.dead-letters"});
    create_topics("payments", {payments_topic, "payments.dead-letters"});
    create_topics("shipments", {shipments_topic, "shipments.dead-letters"});
    create_topics("insights", {revenue_topic, products_topic});
    orders_log_ = broker_.connect({.service = "orders", .member = ""});
    orders_ = *millrace::stream::Instance::open(
        *orders_log_, test::sound(orders::topology(test::scarce)), {},
        {millrace::real_clock(), millrace::real_file_system(), random_, {}});
    fronts_.push_back(std::make_unique<Front>(broker_, ""));
    while (!front().instance->status().ready || !orders_->status().ready || front().share() == 0)
      step();
  }
  ~ApiTest() override {
    broker_.set_manual_durability(false);
    broker_.make_durable();
    fronts_.clear();
  }

  void create_topics(const std::string& owner, std::initializer_list<const char*> names) {
    const auto log = broker_.connect({.service = owner, .member = ""});
    for (const char* name : names)
      EXPECT_TRUE(log->create_topic({name, 4, millrace::log::TopicKind::events, owner}));
  }
  Front& front(std::size_t number = 0) { return *fronts_[number]; }
  void step() {
    for (const auto& one : fronts_)
      EXPECT_TRUE(one->instance->step());
    EXPECT_TRUE(orders_->step());
  }
  static std::string body(const std::string& id, const std::string& country = "France") {
    return R"({"order_id":")" + id + R"(","country":")" + country +
           R"(","ordered_at":"2010-12-01T08:26:00Z","lines":[{"product":"85123A","quantity":6,"unit_price_milli":2550}]})";
  }
  std::future<Response> post(const std::string& id, const std::string& prefer = "wait=50",
                             std::size_t number = 0) {
    return front(number).call(millrace::http::Method::post, "/orders", body(id), prefer);
  }
  /// Works until the response is there.
  Response answer_of(std::future<Response>& answer) {
    while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      step();
    return answer.get();
  }
  static bool is_open(std::future<Response>& answer) {
    return answer.wait_for(std::chrono::seconds(0)) == std::future_status::timeout;
  }

  millrace::SeededRandom random_{11};
  millrace::log::MemoryBroker broker_;
  std::unique_ptr<millrace::log::Log> orders_log_;
  std::unique_ptr<millrace::stream::Instance> orders_;
  std::vector<std::unique_ptr<Front>> fronts_;
};

TEST_F(ApiTest, a_client_that_does_not_wait_gets_that_its_request_is_pending) {
  const Response answer = post("1", "wait=0").get();
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.headers.find("Location"), "/orders/1");
}

TEST_F(ApiTest, a_request_that_cannot_be_appended_is_never_called_pending) {
  broker_.fail_commits(millrace::log::errc::disk_full, 1);
  EXPECT_EQ(post("1", "wait=0").get().status, 503);
}

TEST_F(ApiTest, a_request_is_not_called_pending_before_it_is_durable) {
  broker_.set_manual_durability(true);
  auto answer = post("1", "wait=0");
  // The wait decides nothing: an answer that comes too early fails the test whenever it comes.
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  broker_.make_durable();
  EXPECT_EQ(answer.get().status, 202);
}

TEST_F(ApiTest,
       of_two_requests_under_one_id_at_once_the_second_is_refused_before_the_first_is_decided) {
  auto first = post("1");
  auto second = front().call(
      millrace::http::Method::post, "/write-offs",
      R"({"write_off_id":"1","country":"France","ordered_at":"2010-12-01T08:26:00Z","lines":[{"product":"85123A","quantity":6,"unit_price_milli":0}]})");
  const Response refused = answer_of(second);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, testing::HasSubstr("order-id-reused"));
  EXPECT_TRUE(is_open(first));
}

TEST_F(ApiTest, the_same_request_with_other_white_space_waits_for_the_same_outcome) {
  auto first = post("A1");
  auto again = front().call(millrace::http::Method::post, "/orders",
                            R"( {"country" : "France", "order_id":"A1",
           "ordered_at":"2010-12-01T08:26:00.000Z",
           "lines":[{"product":"85123A","quantity":6.0,"unit_price_milli":2550}]} )");
  auto other = front().call(millrace::http::Method::post, "/orders", body("A1", "Spain"));
  EXPECT_EQ(answer_of(other).status, 409);
  const Response outcome = answer_of(first);
  EXPECT_EQ(outcome.status, 422);
  EXPECT_THAT(outcome.body, testing::HasSubstr("not a sale"));
  EXPECT_THAT(outcome.body, testing::HasSubstr("orders.dead-letters-"));
  EXPECT_EQ(answer_of(again).body, outcome.body);
}

/// A second instance of the storefront has half of the partitions.
class TwoStorefronts : public ApiTest {
 protected:
  TwoStorefronts() {
    fronts_.push_back(std::make_unique<Front>(broker_, "storefront-2"));
    while (!front(0).instance->status().ready || !front(1).instance->status().ready ||
           front(1).share() == 0 || front(0).share() != front(1).share())
      step();
  }
};

TEST_F(TwoStorefronts, are_both_ready) {
  for (const auto& one : fronts_)
    EXPECT_EQ(one->health.not_ready(), std::nullopt);
}

TEST_F(TwoStorefronts, answer_for_a_request_that_nobody_made_with_one_404_and_one_503) {
  for (int i = 0; i < 32; ++i) {
    const std::string target = "/orders/nobody-" + std::to_string(i);
    Response owner = front(0).get(target);
    Response other = front(1).get(target);
    if (owner.status == 503) {
      std::swap(owner, other);
    }
    EXPECT_EQ(owner.status, 404) << target << owner.body;
    EXPECT_EQ(other.status, 503) << target << other.body;
    EXPECT_THAT(other.body, testing::HasSubstr("service.not_owner"));
    EXPECT_EQ(other.headers.find("Retry-After"), "1");
  }
}

TEST_F(TwoStorefronts, reply_to_requests_of_each_others_partitions) {
  std::vector<std::future<Response>> answers;
  for (std::size_t i = 0; i < 32; ++i)
    answers.push_back(post("A" + std::to_string(i), "wait=50", i % 2));
  for (std::size_t i = 0; i < 32; ++i) {
    const Response first = answer_of(answers[i]);
    EXPECT_EQ(first.status, 422) << i << first.body;
    auto again = post("A" + std::to_string(i), "wait=50", (i + 1) % 2);
    EXPECT_EQ(answer_of(again).body, first.body) << i;
  }
}

// More than there are partitions.
TEST_F(TwoStorefronts, one_without_a_partition_is_ready_and_replies) {
  while (fronts_.size() < 24)
    fronts_.push_back(
        std::make_unique<Front>(broker_, "storefront-" + std::to_string(fronts_.size() + 1)));
  const auto empty = [&] {
    return std::find_if(fronts_.begin(), fronts_.end(), [](const auto& one) {
      return one->instance->status().ready && one->share() == 0 && !one->health.not_ready();
    });
  };
  while (empty() == fronts_.end())
    step();
  auto answer = post("A1", "wait=50", static_cast<std::size_t>(empty() - fronts_.begin()));
  EXPECT_EQ(answer_of(answer).status, 422);
}

TEST_F(ApiTest, sums_are_numbers_with_every_digit) {
  millrace::testkit::EventWriter writer(broker_);
  writer.write(revenue_topic, Country{"France"},
               RevenueEvent(RevenueChanged{{9'007'199'254'740'993}, {INT64_MAX}, 2}), test::day(0));
  writer.write(products_topic, ProductCode{"85123A"},
               ProductSalesChanged{9'007'199'254'740'995, {9'007'199'254'740'997}, 1},
               test::day(0));
  constexpr int steps_max = 1'000;
  for (int i = 0; i < steps_max && front().instance->status().records < 2; ++i)
    step();
  EXPECT_EQ(front().get("/insights/revenue?country=France").body,
            R"({"country":"France","revenue_milli":9007199254740993,)"
            R"("refunds_milli":9223372036854775807,"orders":2})");
  EXPECT_EQ(front().get("/insights/products").body,
            R"([{"product":"85123A","units":9007199254740995,"revenue_milli":9007199254740997}])");
}

TEST_F(ApiTest, what_grows_with_state_does_not_run_on_the_thread_of_the_probes) {
  millrace::service::add_view_routes(front().router, *front().instance, *front().log,
                                     front().durability, {});
  std::vector<std::string> heavy;
  for (const millrace::http::Route& route : front().router.routes()) {
    if (route.options->work == millrace::http::Work::heavy) {
      heavy.push_back(route.pattern);
    }
  }
  EXPECT_THAT(heavy, testing::UnorderedElementsAre("/insights/products", "/views/{store}"));
}

TEST_F(ApiTest, what_is_posted_has_to_say_that_it_is_json) {
  int posts = 0;
  for (const millrace::http::Route& route : front().router.routes()) {
    if (route.method == millrace::http::Method::post) {
      EXPECT_TRUE(route.options->takes_json) << route.pattern;
      ++posts;
    }
  }
  EXPECT_EQ(posts, 3);
}

}  // namespace
}  // namespace retail::storefront
