// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/health.hpp"

#include <atomic>

#include "http_testing.hpp"

namespace millrace::http {
namespace {

using testing::HasSubstr;

struct HealthTest : ServerTest {
  Health health;
  std::atomic<bool> restored{false};

  HealthTest() {
    health.add_check("restore", [this]() -> std::optional<std::string> {
      if (restored) {
        return std::nullopt;
      }
      return "3 of 4 partitions";
    });
    health.add_check("log", []() -> std::optional<std::string> { return std::nullopt; });
  }
};

TEST_F(HealthTest, readyz_lists_each_check_with_its_reason) {
  add_health_routes(router(), health, metrics);
  start();
  const auto waiting = get("/readyz");
  ASSERT_TRUE(waiting);
  EXPECT_EQ(waiting->status, 503);
  EXPECT_EQ(
      waiting->body,
      R"({"status":"not ready","checks":[{"name":"restore","ok":false,"reason":"3 of 4 partitions"},)"
      R"({"name":"log","ok":true}]})");
  restored = true;
  EXPECT_EQ(get("/readyz")->status, 200);
  EXPECT_EQ(get("/livez")->status, 200);
}

TEST_F(HealthTest, gated_routes_are_503_with_the_reason_until_ready) {
  router().group({.gate = health.gate()}).get("/work", [](Request, Responder responder) {
    responder.send({});
  });
  start();
  const auto refused_answer = get("/work");
  ASSERT_TRUE(refused_answer);
  EXPECT_EQ(refused_answer->status, 503);
  EXPECT_EQ(refused_answer->headers.find("Retry-After"), "1");
  EXPECT_THAT(refused_answer->body, HasSubstr("restore: 3 of 4 partitions"));
  restored = true;
  EXPECT_EQ(get("/work")->status, 200);
}

TEST_F(HealthTest, metrics_are_served_as_prometheus_text) {
  metrics.counter("millrace_test_total", "Tests.").add(7);
  add_health_routes(router(), health, metrics);
  start();
  const auto answer = get("/metrics");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(answer->body, HasSubstr("\nmillrace_test_total 7\n"));
}

TEST(Health, draining_is_not_ready_and_a_check_can_be_replaced) {
  Health health;
  EXPECT_FALSE(health.not_ready());
  health.add_check("a", [] { return std::optional<std::string>("one"); });
  EXPECT_EQ(health.not_ready(), "a: one");
  health.add_check("a", []() -> std::optional<std::string> { return std::nullopt; });
  EXPECT_FALSE(health.not_ready());
  health.set_draining();
  EXPECT_TRUE(health.not_ready());
}

}  // namespace
}  // namespace millrace::http
