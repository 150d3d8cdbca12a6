// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/router.hpp"

#include <gtest/gtest.h>

namespace millrace::http {
namespace {

struct RouterTest : testing::Test {
  Router router;
  Request request;

  void add(Method method, std::string_view pattern) {
    router.add(method, pattern, [](Request, Responder) {});
  }
  Router::Match match(Method method, std::string_view target) {
    request = Request{};
    request.method = method;
    request.target = target;
    return router.match(request);
  }
  std::string pattern_of(Method method, std::string_view target) {
    const auto found = match(method, target);
    const auto* route = std::get_if<const Route*>(&found);
    return route == nullptr ? ""
                            : std::string(method_name((*route)->method)) + ' ' + (*route)->pattern;
  }
};

TEST_F(RouterTest, captures_are_decoded_segment_by_segment) {
  add(Method::get, "/orders/{id}/lines/{line}");
  EXPECT_EQ(pattern_of(Method::get, "/orders/a%2Fb%20c/lines/7"), "GET /orders/{id}/lines/{line}");
  EXPECT_EQ(request.param("id"), "a/b c");
  EXPECT_EQ(request.param("line"), "7");
  EXPECT_EQ(request.param("other"), "");
  EXPECT_EQ(request.path, "/orders/a/b c/lines/7");
}

TEST_F(RouterTest, a_plain_segment_is_preferred_in_whatever_order_they_came) {
  add(Method::get, "/{any...}");
  add(Method::get, "/orders/{id}");
  add(Method::get, "/orders/recent");
  EXPECT_EQ(pattern_of(Method::get, "/orders/recent"), "GET /orders/recent");
  EXPECT_EQ(pattern_of(Method::get, "/orders/1"), "GET /orders/{id}");
  EXPECT_EQ(pattern_of(Method::get, "/a/b/c"), "GET /{any...}");
  EXPECT_EQ(request.param("any"), "a/b/c");
}

TEST_F(RouterTest, a_target_with_scheme_and_host_is_found_by_its_path) {
  add(Method::get, "/");
  add(Method::get, "/orders");
  EXPECT_EQ(pattern_of(Method::get, "HTTP://shop:80/orders?a=1"), "GET /orders");
  EXPECT_EQ(pattern_of(Method::get, "http://shop"), "GET /");
  EXPECT_EQ(pattern_of(Method::get, "http://shop?a=1"), "GET /");
  EXPECT_EQ(request.query_param("a"), "1");
}

TEST_F(RouterTest, a_capture_is_never_empty) {
  add(Method::get, "/orders/{id}");
  EXPECT_TRUE(std::holds_alternative<Router::NotFound>(match(Method::get, "/orders/")));
  EXPECT_TRUE(std::holds_alternative<Router::NotFound>(match(Method::get, "/orders")));
  EXPECT_TRUE(std::holds_alternative<Router::NotFound>(match(Method::get, "/orders/1/2")));
}

TEST_F(RouterTest, query_parameters_are_decoded_and_repeats_kept) {
  add(Method::get, "/q");
  EXPECT_EQ(pattern_of(Method::get, "/q?country=United+Kingdom&top=%31%30&flag&&top=2&empty="),
            "GET /q");
  EXPECT_EQ(request.query_param("country"), "United Kingdom");
  EXPECT_EQ(request.query_param("top"), "10");
  EXPECT_EQ(request.query_param("flag"), "");
  EXPECT_EQ(request.query_param("empty"), "");
  EXPECT_FALSE(request.query_param("missing"));
  EXPECT_EQ(request.query.size(), 5U);
}

TEST_F(RouterTest, another_method_gets_the_methods_of_the_path) {
  add(Method::get, "/orders/{id}");
  add(Method::put, "/orders/{id}");
  const auto found = match(Method::post, "/orders/1");
  const auto* refused = std::get_if<Router::MethodNotAllowed>(&found);
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->allow, "GET, PUT");
}

TEST_F(RouterTest, head_is_served_by_get_unless_it_has_a_route) {
  add(Method::get, "/a");
  add(Method::get, "/b");
  add(Method::head, "/b");
  EXPECT_EQ(pattern_of(Method::head, "/a"), "GET /a");
  EXPECT_EQ(pattern_of(Method::head, "/b"), "HEAD /b");
}

TEST_F(RouterTest, a_broken_escape_is_a_bad_path) {
  add(Method::get, "/{x}");
  EXPECT_TRUE(std::holds_alternative<Router::BadPath>(match(Method::get, "/%zz")));
  EXPECT_TRUE(std::holds_alternative<Router::BadPath>(match(Method::get, "/a?b=%")));
}

TEST_F(RouterTest, an_absolute_target_is_routed_by_its_path) {
  add(Method::get, "/a");
  EXPECT_EQ(pattern_of(Method::get, "http://host:1/a?b"), "GET /a");
  EXPECT_TRUE(std::holds_alternative<Router::NotFound>(match(Method::get, "*")));
}

using RouterDeathTest = RouterTest;

TEST_F(RouterDeathTest, a_route_given_twice_is_a_mistake) {
  add(Method::get, "/a");
  EXPECT_DEATH(add(Method::get, "/a"), "added once");
  EXPECT_DEATH(add(Method::get, "a"), "starts with /");
}

}  // namespace
}  // namespace millrace::http
